"""Counting fragments: which atlas block each one touches, and the cells of a sample's profile."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.kernels.compiling import kernel


@kernel
def touch(
    contig: np.ndarray,
    start: np.ndarray,
    length: np.ndarray,
    splits: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    numbers: np.ndarray,
    block: np.ndarray,
) -> None:
    """Write the first block that each fragment overlaps to ``block``, -1 where there is none.

    Parameters
    ----------
    contig, start, length
        (n,) int32 of the fragments.
    splits
        (contigs + 1,) int64: where each contig's blocks are in the following.
    starts, ends, numbers
        (blocks,) int64 disjoint intervals, ascending within a contig, and the numbers to write.
    block
        (n,) int32 for the result.
    """
    for row in range(len(contig)):
        low, last = splits[contig[row]], splits[contig[row] + 1]
        high = last
        while low < high:  # the first block that ends after the fragment's start: no earlier one is touched
            middle = (low + high) >> 1
            if ends[middle] > start[row]:
                high = middle
            else:
                low = middle + 1
        block[row] = numbers[low] if low < last and starts[low] < start[row] + length[row] else -1


@kernel
def count(
    contig: np.ndarray,
    start: np.ndarray,
    length: np.ndarray,
    motif_5p: np.ndarray,
    motif_3p: np.ndarray,
    splits: np.ndarray,
    offsets: np.ndarray,
    states: np.ndarray,
    block: np.ndarray,
    block_starts: np.ndarray,
    block_ends: np.ndarray,
    least: int,
    window: int,
    window_splits: np.ndarray,
    lengths: np.ndarray,
    motifs: np.ndarray,
    windows: np.ndarray,
    patterns: np.ndarray,
    uxm: np.ndarray,
    inside: np.ndarray,
) -> None:
    """Add fragments to the cells of a profile.

    Parameters
    ----------
    contig, start, length, motif_5p, motif_3p, splits, offsets, states, block
        Columns of a fragment table.
    block_starts, block_ends
        (blocks,) int64 of the atlas, indexed by ``block``.
    least
        Calls that a fragment needs inside a block.
    window
        Size of a window, bp.
    window_splits
        (contigs + 1,) int64: where each contig's windows are in ``windows``.
    lengths, motifs
        (most + 1,) and (256,) int64, added to.
    windows
        (windows, 3) int64: short, long and all fragments by midpoint, added to.
    patterns
        (calls + 1, calls + 1) int64: fragments outside blocks by calls and methylated calls, added to.
    uxm
        (blocks, 3) int64: unmethylated, mixed, methylated fragments, added to.
    inside
        (blocks, 4) int64: methylated calls, calls, fragments, bp of the block in fragments, added to.
    """
    for row in range(len(contig)):
        size = length[row]
        lengths[size] += 1
        if motif_5p[row] >= 0:
            motifs[motif_5p[row]] += 1
        if motif_3p[row] >= 0:
            motifs[motif_3p[row]] += 1
        first = window_splits[contig[row]]
        last = window_splits[contig[row] + 1] - 1
        cell = min(first + (start[row] + size // 2) // window, last)
        windows[cell, 0] += 100 <= size <= 150
        windows[cell, 1] += 151 <= size <= 220
        windows[cell, 2] += 1
        calls = methylated = 0
        touched = block[row]
        for call in range(splits[row], splits[row + 1]):
            position = start[row] + offsets[call]
            if touched < 0 or block_starts[touched] <= position < block_ends[touched]:
                calls += 1
                methylated += states[call]
        if touched < 0:
            if calls > 0:
                patterns[calls, methylated] += 1
            continue
        inside[touched, 0] += methylated
        inside[touched, 1] += calls
        inside[touched, 2] += 1
        inside[touched, 3] += min(start[row] + size, block_ends[touched]) - max(
            start[row], block_starts[touched]
        )
        if calls >= least and calls > 0:
            # At most a quarter methylated, at least three quarters, or between: in whole numbers.
            if 4 * methylated <= calls:
                uxm[touched, 0] += 1
            elif 4 * methylated >= 3 * calls:
                uxm[touched, 2] += 1
            else:
                uxm[touched, 1] += 1
