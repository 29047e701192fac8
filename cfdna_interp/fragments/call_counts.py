"""Counts of CpG calls outside atlas blocks, beyond how many of a fragment's calls are methylated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.fragments.annotation import ELSEWHERE, Annotation
from cfdna_interp.fragments.kernels.patterns import CPGS, EMPTY, REACH, count_calls, move

_SLOTS = 1 << 15
_EVERYTHING = (0, np.iinfo(np.int64).max)


class _Places:
    """Molecules by place and pattern; see :mod:`cfdna_interp.fragments.kernels.patterns`."""

    def __init__(self, slots: int):
        self.tags = np.full(slots, EMPTY, dtype=np.int64)
        self.gaps = np.zeros(slots, dtype=np.int64)
        self.counts = np.zeros((slots, 1 << CPGS), dtype=np.int32)
        self.used = np.zeros(1, dtype=np.int64)

    def moved(self, low: int, high: int, slots: int, pairs: np.ndarray) -> _Places:
        """Return the places in [low, high) in a table of their own; add the pairs of the others."""
        new = _Places(slots)
        self.move_to(new, low, high, pairs)
        return new

    def move_to(self, new: _Places, low: int, high: int, pairs: np.ndarray) -> None:
        """Add the places in [low, high) to a table with room for them; add the pairs of the others."""
        move(
            self.tags, self.gaps, self.counts, low, high, new.tags, new.gaps, new.counts, new.used, pairs
        )  # fmt: skip


class CallCounter:
    """Counts over the CpG calls of fragments that touch no block.

    Parameters
    ----------
    contigs
        How many there are.
    annotation
        Contexts of CpGs; None leaves ``methylation_context`` out.
    """

    def __init__(self, contigs: int, annotation: Annotation | None):
        self._annotation = annotation or Annotation.empty(contigs)
        self._by_length = np.zeros((1_024, 2), dtype=np.int64)
        self._by_context = np.zeros((len(self._annotation.names) + 1, 2), dtype=np.int64)
        self._patterns = np.zeros(1 << CPGS, dtype=np.int64)
        self._pairs = np.zeros(2, dtype=np.int64)
        self._places = _Places(_SLOTS)

    def add(self, table: FragmentTable) -> None:
        """Count fragments, which come by position; ``block`` holds atlas blocks."""
        self._fit(int(table.length.max(initial=0)))
        known, places = self._annotation, self._places
        row = 0
        while True:
            row = count_calls(
                row,
                table.contig,
                table.start,
                table.length,
                table.cpg_splits,
                table.cpg_offsets,
                table.cpg_states,
                table.block,
                known.splits,
                known.starts,
                known.ends,
                known.contexts,
                self._by_length,
                self._by_context,
                self._patterns,
                places.tags,
                places.gaps,
                places.counts,
                places.used,
            )
            if row == len(table):
                return
            here = (int(table.contig[row]) << 32) + int(table.start[row]) + 1
            # The contig's other places lie within 32 bits of its first one.
            low, high = max(here - REACH, here >> 32 << 32), ((here >> 32) + 1) << 32
            wanted = 4 * (
                int(np.count_nonzero((places.tags >= low) & (places.tags < high))) + _windows(table, row)
            )
            self._places = places = places.moved(
                low, high, max(_SLOTS, 1 << wanted.bit_length()), self._pairs
            )

    def merge(self, other: CallCounter) -> None:
        """Add the counts of another part of the same sample."""
        self._fit(len(other._by_length) - 1)
        self._by_length[: len(other._by_length)] += other._by_length
        self._by_context += other._by_context
        self._patterns += other._patterns
        self._pairs += other._pairs
        taken = int(self._places.used[0] + other._places.used[0])
        self._places = self._places.moved(
            *_EVERYTHING, max(_SLOTS, 1 << (2 * taken).bit_length()), self._pairs
        )
        other._places.move_to(self._places, *_EVERYTHING, self._pairs)

    def write(self, profile: Profile) -> None:
        """Add the counts to a profile.

        They are of the kinds

        - ``methylation_length``: methylated and all calls by fragment length, bp;
        - ``methylation_context``: the same by context of the CpG, with an annotation;
        - ``methylation_pattern``: fragments with at least four calls by the states of the middle four in
          the order of the genome, e.g. ``0110``;
        - ``methylation_pairs``: pairs of molecules that read the same four CpGs in a row, those of them
          that differ and all. A place adds at most as many pairs as 100 molecules have.
        """
        for length in np.flatnonzero(self._by_length[:, 1]).tolist():
            profile.add("methylation_length", str(length), self._by_length[length])
        names: Sequence[str] = (*self._annotation.names, ELSEWHERE) if self._annotation.names else ()
        for name, counts in zip(names, self._by_context, strict=False):
            profile.add("methylation_context", name, counts)
        for pattern in np.flatnonzero(self._patterns).tolist():
            profile.add("methylation_pattern", f"{pattern:0{CPGS}b}", [int(self._patterns[pattern])])
        pairs = self._pairs.copy()
        self._places.moved(0, 0, 2, pairs)  # what is still open is counted, and stays open
        if pairs[1]:
            profile.add("methylation_pairs", str(CPGS), pairs)

    def _fit(self, length: int) -> None:
        if length >= len(self._by_length):
            self._by_length = np.pad(self._by_length, ((0, length + 1 - len(self._by_length)), (0, 0)))


def _windows(table: FragmentTable, row: int) -> int:
    """Return how many windows of calls a fragment has at most."""
    return int(table.cpg_splits[row + 1] - table.cpg_splits[row])
