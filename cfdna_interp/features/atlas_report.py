"""The lines of ``cfdna-interp atlas check``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.features.atlas_power import atlas_power
from cfdna_interp.features.tissue_methods import complete, marker_counts

_DEPTH = 10.0  # counts a block, where no sample says how many there are


def atlas_lines(
    atlas: Atlas, profiles: Sequence[Path], min_markers: int, depth: float | None, share: float
) -> list[str]:
    """Return what an atlas and the samples extracted with it can tell.

    Parameters
    ----------
    atlas
        The atlas.
    profiles
        Profiles of samples, may be none.
    min_markers
        Covered blocks that a sample needs.
    depth
        Counts a block to judge by; None: the median over samples, 10 without any.
    share
        Of two types that are to be told apart.
    """
    expected = complete(atlas)
    full = np.isfinite(expected).all(axis=1)
    unit = "CpG calls" if atlas.calls else "fragments"
    totals = np.array([marker_counts(Profile.load(path), atlas)[1] for path in profiles])
    totals = totals.reshape(len(profiles), len(atlas))
    lines = [
        f"{len(atlas)} blocks, {np.count_nonzero(full)} of them known in enough cell types, "
        f"{len(atlas.cell_types)} cell types, values of {unit}"
    ]
    if atlas.merged or atlas.dropped:
        lines.append(
            f"overlapping blocks of the table: {atlas.merged} joined to another one at the same place, "
            f"{atlas.dropped} left out"
        )
    if len(profiles):
        covered = np.count_nonzero(totals, axis=1)
        lines.append(
            f"{len(profiles)} samples: {covered.min()} to {covered.max()} blocks covered (median "
            f"{np.median(covered):.0f}), median {np.median(totals):.0f} {unit} a block"
        )
        lines += [
            f"{path.stem}: {count} blocks covered, fewer than features.min_markers ({min_markers}): missing"
            for path, count in zip(profiles, covered, strict=True)
            if count < min_markers
        ]
    if depth is None:
        depth = float(np.median(totals)) if len(profiles) else _DEPTH
        depth = depth or float(totals.mean()) or _DEPTH
    if not full.any():
        return [*lines, "no block is known in enough cell types: nothing can be told"]
    power = atlas_power(expected[full], depth, share)
    markers = [atlas.targets.count(name) for name in atlas.cell_types]
    title = [
        "cell type",
        "markers",
        f"smallest share at {depth:g}",
        "nearest",
        "correlation",
        "depth needed",
    ]
    rows = [title if not len(profiles) else [*title[:2], "covered", *title[2:]]]
    for column, name in enumerate(atlas.cell_types):
        own = np.array([target == name for target in atlas.targets])
        needed = power.depth[column]
        row = [
            name,
            str(markers[column]),
            f"{100 * power.smallest[column]:.2g} %" if power.smallest[column] < 1 else "none",
            atlas.cell_types[power.nearest[column]],
            f"{power.correlation[column]:.2f}",
            f"{needed:.2g}" if np.isfinite(needed) else "never",
        ]
        if len(profiles):
            row.insert(2, f"{np.median(np.count_nonzero(totals[:, own], axis=1)):.0f}")
        rows.append(row)
    lines += _aligned(rows)
    pairs = sorted(
        {
            tuple(sorted((column, int(power.nearest[column]))))
            for column in np.flatnonzero(power.depth > depth).tolist()
        }
    )
    what = f"{100 * share:g} % of one from {100 * share:g} % of the other at {depth:g} {unit} a block"
    if pairs:
        names = "; ".join(f"{atlas.cell_types[one]} and {atlas.cell_types[two]}" for one, two in pairs)
        lines.append(f"can't be told apart, {what}: {names}")
    else:
        lines.append(f"all cell types can be told apart, {what}")
    return lines


def _aligned(rows: list[list[str]]) -> list[str]:
    """Return rows as lines with columns of equal width."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
