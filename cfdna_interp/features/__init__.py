"""Fragments in, named numbers in feature groups out."""
