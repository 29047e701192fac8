"""Methylation calls of a cohort: levels along the reads, conversion, and the samples to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.records.base import load_record
from cfdna_interp.records.qc import SampleQuality, SpikeInKind, SuggestedEnds

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


@dataclass(frozen=True)
class SpikeInRow:
    """Methylated shares of the CpG calls on one kind of spike-in, over the samples of a role.

    Attributes
    ----------
    role, kind
        Which.
    low, median, high
        Over samples with 100 calls or more.
    samples
        How many these are.
    """

    role: str
    kind: SpikeInKind
    low: float
    median: float
    high: float
    samples: int


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
    spike_ins
        Levels of the spike-ins of each kind and role.
    flagged
        Samples with warnings, in the order of the roles.
    """

    samples: tuple[str, ...]
    levels: Mapping[str, np.ndarray]
    ends: np.ndarray
    conversion: Mapping[str, tuple[float, float, float, int]]
    spike_ins: tuple[SpikeInRow, ...]
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
    spike_ins: list[SpikeInRow] = []
    for role, members in samples.items():
        rates = []
        levels_of: dict[SpikeInKind, list[float]] = {}
        for sample in members:
            quality = load_record(SampleQuality, layout.qc(sample.sample))
            names.append(sample.sample)
            for mate, table in (("read1", quality.m_bias.read1), ("read2", quality.m_bias.read2)):
                bias[mate].append(np.array(table, dtype=np.int64).reshape(-1, 2))
            ends.append(_most(quality.suggested))
            rate = quality.technical.conversion
            if rate is not None:
                rates.append(rate)
            for one in quality.spike_ins:
                if one.calls >= CALLS:
                    levels_of.setdefault(one.kind, []).append(one.methylated / one.calls)
            if quality.warnings:
                flagged.append(Flagged(sample.sample, role, rate, quality.warnings))
        if rates:
            conversion[role] = (min(rates), float(np.median(rates)), max(rates), len(rates))
        for kind, found in sorted(levels_of.items()):
            median = float(np.median(found))
            spike_ins.append(SpikeInRow(role, kind, min(found), median, max(found), len(found)))
    levels = {mate: _levels(tables) for mate, tables in bias.items()}
    most = np.array(ends, dtype=np.int64)
    return CallTable(tuple(names), levels, most, conversion, tuple(spike_ins), tuple(flagged))


def _most(suggested: SuggestedEnds) -> int:
    """Return the largest number of bases to leave out, over mates and ends."""
    mates = (suggested.read1, suggested.read2)
    return max((max(ends.ignore_5p, ends.ignore_3p) for ends in mates if ends is not None), default=0)


def _levels(tables: Sequence[np.ndarray]) -> np.ndarray:
    levels = np.full((len(tables), max((len(table) for table in tables), default=0)), np.nan)
    for row, table in enumerate(tables):
        enough = np.flatnonzero(table[:, 1] >= CALLS)
        levels[row, enough] = table[enough, 0] / table[enough, 1]
    return levels
