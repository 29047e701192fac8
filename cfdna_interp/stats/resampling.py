"""Named random streams and bootstraps of subjects. Every random number of a run comes from one seed."""

from __future__ import annotations

import hashlib

import numpy as np

from cfdna_interp.stats.estimates import ENDS, IntervalEstimate


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator that belongs to ``names`` under ``seed``.

    Different tuples of names give independent streams. A stream doesn't depend on earlier draws of other
    streams, on the process, or on the number of cores.

    Parameters
    ----------
    seed
        The run's seed (``seed`` in the config).
    names
        What the random numbers are used for, e.g. ``("bootstrap", 17)``.
    """
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.default_rng(np.random.SeedSequence([seed, *words.tolist()]))


def bootstrap_counts(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw how often each subject is in a bootstrap sample, stratified by group.

    Parameters
    ----------
    groups
        (subjects,) stratum of each subject, e.g. the label, so that both classes stay in the sample.
    rng
        Source of randomness.

    Returns
    -------
    (subjects,) integer multiplicities; within each stratum they sum to its size.
    """
    counts = np.zeros(len(groups), dtype=np.int64)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        draw = rng.choice(members, size=len(members), replace=True)
        np.add.at(counts, draw, 1)
    return counts


def bootstrap_table(strata: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw many bootstrap samples at once, stratified.

    Parameters
    ----------
    strata
        (subjects,) stratum of each subject.
    draws
        Number of bootstrap samples.
    rng
        Source of randomness.

    Returns
    -------
    (draws, subjects) how often each subject is in each sample; within each stratum they sum to its size.
    """
    counts = np.zeros((draws, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), draws)
    return counts


def percentile_interval(
    value: float, draws: np.ndarray, method: str = "bootstrap of subjects"
) -> IntervalEstimate:
    """Return an estimate with its percentile interval, widened if needed to include the estimate.

    A resampled cohort has some subjects twice and others not at all, which biases shares of |·|. The largest
    share can be .95 while all resampled ones are lower. In a tiny sample the estimate can also be outside. An
    interval that excludes its own estimate would be contradictory.

    Parameters
    ----------
    value
        The estimate on the original subjects.
    draws
        (draws,) the estimate on resampled subjects. The bounds are NaN if a draw is NaN or there are no
        draws.
    method
        Name of the resampling method.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13, 1993.
    """
    low, high = np.quantile(draws, ENDS) if len(draws) else (np.nan, np.nan)
    return IntervalEstimate(float(value), float(min(low, value)), float(max(high, value)), method)
