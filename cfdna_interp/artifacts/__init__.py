"""The files that pass between stages, one module per kind, saved atomically and loaded with checks."""
