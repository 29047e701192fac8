"""Counting fragments into a profile: the only thing that whole-sample features are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.fragments import MOTIFS, FragmentTable
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.config.settings import Features
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import bare

# Short and long fragments of a window, bp, both ends included.
SHORT, LONG = (100, 150), (151, 220)
UNMETHYLATED, METHYLATED = 0.25, 0.75  # largest share of a U, least share of an M fragment


def touch_blocks(table: FragmentTable, atlas: Atlas | None) -> FragmentTable:
    """Return the table with ``block`` set to the first atlas block that each fragment overlaps, else -1.

    Contigs match with or without ``chr``.
    """
    block = np.full(len(table), -1, dtype=np.int32)
    if atlas is None:
        return replace(table, block=block)
    for contig, members in _blocks_by_index(atlas, table.contig_names).items():
        rows = np.flatnonzero(table.contig == contig)
        start = table.start[rows]
        # The first block that ends after the fragment's start is the only one that can be the first touched.
        first = np.searchsorted(atlas.ends[members], start, side="right")
        inside = first < len(members)
        candidate = members[np.minimum(first, len(members) - 1)]
        touched = inside & (atlas.starts[candidate] < start + table.length[rows])
        block[rows[touched]] = candidate[touched]
    return replace(table, block=block)


def check_atlas(atlas: Atlas, contig_names: Sequence[str], contig_lengths: Sequence[int], who: str) -> None:
    """Raise ``InputError`` where the atlas can't be of the alignments' build: all counts would be zero."""
    lengths = {bare(name): length for name, length in zip(contig_names, contig_lengths, strict=True)}
    if not any(bare(contig) in lengths for contig in atlas.contigs):
        raise InputError(
            f"{who} has no contig of the atlas (e.g. {atlas.contigs[0]}); give an atlas of its build"
        )
    for name, contig, end in zip(atlas.names, atlas.contigs, atlas.ends, strict=True):
        if end > lengths.get(bare(contig), end):
            raise InputError(
                f"{who}: atlas block {name} ends at {end}, but {contig} has {lengths[bare(contig)]} bp; "
                "give an atlas of the alignments' build"
            )


def profile_of(table: FragmentTable, atlas: Atlas | None, settings: Features) -> Profile:
    """Count the fragments of a table.

    Parameters
    ----------
    table
        Fragments; ``block`` holds atlas blocks (see :func:`touch_blocks`).
    atlas
        Names of the blocks; None leaves ``block_uxm`` out.
    settings
        Window size, and the CpGs a fragment needs inside a block.

    Returns
    -------
    A profile with the kinds

    - ``length_1bp``: fragments by length;
    - ``motif``: 5' ends by 4-mer, two a fragment, unknown ones left out;
    - ``window``: fragments by midpoint, short (100-150 bp), long (151-220 bp) and all;
    - ``methylation``: fragments outside blocks by ``calls:methylated``, e.g. ``5:3``, with at least one call;
    - ``block_uxm``: fragments by block that have enough calls inside it, at most 25 % methylated (U), at
      least 75 % (M), between (X); Loyfer et al. 2023, https://doi.org/10.1038/s41586-022-05580-6.
    """
    profile = Profile()
    lengths, counts = np.unique(table.length, return_counts=True)
    for length, count in zip(lengths.tolist(), counts.tolist(), strict=True):
        profile.add("length_1bp", str(length), [count])
    ends = np.concatenate([table.motif_5p, table.motif_3p])
    for motif, count in enumerate(np.bincount(ends[ends >= 0], minlength=len(MOTIFS)).tolist()):
        if count:
            profile.add("motif", MOTIFS[motif], [count])
    _count_windows(profile, table, settings.window)
    _count_methylation(profile, table)
    if atlas is not None:
        _count_blocks(profile, table, atlas, settings.uxm_min_cpgs)
    return profile


def add_profile(total: Profile, part: Profile) -> None:
    """Add the counts of ``part`` to ``total``."""
    for kind, cells in part.counts.items():
        for key, counts in cells.items():
            total.add(kind, key, counts)


def add_empty_windows(
    profile: Profile, contig_names: Sequence[str], contig_lengths: Sequence[int], window: int
) -> None:
    """Add all windows of the contigs, so that every sample of a study has the same ones."""
    for name, length in zip(contig_names, contig_lengths, strict=True):
        for start in range(0, length, window):
            profile.add("window", f"{name}:{start}", [0, 0, 0])


def _blocks_by_index(atlas: Atlas, contig_names: Sequence[str]) -> dict[int, np.ndarray]:
    index = {bare(name): number for number, name in enumerate(contig_names)}
    return {
        index[bare(contig)]: members for contig, members in atlas.by_contig().items() if bare(contig) in index
    }


def _count_windows(profile: Profile, table: FragmentTable, window: int) -> None:
    number = (table.start.astype(np.int64) + table.length // 2) // window
    cells, which = np.unique(np.column_stack([table.contig, number]), axis=0, return_inverse=True)
    which = which.ravel()
    counts = np.column_stack(
        [
            np.bincount(which[(table.length >= low) & (table.length <= high)], minlength=len(cells))
            for low, high in (SHORT, LONG, (0, np.iinfo(np.int32).max))
        ]
    )
    for (contig, place), row in zip(cells.tolist(), counts, strict=True):
        profile.add("window", f"{table.contig_names[contig]}:{place * window}", row)


def _count_methylation(profile: Profile, table: FragmentTable) -> None:
    methylated = np.concatenate([[0], np.cumsum(table.cpg_states, dtype=np.int64)])
    methylated = methylated[table.cpg_splits[1:]] - methylated[table.cpg_splits[:-1]]
    calls = table.cpg_counts
    wanted = (table.block < 0) & (calls > 0)
    pairs = np.column_stack([calls[wanted], methylated[wanted]])
    cells, counts = np.unique(pairs, axis=0, return_counts=True)
    for (n, k), count in zip(cells.tolist(), counts.tolist(), strict=True):
        profile.add("methylation", f"{n}:{k}", [count])


def _count_blocks(profile: Profile, table: FragmentTable, atlas: Atlas, min_cpgs: int) -> None:
    fragment = np.repeat(np.arange(len(table)), table.cpg_counts)
    block = table.block[fragment]
    position = table.start[fragment] + table.cpg_offsets
    inside = (block >= 0) & (position >= atlas.starts[block]) & (position < atlas.ends[block])
    calls = np.bincount(fragment[inside], minlength=len(table))
    methylated = np.bincount(fragment[inside & (table.cpg_states == 1)], minlength=len(table))
    enough = np.flatnonzero(calls >= min_cpgs)
    share = methylated[enough] / calls[enough]
    state = np.where(share <= UNMETHYLATED, 0, np.where(share >= METHYLATED, 2, 1))
    counts = np.bincount(table.block[enough] * 3 + state, minlength=3 * len(atlas)).reshape(-1, 3)
    for index in np.flatnonzero(counts.sum(axis=1)).tolist():
        profile.add("block_uxm", atlas.names[index], counts[index])
