"""Cell types that an atlas lacks, estimated from the discovery samples and added to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.artifacts.sheet import load_samples
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.features.tissue_methods import clump_sizes, complete, marker_counts
from cfdna_interp.records.base import load_record
from cfdna_interp.records.qc import SampleQuality
from cfdna_interp.stats.mixture_em import UnknownTypes, fit_unknown, remaining_spread
from cfdna_interp.stats.resampling import stream

_MIN_SAMPLES = 10


def add_unknown(config: Config, count: int) -> tuple[Atlas, UnknownTypes]:
    """Return the atlas with columns ``unknown_1`` ... and what they were estimated with.

    Labels are not used, and held-out samples neither.

    Parameters
    ----------
    config
        Of a run whose samples are extracted with an atlas.
    count
        Cell types to add.

    Raises
    ------
    InputError
        There is no atlas, or fewer than 10 extracted discovery samples are kept and have enough blocks.
    """
    if config.atlas is None:
        raise InputError("config: atlas is not set; set it and extract the samples")
    atlas = Atlas.load(config.atlas)
    layout = Layout.of(config.outdir)
    counts = []
    for sample in load_samples(layout.samples("discovery")):
        if not layout.qc(sample.sample).is_file():
            continue
        if load_record(SampleQuality, layout.qc(sample.sample)).decision == "keep":
            profile = Profile.load(layout.profile(sample.sample))
            marked, total = marker_counts(profile, atlas)
            if np.count_nonzero(total) >= config.features.min_markers:
                counts.append((marked, total, clump_sizes(profile, atlas)))
    if len(counts) < _MIN_SAMPLES:
        raise InputError(
            f"{config.outdir}: {len(counts)} extracted discovery samples cover enough atlas blocks; unknown "
            f"cell types show only in how samples differ, so extract at least {_MIN_SAMPLES}"
        )
    expected = complete(atlas)
    full = np.isfinite(expected).all(axis=1)
    marked, total, clumps = (np.array(part)[:, full].astype(np.float64) for part in zip(*counts, strict=True))
    found = fit_unknown(expected[full], marked, total, count, stream(config.seed, "unknown tissue", count))
    columns = np.full((len(atlas), count), np.nan)
    columns[full] = found.expected
    table = np.hstack([expected[full], found.expected])
    names = tuple(f"unknown_{number}" for number in range(1, count + 1))
    return (
        replace(
            atlas,
            cell_types=(*atlas.cell_types, *names),
            fractions=np.hstack([atlas.fractions, columns]),
            spread=remaining_spread(table, marked, total, clumps, count),
        ),
        found,
    )
