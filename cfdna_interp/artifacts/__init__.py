"""The records that pass between stages: one file a kind, saved atomically, loaded with checks."""
