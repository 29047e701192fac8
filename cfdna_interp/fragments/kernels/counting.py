"""Count fragments into the cells of a sample's profile, and find the atlas block that each one touches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cfdna_interp.fragments.kernels.compiling import kernel
from cfdna_interp.fragments.kernels.fragment_columns import FragmentColumns
from cfdna_interp.fragments.kernels.intervals import SortedIntervals, first_that_ends_after
from cfdna_interp.fragments.kernels.named_numbers import int64_fields

WINDOW = int64_fields("short", "long", "every")  # fragments of 100-150 bp, of 151-220 bp, and all
UXM = int64_fields("unmethylated", "mixed", "methylated")  # fragments
INSIDE = int64_fields(
    "methylated",  # calls
    "calls",
    "fragments",
    "bases",  # of the block, in fragments
)


class Grid(NamedTuple):
    """The places that the cells of a profile stand for.

    Attributes
    ----------
    block_starts, block_ends
        (blocks,) int64 of the atlas, bp.
    least
        Least calls inside a block of a fragment that counts in ``uxm``.
    window
        Size of a window, bp.
    window_splits
        (contigs + 1,) int64: the windows of contig ``i`` are ``window_splits[i]`` to
        ``window_splits[i + 1] - 1``.
    """

    block_starts: np.ndarray
    block_ends: np.ndarray
    least: int
    window: int
    window_splits: np.ndarray


class ProfileCells(NamedTuple):
    """Counts of a profile. Kernels add to all of them.

    Attributes
    ----------
    lengths, motifs
        (most + 1,) int64 fragments by length, and (256,) int64 ends by motif.
    windows
        (windows,) of ``WINDOW``: fragments by midpoint.
    patterns
        (calls + 1, calls + 1) int64: fragments outside blocks by calls and methylated calls.
    uxm, inside
        (blocks,) of ``UXM`` and of ``INSIDE``.
    """

    lengths: np.ndarray
    motifs: np.ndarray
    windows: np.ndarray
    patterns: np.ndarray
    uxm: np.ndarray
    inside: np.ndarray


@kernel
def touch(fragments: FragmentColumns, blocks: SortedIntervals, numbers: np.ndarray) -> None:
    """Write the first block that each fragment overlaps to ``fragments.block``, -1 where there is none.

    Parameters
    ----------
    fragments
        The fragments.
    blocks, numbers
        Blocks by contig, and (blocks,) int64 the number to write for each.
    """
    contig, start, length, block = fragments.contig, fragments.start, fragments.length, fragments.block
    for row in range(len(contig)):
        # All blocks before this one end before the fragment.
        number, stop = first_that_ends_after(blocks, contig[row], start[row])
        touched = number < stop and blocks.starts[number] < start[row] + length[row]
        block[row] = numbers[number] if touched else -1


@kernel
def count(fragments: FragmentColumns, grid: Grid, cells: ProfileCells) -> None:
    """Add fragments to the cells of a profile; ``fragments.block`` is an index of the grid's blocks."""
    start, splits, offsets = fragments.start, fragments.cpg_splits, fragments.cpg_offsets
    for row in range(len(start)):
        contig, size = fragments.contig[row], fragments.length[row]
        cells.lengths[size] += 1
        if fragments.motif_5p[row] >= 0:
            cells.motifs[fragments.motif_5p[row]] += 1
        if fragments.motif_3p[row] >= 0:
            cells.motifs[fragments.motif_3p[row]] += 1
        first = grid.window_splits[contig]
        last = grid.window_splits[contig + 1] - 1
        window = cells.windows[min(first + (start[row] + size // 2) // grid.window, last)]
        window.short += 100 <= size <= 150
        window.long += 151 <= size <= 220
        window.every += 1
        calls = methylated = 0
        touched = fragments.block[row]
        for call in range(splits[row], splits[row + 1]):
            position = start[row] + offsets[call]
            if touched < 0 or grid.block_starts[touched] <= position < grid.block_ends[touched]:
                calls += 1
                methylated += fragments.cpg_states[call]
        if touched < 0:
            if calls > 0:
                cells.patterns[calls, methylated] += 1
            continue
        inside = cells.inside[touched]
        inside.methylated += methylated
        inside.calls += calls
        inside.fragments += 1
        low = max(start[row], grid.block_starts[touched])
        inside.bases += min(start[row] + size, grid.block_ends[touched]) - low
        if calls >= grid.least and calls > 0:
            uxm = cells.uxm[touched]
            # At most a quarter is methylated, or at least three quarters, or a share in between.
            if 4 * methylated <= calls:
                uxm.unmethylated += 1
            elif 4 * methylated >= 3 * calls:
                uxm.methylated += 1
            else:
                uxm.mixed += 1
