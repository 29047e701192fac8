"""What the JSON files of a run hold: one type for each file, which its stage builds and later stages read."""
