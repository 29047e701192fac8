"""Compiled loops over the bytes of BAM records and over fragments."""
