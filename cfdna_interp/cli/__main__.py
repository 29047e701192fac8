"""``python -m cfdna_interp.cli``."""

from cfdna_interp.cli import main

main()
