"""The natural summary of each feature group, and its noise from the sampling of fragments.

Each summary is a ratio of sums over fragments, scaled so that its expectation is the sample's latent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.simulation.biology import (
    ISLAND_PATTERNS,
    LENGTHS,
    PATTERN_LEVELS,
    Biology,
    build_biology,
    draw_molecules,
)
from cfdna_interp.simulation.observation import fragment_table
from cfdna_interp.stats.resampling import stream

_POOL = 60_000  # fragments of the Monte Carlo pool, which gives standard deviations to about 1 %


@dataclass(frozen=True, eq=False)
class Summaries:
    """The three natural summaries, in the order of ``BAG_GROUPS``.

    ``fragment_length``: mean shortness. ``methylation``: unmethylated share of a fragment's calls, averaged
    over the fragments outside marker blocks. Each fragment counts once, since islands would otherwise
    dominate. ``tissue_of_origin``: number of fragments in their marker's state, with each block weighted by
    its information about the latent (the efficient score at latent 0).

    Attributes
    ----------
    biology
        Genome, atlas and distributions.
    level, slope
        Methylated share of a fragment's calls outside blocks at latent 0, and its decrease per unit of the
        latent.
    pool_sd
        (3,) SD of each summary's noise for a sample of one fragment; n fragments divide it by sqrt(n).
    """

    biology: Biology
    level: float
    slope: float
    pool_sd: np.ndarray

    def noise(self, fragments: int) -> np.ndarray:
        """Return (3,) SD of the summaries between samples of ``fragments`` fragments with equal latents."""
        return np.asarray(self.pool_sd / np.sqrt(fragments))

    def of(self, table: FragmentTable) -> np.ndarray:
        """Return (3,) estimates of a sample's latents."""
        above, below = _ratio(self.biology, table, self.level, self.slope)
        estimates: np.ndarray = above.sum(axis=1) / below.sum(axis=1)
        return estimates


@lru_cache(maxsize=4)
def build_summaries(seed: int) -> Summaries:
    """Scale the summaries and measure their noise on a pool of fragments of a sample whose latents are 0."""
    biology = build_biology(seed)
    genome = biology.genome
    molecules = draw_molecules(biology, (0.0, 0.0, 0.0), 0.0, _POOL, stream(seed, "pool"))
    table = fragment_table(genome, molecules)
    called = (molecules.blocks < 0) & (table.cpg_counts > 0)
    on_island = genome.island[molecules.starts + molecules.lengths // 2][called]
    sea = biology.patterns
    expected = np.where(on_island, ISLAND_PATTERNS @ PATTERN_LEVELS, sea.base @ PATTERN_LEVELS)
    level = float(expected.mean())
    spread = np.sqrt(sea.base @ (PATTERN_LEVELS - sea.base @ PATTERN_LEVELS) ** 2)
    slope = float(np.mean(~on_island) * spread * sea.strength)
    above, below = _ratio(biology, table, level, slope)
    return Summaries(biology, level, slope, above.std(axis=1) / below.mean(axis=1))


def _ratio(
    biology: Biology, table: FragmentTable, level: float, slope: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (3, n) numerators and denominators of the summaries."""
    counts = table.cpg_counts
    before = np.concatenate([[0], np.cumsum(table.cpg_states, dtype=np.int64)])
    methylated = before[table.cpg_splits[1:]] - before[table.cpg_splits[:-1]]
    above = np.zeros((len(BAG_GROUPS), len(table)))
    below = np.zeros_like(above)

    lengths = biology.lengths
    above[0] = lengths.statistic[table.length - LENGTHS[0]] / lengths.strength
    below[0] = 1.0

    outside = np.flatnonzero((table.block < 0) & (counts > 0))
    above[1, outside] = (level - methylated[outside] / counts[outside]) / slope
    below[1, outside] = 1.0

    cells, fractions = biology.cells, biology.atlas.fractions
    expected = fractions @ cells.base
    per_unit = fractions @ (cells.base * cells.statistic) * cells.strength  # ∂ expected / ∂ latent at 0
    weight = per_unit / (expected * (1 - expected))
    called = np.flatnonzero((table.block >= 0) & (counts > 0))
    blocks = table.block[called]
    high = np.array([direction == "M" for direction in biology.atlas.directions])[blocks]
    marked = (2 * methylated[called] > counts[called]) == high
    above[2, called] = weight[blocks] * (marked - expected[blocks])
    below[2, called] = weight[blocks] * per_unit[blocks]
    return above, below
