"""Count CpG calls outside atlas blocks: by fragment length, by context, and as patterns of neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.fragments.annotation import ELSEWHERE, ContextAnnotation
from cfdna_interp.fragments.kernels.fragment_columns import FragmentColumns
from cfdna_interp.fragments.kernels.intervals import SortedIntervals
from cfdna_interp.fragments.kernels.named_numbers import CALL_SUMS, as_elements
from cfdna_interp.fragments.kernels.patterns import (
    CPGS,
    EMPTY,
    PAIRS,
    REACH,
    CallCounts,
    Contexts,
    PatternTable,
    count_calls,
    move,
)

_SLOTS = 1 << 15
_EVERYTHING = (0, np.iinfo(np.int64).max)


class CallCounter:
    """Counts over the CpG calls of fragments that touch no block.

    Parameters
    ----------
    contigs
        How many there are.
    annotation
        Contexts of CpGs; None leaves ``methylation_context`` out.
    """

    def __init__(self, contigs: int, annotation: ContextAnnotation | None):
        annotation = annotation or ContextAnnotation.empty(contigs)
        self._annotation = annotation
        self._by_length = np.zeros((1_024, 2), dtype=np.int64)
        self._by_context = np.zeros((len(annotation.names) + 1, 2), dtype=np.int64)
        self._patterns = np.zeros(1 << CPGS, dtype=np.int64)
        self._pairs = np.zeros(1, PAIRS)
        self._places = _empty(_SLOTS)
        intervals = SortedIntervals(annotation.splits, annotation.starts, annotation.ends)
        self._contexts = Contexts(intervals, annotation.contexts)

    def add(self, table: FragmentTable) -> None:
        """Count fragments, which must come in order of position; ``block`` holds atlas blocks."""
        self._fit(int(table.length.max(initial=0)))
        places = self._places
        fragments = FragmentColumns.of(table)
        counts = CallCounts(
            by_length=as_elements(self._by_length, CALL_SUMS),
            by_context=as_elements(self._by_context, CALL_SUMS),
            patterns=self._patterns,
        )
        row = 0
        while True:
            row = count_calls(row, fragments, self._contexts, counts, places)
            if row == len(table):
                return
            here = (int(table.contig[row]) << 32) + int(table.start[row]) + 1
            # The contig's other places lie within 32 bits of its first one.
            low, high = max(here - REACH, here >> 32 << 32), ((here >> 32) + 1) << 32
            room = 4 * (
                int(np.count_nonzero((places.tags >= low) & (places.tags < high))) + _windows(table, row)
            )
            slots = max(_SLOTS, 1 << room.bit_length())
            self._places = places = _moved(places, low, high, slots, self._pairs)

    def merge(self, other: CallCounter) -> None:
        """Add the counts of another part of the same sample."""
        self._fit(len(other._by_length) - 1)
        self._by_length[: len(other._by_length)] += other._by_length
        self._by_context += other._by_context
        self._patterns += other._patterns
        self._pairs[0]["different"] += other._pairs[0]["different"]
        self._pairs[0]["every"] += other._pairs[0]["every"]
        entries = int(self._places.used[0] + other._places.used[0])
        slots = max(_SLOTS, 1 << (2 * entries).bit_length())
        self._places = _moved(self._places, *_EVERYTHING, slots, self._pairs)
        move(other._places, *_EVERYTHING, self._places, self._pairs)

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
        _moved(self._places, 0, 0, 2, pairs)  # counts the open places; ``self._places`` itself stays
        if pairs[0]["every"]:
            profile.add("methylation_pairs", str(CPGS), [pairs[0]["different"], pairs[0]["every"]])

    def _fit(self, length: int) -> None:
        if length >= len(self._by_length):
            self._by_length = np.pad(self._by_length, ((0, length + 1 - len(self._by_length)), (0, 0)))


def _empty(slots: int) -> PatternTable:
    """Return a hash table without molecules; ``slots`` is a power of two."""
    return PatternTable(
        tags=np.full(slots, EMPTY, dtype=np.int64),
        gaps=np.zeros(slots, dtype=np.int64),
        molecules=np.zeros((slots, 1 << CPGS), dtype=np.int32),
        used=np.zeros(1, dtype=np.int64),
    )


def _moved(places: PatternTable, low: int, high: int, slots: int, pairs: np.ndarray) -> PatternTable:
    """Return a new table of the places in [low, high); add the pairs at the others to ``pairs``."""
    new = _empty(slots)
    move(places, low, high, new, pairs)
    return new


def _windows(table: FragmentTable, row: int) -> int:
    """Return how many windows of calls a fragment has at most."""
    return int(table.cpg_splits[row + 1] - table.cpg_splits[row])
