"""Audit of whether a signal is biology or handling."""
