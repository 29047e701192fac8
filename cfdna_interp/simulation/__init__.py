"""Simulated cohorts with known truth, as BAM files or as fragment tables."""
