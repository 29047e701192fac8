"""Bootstraps over subjects, as weights: nothing is read or fitted again for a draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.stats.roc import LEVEL


@dataclass(frozen=True)
class Score:
    """A probe's score with its 95 % interval over subjects."""

    value: float
    low: float
    high: float


def multiplicities(strata: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return (draws, n) how often each is drawn in bootstraps that keep the size of every stratum."""
    counts = np.zeros((draws, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), draws)
    return counts


def weighted_mean(kernel: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (draws,) means of an (n1, n0) table with (draws, n1) and (draws, n0) weights."""
    total = first.sum(axis=1) * second.sum(axis=1)
    return np.asarray(((first @ kernel) * second).sum(axis=1) / np.where(total > 0, total, np.nan))


def with_interval(value: float, draws: np.ndarray) -> Score:
    """Return a value with the 95 % quantiles of its (draws,) bootstraps, NaN where one had nothing to say."""
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    # A percentile interval can miss the estimate in tiny samples.
    return Score(value, float(min(low, value)), float(max(high, value)))
