"""Means of a few subjects, with their error."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from cfdna_interp.stats.estimates import IntervalEstimate


def mean_interval(values: np.ndarray) -> IntervalEstimate:
    """Return a mean with its 95 % interval after Student (Biometrika 6:1, 1908).

    Parameters
    ----------
    values
        (n,) one value a subject, n at least 1.

    Returns
    -------
    Mean and interval; the bounds are NaN for a single subject.
    """
    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return IntervalEstimate(mean, float("nan"), float("nan"))
    half = float(stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(n))
    return IntervalEstimate(mean, mean - half, mean + half)
