"""The one exception that a user's data or settings may cause."""

from __future__ import annotations


class InputError(Exception):
    """Something in the user's data or settings is wrong, and the message says what to do.

    The command line prints the message as one line and exits with code 2. The message names the
    sample, the file, the place and the remedy, in this order, e.g. ``sample S07: s07.bam is not
    sorted by coordinate (header says SO:queryname); run samtools sort and samtools index``.
    """
