"""Named random streams: every random number of a run comes from one seed."""

from __future__ import annotations

import hashlib

import numpy as np

from cfdna_interp.stats.estimates import IntervalEstimate


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator that belongs to ``names`` under ``seed``.

    Two different tuples of names give independent streams, and a stream never depends on which
    others were drawn before, on the process, or on the number of cores.

    Parameters
    ----------
    seed
        The run's seed (``seed`` in the config).
    names
        What the numbers are for, e.g. ``("bootstrap", 17)``.
    """
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.default_rng(np.random.SeedSequence([seed, *words.tolist()]))


def bootstrap_counts(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw how often each subject enters a bootstrap sample, stratified by group.

    Parameters
    ----------
    groups
        (subjects,) stratum of each subject, e.g. the label, so that no class can vanish.
    rng
        Source of randomness.

    Returns
    -------
    (subjects,) integer multiplicities; within each stratum they sum to its size.
    """
    counts = np.zeros(len(groups), dtype=np.int64)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        drawn = rng.choice(members, size=len(members), replace=True)
        np.add.at(counts, drawn, 1)
    return counts


def percentile_interval(value: float, draws: np.ndarray) -> IntervalEstimate:
    """Return an estimate with its 95 % percentile interval, widened where needed to hold the estimate.

    Redrawn cohorts hold subjects twice and others not at all, so that shares of |·| are biased under the
    bootstrap: with the largest share of .95, all redrawn ones can lie below it. An interval that leaves out
    its own estimate would say that both can't be true.

    Parameters
    ----------
    value
        The estimate on the subjects as they are.
    draws
        (draws,) the same of redrawn subjects.
    """
    low, high = np.quantile(draws, [0.025, 0.975])
    return IntervalEstimate(float(value), float(min(low, value)), float(max(high, value)))
