"""Methylation calls of a cohort: levels along the reads, conversion, and the samples to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.artifacts.files import read_result
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample

MATES = ("read1", "read2")
CALLS = 100  # a position of a sample needs for its level to be shown


@dataclass(frozen=True)
class Flagged:
    """A sample with calls that something is wrong with.

    Attributes
    ----------
    sample, role
        Which one.
    conversion
        Share of converted cytosines outside CpGs; None unknown.
    warnings
        What the extraction stage said.
    """

    sample: str
    role: str
    conversion: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CallTable:
    """Calls of all analysed samples.

    Attributes
    ----------
    samples
        (samples,) names.
    levels
        Mate -> (samples, positions) methylated share of CpG calls by position along the read as sequenced,
        NaN with fewer than 100 calls.
    ends
        (samples,) bases suggested to be left out, the largest over mates and ends.
    conversion
        Role -> (lowest, median, highest) over samples, and how many were measured; roles without any are left
        out.
    flagged
        Samples with warnings, in the order of the roles.
    """

    samples: tuple[str, ...]
    levels: Mapping[str, np.ndarray]
    ends: np.ndarray
    conversion: Mapping[str, tuple[float, float, float, int]]
    flagged: tuple[Flagged, ...]

    @property
    def measured(self) -> bool:
        """Whether any position of any sample has the calls to be shown."""
        return any(np.isfinite(levels).any() for levels in self.levels.values())


def load_calls(samples: Mapping[str, Sequence[Sample]], layout: Layout) -> CallTable:
    """Read the quality records of the samples of each role."""
    names, ends, flagged = [], [], []
    bias: dict[str, list[np.ndarray]] = {mate: [] for mate in MATES}
    conversion = {}
    for role, members in samples.items():
        rates = []
        for sample in members:
            record = read_result(layout.qc(sample.sample), "extract")
            names.append(sample.sample)
            for mate in MATES:
                bias[mate].append(np.array(record["m_bias"][mate], dtype=np.int64).reshape(-1, 2))
            known = [found for found in record["suggested"].values() if found is not None]
            ends.append(max((int(n) for found in known for n in found.values()), default=0))
            rate = record["technical"]["conversion"]
            if rate is not None:
                rates.append(rate)
            if record["warnings"]:
                flagged.append(Flagged(sample.sample, role, rate, tuple(record["warnings"])))
        if rates:
            conversion[role] = (min(rates), float(np.median(rates)), max(rates), len(rates))
    levels = {mate: _levels(tables) for mate, tables in bias.items()}
    return CallTable(tuple(names), levels, np.array(ends, dtype=np.int64), conversion, tuple(flagged))


def _levels(tables: Sequence[np.ndarray]) -> np.ndarray:
    levels = np.full((len(tables), max((len(table) for table in tables), default=0)), np.nan)
    for row, table in enumerate(tables):
        enough = np.flatnonzero(table[:, 1] >= CALLS)
        levels[row, enough] = table[enough, 0] / table[enough, 1]
    return levels
