"""The logistic regression that people can read."""
