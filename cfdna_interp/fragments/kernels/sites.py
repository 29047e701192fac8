"""The letters of a stretch of the reference (see :mod:`cfdna_interp.fragments.methylation.sites`)."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.kernels.compare import NO_SITE, REVERSE_SITE
from cfdna_interp.fragments.kernels.compiling import helper, kernel

CONTEXT = 2  # bases after a cytosine that tell its context
_A, _C, _G, _T, _UNKNOWN = range(5)


@helper
def _context(next_one, one_after, guanine):
    """Return the letter of a cytosine from the next two bases. ``guanine`` is the code of G on its strand."""
    chh_or_unknown = 117 if one_after == _UNKNOWN else 104  # u, h
    not_cpg = 120 if one_after == guanine else chh_or_unknown  # x
    letter = 122 if next_one == guanine else not_cpg  # z
    return 117 if next_one == _UNKNOWN else letter


@kernel
def write_letters(codes: np.ndarray, letters: np.ndarray) -> None:
    """Write the letter of each base, without the first and the last ``CONTEXT`` bases.

    Parameters
    ----------
    codes
        (n + 2 * CONTEXT,) uint8: 0..3 for A C G T, 4 unknown.
    letters
        (n,) uint8 to write.
    """
    for place in range(np.uint64(len(letters))):
        base = codes[place + np.uint64(2)]
        forward = _context(codes[place + np.uint64(3)], codes[place + np.uint64(4)], _G)
        # The reverse strand is the complement, read backwards: its guanine is a C here.
        reverse = _context(codes[place + np.uint64(1)], codes[place], _C) + REVERSE_SITE
        letters[place] = forward if base == _C else (reverse if base == _G else NO_SITE)
