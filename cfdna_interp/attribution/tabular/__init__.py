"""The model of a cohort that comes as a table of features, and its attribution."""
