"""Sensitivity at a wanted specificity, with an interval that knows that the threshold was estimated too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from cfdna_interp.stats.calibration import wilson
from cfdna_interp.stats.estimates import LEVEL, IntervalEstimate

SPECIFICITIES = (0.9, 0.95)
# Controls expected above the threshold, at least: with one, intervals of .95 held the truth in .85 of
# simulated cohorts, with one and a half in .92 (benchmarks/intervals.py).
_ABOVE = 1.5


@dataclass(frozen=True)
class OperatingPoint:
    """Share of cases above the threshold that holds a share of the controls at or below it.

    Attributes
    ----------
    specificity
        The wanted one.
    threshold
        The lowest score of a control that has at least this share of controls at or below it; a subject
        is called positive above it. None where there are too few controls.
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

    The interval is BTII of Zhou and Qin (Statistics in Medicine 24:465, 2005): controls and cases are
    redrawn, the threshold is taken anew in each draw, and z²/2 successes in z² are added as Agresti and
    Coull do. It is widened where needed to Wilson's interval for a threshold that is known: not knowing
    it can't make the answer surer.

    Parameters
    ----------
    labels, scores
        (subjects,) 1 case, 0 control; finite scores.
    specificity
        Wanted share of controls that are called negative, inside (0, 1).
    rng, bootstrap
        Source of randomness and number of draws.
    """
    y, s = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    cases, controls = np.sort(s[y == 1]), np.sort(s[y == 0])
    n1, n0 = len(cases), len(controls)
    # Rounding must not ask for one control more: .9 of 20 is 18.
    rank = int(np.ceil(round(specificity * n0, 9)))
    needed = int(np.ceil(round(_ABOVE / (1 - specificity), 9)))
    if n0 < needed:
        return OperatingPoint(specificity, None, None, None, n0, needed)
    threshold = controls[rank - 1]
    above = n1 - int(np.searchsorted(cases, threshold, side="right"))
    known = wilson(above, n1)
    # The rank-th smallest of n0 redrawn controls, without drawing the others: uniform order statistics are
    # beta distributed. Of the redrawn cases only their number above the threshold counts.
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
