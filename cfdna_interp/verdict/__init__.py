"""Which claim is earned, and what to test at the bench."""
