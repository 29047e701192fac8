"""Shows what an epigenetic model of cell-free DNA rests on, and what of that is earned."""

__version__ = "0.1.0"
