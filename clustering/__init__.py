"""Vectors become clusters, and a grade: arrays in, arrays out."""
