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
from cfdna_interp.fragments.annotation import ContextAnnotation
from cfdna_interp.fragments.build import bare, common_name
from cfdna_interp.fragments.call_counts import CallCounter
from cfdna_interp.fragments.kernels.counting import INSIDE, UXM, WINDOW, Grid, ProfileCells, count, touch
from cfdna_interp.fragments.kernels.fragment_columns import FragmentColumns
from cfdna_interp.fragments.kernels.intervals import SortedIntervals
from cfdna_interp.fragments.kernels.named_numbers import as_elements


def touch_blocks(table: FragmentTable, atlas: Atlas | None) -> FragmentTable:
    """Return the table with ``block`` set to the first atlas block that each fragment overlaps, else -1.

    Contigs match by :func:`cfdna_interp.fragments.build.bare`.
    """
    table = replace(table, block=np.full(len(table), -1, dtype=np.int32))
    if atlas is not None:
        by_contig = atlas.by_contig()
        members = {bare(contig): numbers for contig, numbers in by_contig.items()}
        none = np.zeros(0, dtype=np.int64)
        blocks = [members.get(bare(name), none) for name in table.contig_names]
        splits = np.concatenate([[0], np.cumsum([len(numbers) for numbers in blocks])]).astype(np.int64)
        numbers = np.concatenate([none, *blocks]).astype(np.int64)
        starts, ends = atlas.starts[numbers].astype(np.int64), atlas.ends[numbers].astype(np.int64)
        touch(FragmentColumns.of(table), SortedIntervals(splits, starts, ends), numbers)
    return table


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


class Counter:
    """Counts over the fragments of a sample, as dense arrays while they are added up.

    Parameters
    ----------
    contig_names, contig_lengths
        Contigs in header order; bp.
    used
        Indices of the contigs in use: their windows are all in the profile, so that every sample of a study
        has the same ones.
    atlas
        Marker blocks; None leaves ``block_uxm`` and ``block_calls`` out.
    settings
        Window size, and the CpGs a fragment needs inside a block.
    annotation
        Contexts of CpGs; None leaves ``methylation_context`` out.
    """

    def __init__(
        self,
        contig_names: Sequence[str],
        contig_lengths: Sequence[int],
        used: Sequence[int],
        atlas: Atlas | None,
        settings: Features,
        annotation: ContextAnnotation | None = None,
    ):
        self._names, self._used = contig_names, sorted(used)
        self._atlas, self._settings = atlas, settings
        self._window_splits = np.zeros(len(contig_names) + 1, dtype=np.int64)
        for index in self._used:
            # A header may give a contig no length; its fragments need a place all the same.
            self._window_splits[index + 1] = max(1, -(-contig_lengths[index] // settings.window))
        self._window_splits = np.cumsum(self._window_splits)
        self._lengths = np.zeros(1_024, dtype=np.int64)
        self._motifs = np.zeros(len(MOTIFS), dtype=np.int64)
        self._windows = np.zeros((int(self._window_splits[-1]), 3), dtype=np.int64)
        self._patterns = np.zeros((64, 64), dtype=np.int64)
        self._calls = CallCounter(len(contig_names), annotation)
        blocks = 0 if atlas is None else len(atlas)
        self._uxm = np.zeros((blocks, 3), dtype=np.int64)
        self._inside = np.zeros((blocks, 4), dtype=np.int64)
        none = np.zeros(0, np.int64)
        self._grid = Grid(
            block_starts=none if atlas is None else atlas.starts.astype(np.int64),
            block_ends=none if atlas is None else atlas.ends.astype(np.int64),
            least=settings.uxm_min_cpgs,
            window=settings.window,
            window_splits=self._window_splits,
        )

    def add(self, table: FragmentTable) -> None:
        """Count fragments on contigs in use; ``block`` holds atlas blocks (see :func:`touch_blocks`)."""
        if len(table) == 0:
            return
        self._fit(int(table.length.max()), int(table.cpg_counts.max()))
        self._calls.add(table)
        cells = ProfileCells(
            lengths=self._lengths,
            motifs=self._motifs,
            windows=as_elements(self._windows, WINDOW),
            patterns=self._patterns,
            uxm=as_elements(self._uxm, UXM),
            inside=as_elements(self._inside, INSIDE),
        )
        count(FragmentColumns.of(table), self._grid, cells)

    def merge(self, other: Counter) -> None:
        """Add the counts of another part of the same sample."""
        self._fit(len(other._lengths) - 1, len(other._patterns) - 1)
        other._fit(len(self._lengths) - 1, len(self._patterns) - 1)
        self._lengths += other._lengths
        self._motifs += other._motifs
        self._windows += other._windows
        self._patterns += other._patterns
        self._uxm += other._uxm
        self._inside += other._inside
        self._calls.merge(other._calls)

    def profile(self) -> Profile:
        """Return the counts.

        Returns
        -------
        A profile with the kinds

        - ``length_1bp``: fragments by length;
        - ``motif``: 5' ends by 4-mer, two a fragment, unknown ones left out;
        - ``window``: fragments by midpoint, short (100-150 bp), long (151-220 bp) and all;
        - ``methylation``: fragments outside blocks by ``calls:methylated``, e.g. ``5:3``, with at least one
          call;
        - ``block_calls``: by block, the methylated and all calls inside it, the fragments that touch no block
          before it, and how many of its bp they hold;
        - ``block_uxm``: fragments by block that have enough calls inside it, at most 25 % methylated (U), at
          least 75 % (M), between (X); Loyfer et al. 2023, https://doi.org/10.1038/s41586-022-05580-6;
        - what :meth:`CallCounter.write` adds.
        """
        profile = Profile()
        for length in np.flatnonzero(self._lengths).tolist():
            profile.add("length_1bp", str(length), [int(self._lengths[length])])
        for motif in np.flatnonzero(self._motifs).tolist():
            profile.add("motif", MOTIFS[motif], [int(self._motifs[motif])])
        for index in self._used:
            first, last = self._window_splits[index : index + 2].tolist()
            for cell in range(first, last):
                key = f"{common_name(self._names[index])}:{(cell - first) * self._settings.window}"
                profile.add("window", key, self._windows[cell])
        for calls, methylated in np.argwhere(self._patterns).tolist():
            profile.add("methylation", f"{calls}:{methylated}", [int(self._patterns[calls, methylated])])
        self._calls.write(profile)
        if self._atlas is not None:
            for block in np.flatnonzero(self._uxm.sum(axis=1)).tolist():
                profile.add("block_uxm", self._atlas.names[block], self._uxm[block])
            for block in np.flatnonzero(self._inside[:, 2]).tolist():
                profile.add("block_calls", self._atlas.names[block], self._inside[block])
        return profile

    def _fit(self, length: int, calls: int) -> None:
        """Make room for lengths and numbers of calls up to these."""
        if length >= len(self._lengths):
            self._lengths = np.pad(self._lengths, (0, length + 1 - len(self._lengths)))
        if calls >= len(self._patterns):
            more = calls + 1 - len(self._patterns)
            self._patterns = np.pad(self._patterns, ((0, more), (0, more)))
