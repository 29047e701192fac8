"""Sensitivity at a given specificity, with an interval that includes the error of the estimated threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from cfdna_interp.stats.calibration import wilson
from cfdna_interp.stats.estimates import LEVEL, IntervalEstimate

SPECIFICITIES = (0.9, 0.95)
# The expected number of controls above the threshold has to be at least this. With 1, intervals of .95
# covered the true value in .85 of simulated cohorts, with 1.5 in .92 (benchmarks/intervals.py).
_ABOVE = 1.5


@dataclass(frozen=True)
class OperatingPoint:
    """Sensitivity at the threshold that has a given share of controls at or below it.

    Attributes
    ----------
    specificity
        The wanted specificity.
    threshold
        The lowest control score with at least this share of controls at or below it. A subject with a higher
        score is positive. None with too few controls.
    specificity_seen
        Share of controls at or below the threshold; None as above.
    sensitivity
        With its 95 % interval; None as above.
    controls, needed
        Controls that there are, and that it takes.
    """

    specificity: float
    threshold: float | None
    specificity_seen: float | None
    sensitivity: IntervalEstimate | None
    controls: int
    needed: int


def operating_point(
    labels: np.ndarray,
    scores: np.ndarray,
    specificity: float,
    rng: np.random.Generator,
    bootstrap: int = 2_000,
) -> OperatingPoint:
    """Return the sensitivity at a specificity.

    The interval is BTII of Zhou and Qin (Statistics in Medicine 24:465, 2005). Controls and cases are
    resampled, and each draw has its own threshold. z²/2 successes in z² are added as in the interval of
    Agresti and Coull. The interval is never narrower than Wilson's for a known threshold, since an estimated
    threshold can't be more certain.

    Parameters
    ----------
    labels, scores
        (subjects,) 1 case, 0 control; finite scores.
    specificity
        Wanted share of negative controls, inside (0, 1).
    rng, bootstrap
        Source of randomness and number of draws.
    """
    y, s = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    cases, controls = np.sort(s[y == 1]), np.sort(s[y == 0])
    n1, n0 = len(cases), len(controls)
    # Rounding errors must not ask for an additional control: .9 of 20 is 18.
    rank = int(np.ceil(round(specificity * n0, 9)))
    needed = int(np.ceil(round(_ABOVE / (1 - specificity), 9)))
    if n0 < needed:
        return OperatingPoint(specificity, None, None, None, n0, needed)
    threshold = controls[rank - 1]
    above = n1 - int(np.searchsorted(cases, threshold, side="right"))
    known = wilson(above, n1)
    # This draws only the rank-th smallest of n0 resampled controls, since uniform order statistics are beta
    # distributed. Of the resampled cases only their number above the threshold is needed.
    places = np.floor(n0 * rng.beta(rank, n0 - rank + 1, size=bootstrap)).astype(np.int64)
    shares = 1 - np.searchsorted(cases, controls[places], side="right") / n1
    z = norm.isf((1 - LEVEL) / 2)
    adjusted = (rng.binomial(n1, shares) + z**2 / 2) / (n1 + z**2)
    middle, half = float(adjusted.mean()), float(z * adjusted.std(ddof=1))
    interval = IntervalEstimate(
        known.value,
        max(0.0, min(middle - half, known.low, known.value)),
        min(1.0, max(middle + half, known.high, known.value)),
        "bootstrap BTII, no narrower than Wilson",
    )
    seen = int(np.searchsorted(controls, threshold, side="right")) / n0
    return OperatingPoint(specificity, float(threshold), seen, interval, n0, needed)
