"""How much of a prediction each feature group carries."""
