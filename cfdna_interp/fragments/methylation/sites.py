"""The cytosines of the reference on both strands, a stretch at a time, for reads in coordinate order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cfdna_interp.fragments.intervals import Intervals
from cfdna_interp.fragments.kernels.codes import FURTHEST
from cfdna_interp.fragments.kernels.compare import REACH
from cfdna_interp.fragments.kernels.scan_types import SiteLetters
from cfdna_interp.fragments.kernels.sites import CONTEXT, write_letters
from cfdna_interp.fragments.reference import UNKNOWN, ReferenceGenome

STRETCH = 1 << 20  # bp; reads move so far before the next stretch is looked up


def letters_of(codes: np.ndarray) -> np.ndarray:
    """Return the letter of each base of the reference, without the first two and the last two bases.

    Parameters
    ----------
    codes
        (n + 4,) uint8: 0..3 for A C G T, 4 unknown.

    Returns
    -------
    (n,) uint8: ``z`` in a CpG, ``x`` in a CHG, ``h`` in a CHH, ``u`` where an unknown base hides the
    context. A G is a cytosine of the reverse strand, and ``REVERSE_SITE`` is added to its letter. Other bases
    have ``NO_SITE``.
    """
    letters = np.empty(len(codes) - 2 * CONTEXT, dtype=np.uint8)
    write_letters(codes, letters)
    return letters


class Sites:
    """The letters of the reference around the reads at hand.

    Attributes
    ----------
    contig, begin
        Index of the contig (-1: none yet) and 0-based position of the first letter.
    letters
        (n,) uint8, see :func:`letters_of`.

    Parameters
    ----------
    reference
        Used by one thread only.
    contig_names
        Of the alignment's header.
    unsure
        Contig index -> (starts, ends) of disjoint intervals, ascending, where the person may differ from the
        reference. Bases there count as unknown: neither they nor the other half of their CpG is called.
        MethylDackel does the same when it merges the strands (its README, ``--mergeContext``).
    """

    def __init__(self, reference: ReferenceGenome, contig_names: Sequence[str], unsure: Intervals):
        self._reference, self._contig_names = reference, contig_names
        self._unsure = {
            contig: (np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64))
            for contig, (starts, ends) in unsure.items()
        }
        self.contig, self.begin = -1, 0
        self.letters = np.zeros(0, dtype=np.uint8)
        self._until = -1

    @property
    def stretch(self) -> SiteLetters:
        """The letters at hand, as kernels take them."""
        return SiteLetters(self.letters, self.contig, self.begin, self._until)

    def move(self, contig: int, start: int) -> None:
        """Look up the stretch for reads that begin from ``start - REACH`` to ``start + STRETCH``.

        Raises
        ------
        InputError
            The reference lacks the contig, or can't be read.
        """
        name = self._contig_names[contig]
        # A genome may have thousands of short contigs, each of which costs what is looked up.
        length = self._reference.length(name)
        begin = max(start - REACH, 0)
        end = max(min(start + STRETCH + REACH, length), begin)
        low, high = begin - CONTEXT, end + CONTEXT
        codes = self._reference.codes(name, low, high)
        if contig in self._unsure:
            starts, ends = self._unsure[contig]
            some = slice(np.searchsorted(ends, low, side="right"), np.searchsorted(starts, high))
            edges = np.zeros(len(codes) + 1, dtype=np.int64)
            np.add.at(edges, np.maximum(starts[some], low) - low, 1)
            np.add.at(edges, np.minimum(ends[some], high) - low, -1)
            codes[np.cumsum(edges[:-1]) > 0] = UNKNOWN
        self.contig, self.begin = contig, begin
        self._until = end - REACH if end < length else FURTHEST
        self.letters = letters_of(codes)
