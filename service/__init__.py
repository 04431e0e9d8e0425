"""The rooms put to work, for a person or a program."""
