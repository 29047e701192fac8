"""Intervals on the contigs of a genome, and the search for one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cfdna_interp.fragments.kernels.compiling import helper


class SortedIntervals(NamedTuple):
    """Disjoint intervals, ascending within a contig, in compressed-row form.

    Attributes
    ----------
    splits
        (contigs + 1,) int64: the intervals of contig ``i`` are at ``splits[i]`` to ``splits[i + 1] - 1``.
    starts, ends
        (intervals,) int64, bp, 0-based half-open.
    """

    splits: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


@helper
def first_that_ends_after(intervals, contig, position):
    """Return (first interval of a contig that ends after a position, end of the contig's intervals)."""
    ends = intervals.ends
    low, stop = intervals.splits[contig], intervals.splits[contig + 1]
    high = stop
    while low < high:
        middle = (low + high) >> 1
        if ends[middle] > position:
            high = middle
        else:
            low = middle + 1
    return low, stop


@helper
def overlaps_any(intervals, contig, start, end):
    """Tell whether any interval of a contig shares a base with ``start`` to ``end - 1``."""
    starts = intervals.starts
    first = intervals.splits[contig]
    low, high = first, intervals.splits[contig + 1]
    while low < high:  # search for the first interval that begins at or after the end
        middle = (low + high) >> 1
        if starts[middle] < end:
            low = middle + 1
        else:
            high = middle
    return low > first and intervals.ends[low - 1] > start
