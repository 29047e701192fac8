"""Counting CpG calls outside atlas blocks: by length and context, and patterns of four calls.

Molecules that read the same four CpGs meet in a hash table: where a window of four calls begins and the
three distances inside it make the key. Fragments come by position, so what lies far behind is closed.
"""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.kernels.compiling import helper, kernel

CPGS = 4  # of a pattern
EMPTY = -1
REACH = 65_536  # bp; fragments are at most 20,000 bp long, so none that comes later begins further behind
# Pairs that one place can add are those of so many molecules: repeats that the reference holds too few
# copies of pile up thousands, and pairs grow with the square.
MOST = 100
_MIX = 0x1E3779B97F4A7C15  # odd, for multiplicative hashing


@helper
def _slot(tags, gaps, tag, gap):
    """Return the slot of a key: its own, or the empty one that it goes to."""
    mask = len(tags) - 1
    slot = (((tag ^ (gap * _MIX)) * _MIX) >> 24) & mask
    while tags[slot] != EMPTY and not (tags[slot] == tag and gaps[slot] == gap):
        slot = (slot + 1) & mask
    return slot


@helper
def _close(counts, slot, pairs):
    """Add the pairs of molecules at a place, different ones and all, to ``pairs``."""
    molecules, alike = 0, 0
    for pattern in range(1 << CPGS):
        n = np.int64(counts[slot, pattern])
        molecules += n
        alike += n * (n - 1) // 2
    together = molecules * (molecules - 1) // 2
    different, most = together - alike, MOST * (MOST - 1) // 2
    if together > most:
        different, together = different * most // together, most
    pairs[0] += different
    pairs[1] += together


@kernel
def count_calls(
    row: int,
    contig: np.ndarray,
    start: np.ndarray,
    length: np.ndarray,
    splits: np.ndarray,
    offsets: np.ndarray,
    states: np.ndarray,
    block: np.ndarray,
    context_splits: np.ndarray,
    context_starts: np.ndarray,
    context_ends: np.ndarray,
    context_names: np.ndarray,
    by_length: np.ndarray,
    by_context: np.ndarray,
    patterns: np.ndarray,
    tags: np.ndarray,
    gaps: np.ndarray,
    counts: np.ndarray,
    used: np.ndarray,
) -> int:
    """Add the calls of fragments outside blocks from ``row`` on; return the row to go on with.

    It is the number of rows, or less where the hash table has to be cleared or enlarged first.

    Parameters
    ----------
    contig, start, length, splits, offsets, states, block
        Columns of a fragment table.
    context_splits, context_starts, context_ends, context_names
        (contigs + 1,) where each contig's intervals are in the following; (intervals,) disjoint, ascending
        within a contig, with the number of their context. All int64.
    by_length, by_context
        (most + 1, 2) and (contexts + 1, 2) int64, methylated and all calls, added to; the last context is
        that of calls in no interval.
    patterns
        (16,) int64: fragments by the pattern of their middle four calls, first call highest, added to.
    tags, gaps, counts, used
        The hash table: (slots,) contig and position, ``EMPTY`` where none; (slots,) distances;
        (slots, 16) int32 molecules by pattern; (1,) slots taken. ``slots`` is a power of two.
    """
    while row < len(contig):
        first, last = splits[row], splits[row + 1]
        if block[row] >= 0 or first == last:
            row += 1
            continue
        windows = last - first - CPGS + 1
        if windows > 0 and 2 * (used[0] + windows) > len(tags):
            return row
        low, stop = context_splits[contig[row]], context_splits[contig[row] + 1]
        high = stop
        while low < high:  # the first interval that ends after the first call
            middle = (low + high) >> 1
            if context_ends[middle] > start[row] + offsets[first]:
                high = middle
            else:
                low = middle + 1
        methylated = pattern = 0
        for call in range(first, last):
            position = np.int64(start[row]) + offsets[call]
            state = states[call]
            methylated += state
            while low < stop and context_ends[low] <= position:
                low += 1
            inside = low < stop and context_starts[low] <= position
            context = context_names[low] if inside else len(by_context) - 1
            by_context[context, 0] += state
            by_context[context, 1] += 1
            pattern = ((pattern << 1) | state) & ((1 << CPGS) - 1)
            begin = call - CPGS + 1
            if begin < first:
                continue
            if begin == first + (windows - 1) // 2:
                patterns[pattern] += 1
            tag = (np.int64(contig[row]) << 32) + start[row] + offsets[begin] + 1
            gap = np.int64(0)
            for step in range(begin, call):
                gap = (gap << 21) | (offsets[step + 1] - offsets[step])
            slot = _slot(tags, gaps, tag, gap)
            if tags[slot] == EMPTY:
                tags[slot], gaps[slot] = tag, gap
                used[0] += 1
            counts[slot, pattern] += 1
        by_length[length[row], 0] += methylated
        by_length[length[row], 1] += last - first
        row += 1
    return row


@kernel
def move(
    tags: np.ndarray,
    gaps: np.ndarray,
    counts: np.ndarray,
    low: int,
    high: int,
    new_tags: np.ndarray,
    new_gaps: np.ndarray,
    new_counts: np.ndarray,
    new_used: np.ndarray,
    pairs: np.ndarray,
) -> None:
    """Add the places whose tags are in [low, high) to another hash table; close all others.

    ``pairs`` is (2,) int64: pairs of molecules with different patterns, and all, added to. The other table
    is large enough.
    """
    for slot in range(len(tags)):
        if tags[slot] == EMPTY:
            continue
        if low <= tags[slot] < high:
            place = _slot(new_tags, new_gaps, tags[slot], gaps[slot])
            if new_tags[place] == EMPTY:
                new_tags[place], new_gaps[place] = tags[slot], gaps[slot]
                new_used[0] += 1
            for pattern in range(1 << CPGS):
                new_counts[place, pattern] += counts[slot, pattern]
        else:
            _close(counts, slot, pairs)
