"""Epigenetic models behind one interface: encoders, heads and their fitting."""
