"""The proxy, a logistic regression that people can read, and its validation."""
