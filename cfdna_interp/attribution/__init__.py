"""How much each feature group contributes to a prediction."""
