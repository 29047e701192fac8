"""Blocks of an atlas that overlap: joined or left out, so that a CpG counts once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cfdna_interp.artifacts.atlas_tables import AtlasRow


class Disjoint(NamedTuple):
    """Blocks that don't overlap, and how many others were joined to one of them or left out."""

    rows: list[AtlasRow]
    merged: int
    dropped: int


def disjoint(rows: Sequence[AtlasRow]) -> Disjoint:
    """Return blocks of which no two overlap, in the order of the table.

    Blocks at the same place with the same direction become one: the name, target and CpGs of the first, and
    for each cell type the mean of the values that are measured. So a probe that an array holds twice is one
    CpG.

    Of blocks that overlap in part, or lie at one place with opposite directions, as many as possible stay: in
    the order of their ends, each that begins at or after the end of the last one kept. They can't be joined:
    what share of fragments is in the marker state of the common interval, no table says.
    """
    places: dict[tuple[str, int, int, str], list[int]] = {}
    for number, row in enumerate(rows):
        places.setdefault((row.contig, row.start, row.end, row.direction), []).append(number)
    joined = [(members[0], _joined([rows[number] for number in members])) for members in places.values()]
    ends: dict[str, int] = {}
    kept = []
    for number, row in sorted(joined, key=lambda pair: (pair[1].end, pair[0])):
        if row.start >= ends.get(row.contig, 0):
            ends[row.contig] = row.end
            kept.append((number, row))
    kept.sort(key=lambda pair: pair[0])
    return Disjoint([row for _, row in kept], len(rows) - len(joined), len(joined) - len(kept))


def _joined(rows: Sequence[AtlasRow]) -> AtlasRow:
    """Return the first block with the mean of all values."""
    if len(rows) == 1:
        return rows[0]
    values = np.array([row.values for row in rows], dtype=np.float64)
    measured = np.isfinite(values)
    count = measured.sum(axis=0)
    mean = np.where(measured, values, 0).sum(axis=0) / np.maximum(count, 1)
    return rows[0]._replace(values=np.where(count > 0, mean, np.nan).tolist())
