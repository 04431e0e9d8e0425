"""Likeness and shoppers become communities: arrays in, arrays out."""
