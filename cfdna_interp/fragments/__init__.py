"""Alignments in, one row per cfDNA molecule out."""
