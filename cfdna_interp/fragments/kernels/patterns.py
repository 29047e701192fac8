"""Count CpG calls outside atlas blocks: by length, by context, and as patterns of four calls.

A hash table collects the molecules that read the same four CpGs. Its key is the place of the first call and
the three distances between the four. Fragments come in order of position, so places far behind are closed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cfdna_interp.fragments.kernels.compiling import helper, kernel
from cfdna_interp.fragments.kernels.fragment_columns import FragmentColumns
from cfdna_interp.fragments.kernels.intervals import SortedIntervals, first_that_ends_after
from cfdna_interp.fragments.kernels.named_numbers import int64_fields

CPGS = 4  # of a pattern
EMPTY = -1
REACH = 65_536  # bp; fragments have at most 20,000 bp, so no later one begins so far behind
# One place adds at most the pairs of so many molecules. Thousands pile up at repeats of which the reference
# has too few copies, and pairs grow with the square.
MOST = 100
_MIX = 0x1E3779B97F4A7C15  # odd, for multiplicative hashing

PAIRS = int64_fields("different", "every")  # pairs of molecules with different patterns, and all pairs


class PatternTable(NamedTuple):
    """Hash table of molecules by place and pattern.

    Attributes
    ----------
    tags
        (slots,) int64 contig and position, ``EMPTY`` for a free slot. ``slots`` is a power of two.
    gaps
        (slots,) int64 the three distances.
    molecules
        (slots, 16) int32 by pattern.
    used
        (1,) int64 number of slots in use.
    """

    tags: np.ndarray
    gaps: np.ndarray
    molecules: np.ndarray
    used: np.ndarray


class Contexts(NamedTuple):
    """Contexts of CpGs.

    Attributes
    ----------
    intervals, numbers
        The intervals, and (intervals,) int64 the number of each one's context.
    """

    intervals: SortedIntervals
    numbers: np.ndarray


class CallCounts(NamedTuple):
    """Counts of calls. Kernels add to all of them.

    Attributes
    ----------
    by_length
        (most + 1,) of ``CALL_SUMS``, by fragment length.
    by_context
        (contexts + 1,) of ``CALL_SUMS``. The last one is for calls outside all intervals.
    patterns
        (16,) int64: fragments by the pattern of their middle four calls, first call highest.
    """

    by_length: np.ndarray
    by_context: np.ndarray
    patterns: np.ndarray


@helper
def _slot(places, tag, gap):
    """Return the slot that holds a key, or the free slot for it."""
    tags, gaps = places.tags, places.gaps
    mask = len(tags) - 1
    slot = (((tag ^ (gap * _MIX)) * _MIX) >> 24) & mask
    while tags[slot] != EMPTY and not (tags[slot] == tag and gaps[slot] == gap):
        slot = (slot + 1) & mask
    return slot


@helper
def _close(molecules, slot, pairs):
    """Add the pairs of molecules at a place, different ones and all, to ``pairs``."""
    every, alike = 0, 0
    for pattern in range(1 << CPGS):
        n = np.int64(molecules[slot, pattern])
        every += n
        alike += n * (n - 1) // 2
    together = every * (every - 1) // 2
    different, most = together - alike, MOST * (MOST - 1) // 2
    if together > most:
        different, together = different * most // together, most
    pairs.different += different
    pairs.every += together


@kernel
def count_calls(
    row: int, fragments: FragmentColumns, contexts: Contexts, counts: CallCounts, places: PatternTable
) -> int:
    """Count the calls of fragments outside blocks, from ``row`` on. Return the next row to count.

    It is less than the number of rows if the hash table must first be cleared or enlarged.
    """
    contig, start, splits = fragments.contig, fragments.start, fragments.cpg_splits
    offsets, states = fragments.cpg_offsets, fragments.cpg_states
    intervals, by_context = contexts.intervals, counts.by_context
    while row < len(contig):
        first, last = splits[row], splits[row + 1]
        if fragments.block[row] >= 0 or first == last:
            row += 1
            continue
        windows = last - first - CPGS + 1
        if windows > 0 and 2 * (places.used[0] + windows) > len(places.tags):
            return row
        low, stop = first_that_ends_after(intervals, contig[row], start[row] + offsets[first])
        methylated = pattern = 0
        for call in range(first, last):
            position = np.int64(start[row]) + offsets[call]
            state = states[call]
            methylated += state
            while low < stop and intervals.ends[low] <= position:
                low += 1
            inside = low < stop and intervals.starts[low] <= position
            context = by_context[contexts.numbers[low] if inside else len(by_context) - 1]
            context.methylated += state
            context.calls += 1
            pattern = ((pattern << 1) | state) & ((1 << CPGS) - 1)
            begin = call - CPGS + 1
            if begin < first:
                continue
            if begin == first + (windows - 1) // 2:
                counts.patterns[pattern] += 1
            tag = (np.int64(contig[row]) << 32) + start[row] + offsets[begin] + 1
            gap = np.int64(0)
            for step in range(begin, call):
                gap = (gap << 21) | (offsets[step + 1] - offsets[step])
            slot = _slot(places, tag, gap)
            if places.tags[slot] == EMPTY:
                places.tags[slot], places.gaps[slot] = tag, gap
                places.used[0] += 1
            places.molecules[slot, pattern] += 1
        length = counts.by_length[fragments.length[row]]
        length.methylated += methylated
        length.calls += last - first
        row += 1
    return row


@kernel
def move(old: PatternTable, low: int, high: int, new: PatternTable, pairs: np.ndarray) -> None:
    """Copy the places with tags in [low, high) to another hash table, and close all others.

    Parameters
    ----------
    old, new
        The hash tables. The old one stays as it is, and the new one must be large enough.
    low, high
        Limits of the tags to keep.
    pairs
        (1,) of ``PAIRS``. The pairs of molecules at closed places are added to it.
    """
    for slot in range(len(old.tags)):
        tag, gap = old.tags[slot], old.gaps[slot]
        if tag == EMPTY:
            continue
        if low <= tag < high:
            place = _slot(new, tag, gap)
            if new.tags[place] == EMPTY:
                new.tags[place], new.gaps[place] = tag, gap
                new.used[0] += 1
            for pattern in range(1 << CPGS):
                new.molecules[place, pattern] += old.molecules[slot, pattern]
        else:
            _close(old.molecules, slot, pairs[0])
