"""Tissue of origin: the mixture of cell types behind a sample, with intervals, and marker states."""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas, slug
from cfdna_interp.artifacts.features import Feature
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.config.settings import Features
from cfdna_interp.features.atlas_content import expected_blocks
from cfdna_interp.features.tissue_methods import (
    clump_sizes,
    complete,
    deconvolve,
    marker_counts,
    target_columns,
    usable,
)
from cfdna_interp.records.qc import (
    CellTypeShare,
    FewBlocks,
    Markers,
    NoMarkerState,
    Presence,
    Residual,
    Tissue,
)
from cfdna_interp.records.values import known
from cfdna_interp.stats.mixture_intervals import mixture_intervals

GROUP = "tissue_of_origin"
# A type that is not shown is absent where no more than this can be there. `atlas check` asks about the same.
ABSENT = 0.05

_METHODS = {
    "uxm": "weighted non-negative least squares on marker blocks",
    "nnls": "weighted non-negative least squares on methylation levels of marker blocks",
    "em": "highest binomial likelihood of counts at marker blocks",
}


def tissue_features(profile: Profile, atlas: Atlas, settings: Features) -> list[Feature]:
    """Return the features of the group ``tissue_of_origin``.

    With fewer than ``min_markers`` covered blocks the mixture is underdetermined: all are NaN then.
    """
    marked, total = marker_counts(profile, atlas)
    enough = int(np.count_nonzero(total)) >= settings.min_markers
    nothing = np.full(len(atlas.cell_types), np.nan)
    shares = deconvolve(marked, total, atlas, settings.tissue_method) if enough else nothing
    counted = int(total.sum())
    floor = f"missing with fewer than {settings.min_markers} covered blocks"
    features = [
        Feature(
            f"tissue_fraction_{slug(name)}",
            GROUP,
            float(share),
            "share",
            counted,
            f"share of {name} by {_METHODS[settings.tissue_method]}; {floor}",
        )
        for name, share in zip(atlas.cell_types, shares, strict=True)
    ]
    what = "methylated share of CpG calls" if atlas.calls else "share of fragments in the marker state"
    targets = np.array(atlas.targets)
    for target in dict.fromkeys(atlas.targets):
        members = (targets == target) & (total > 0)
        value = float((marked[members] / total[members]).mean()) if enough and members.any() else np.nan
        features.append(
            Feature(
                f"tissue_marker_{slug(target)}",
                GROUP,
                value,
                "share",
                int(total[members].sum()),
                f"mean {what}, blocks of {target}; {floor}",
            )
        )
    return features


def tissue_record(profile: Profile, atlas: Atlas, settings: Features) -> Tissue:
    """Return what a person should know before trusting the shares.

    The intervals are of the shares, from the binomial likelihood of the counts (see
    :mod:`cfdna_interp.stats.mixture_intervals`), whichever method estimates the value; where that lies
    outside, they are extended to it. Where the atlas doesn't explain the counts, no cell type is called
    present or absent: what looks like it may be a type that the atlas lacks.
    """
    marked, total = marker_counts(profile, atlas)
    expected = complete(atlas)
    used = usable(total, expected)
    covered, counts = int(np.count_nonzero(total)), total[used].astype(np.float64)
    markers = Markers(
        blocks=len(atlas),
        merged=atlas.merged,
        dropped=atlas.dropped,
        covered=covered,
        effective=float(counts.sum() ** 2 / (counts**2).sum()) if used.any() else 0.0,
    )

    def without(obstacle: FewBlocks | NoMarkerState) -> Tissue:
        return Tissue(
            method=settings.tissue_method,
            markers=markers,
            counts=int(counts.sum()),
            obstacle=obstacle,
            fractions={},
            residual=Residual(value=None, expected=None, p=None, unknown_share=None, explained=None),
        )

    if covered < settings.min_markers:
        by_chance = expected_blocks(profile, atlas, settings.window)
        return without(FewBlocks(needed=settings.min_markers, by_chance=float(by_chance)))
    shares = deconvolve(marked, total, atlas, settings.tissue_method)
    if np.isnan(shares).any():
        return without(NoMarkerState())
    found = mixture_intervals(
        expected[used],
        marked[used],
        total[used],
        targets=target_columns(atlas)[used],
        spread=atlas.spread,
        clumps=clump_sizes(profile, atlas)[used],
    )
    low, high = np.minimum(found.low, shares), np.maximum(found.high, shares)
    judged = known(found.dispersion) is not None

    def presence(column: int) -> Presence:
        if not found.explained:
            return "cannot_tell"
        if found.shown[column]:
            # Least squares may miss what the likelihood shows.
            return "present" if low[column] > 0 else "cannot_tell"
        return "absent" if high[column] <= ABSENT else "cannot_tell"

    return Tissue(
        method=settings.tissue_method,
        markers=markers,
        counts=int(counts.sum()),
        obstacle=None,
        fractions={
            name: CellTypeShare(
                value=float(shares[column]),
                low=float(low[column]),
                high=float(high[column]),
                presence=presence(column),
            )
            for column, name in enumerate(atlas.cell_types)
        },
        residual=Residual(
            value=known(found.dispersion),
            expected=found.expected if judged else None,
            p=known(found.p),
            unknown_share=known(found.unknown) if judged else None,
            explained=found.explained if judged else None,
        ),
    )
