"""Probes of a model before it is trusted, one file per kind of question."""
