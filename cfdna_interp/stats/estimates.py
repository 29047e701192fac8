"""An estimate between two bounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

# The coverage of every interval, and the quantiles at its two ends.
LEVEL = 0.95
ENDS = (0.025, 0.975)


class IntervalEstimate(NamedTuple):
    """An estimate with its two-sided 95 % interval.

    Attributes
    ----------
    value
        The estimate.
    low, high
        The ends of the interval; NaN where there is none.
    method
        How the interval was computed, or why there is none.
    """

    value: float
    low: float
    high: float
    method: str


def mean_interval(values: np.ndarray) -> IntervalEstimate:
    """Return a mean with its 95 % t interval (Student, Biometrika 6:1, 1908).

    Parameters
    ----------
    values
        (n,) one value per subject, n at least 1.

    Returns
    -------
    Mean and interval; the bounds are NaN for a single subject.
    """
    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return IntervalEstimate(mean, float("nan"), float("nan"), "a single subject")
    half = float(stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(n))
    return IntervalEstimate(mean, mean - half, mean + half, "Student")
