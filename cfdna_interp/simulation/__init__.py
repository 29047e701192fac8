"""Cohorts whose truth is known, as BAM files or as fragment tables."""
