"""The number of subjects that a cohort needs for an interval of a given width, or a test of a given power.

The formulas are those of :mod:`cfdna_interp.stats.power`, solved for the size by doubling and halving.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit
from scipy.stats import norm

from cfdna_interp.errors import InputError
from cfdna_interp.stats.power import (
    ALPHA,
    POWER,
    difference_error,
    expected_interval,
    power_of_difference,
    power_of_signal,
    within_interval,
)

# With fewer than FEWEST subjects of a class every rung of the ladder is "can't tell". No study recruits more
# than MOST.
FEWEST, MOST = 15, 1_000_000


@dataclass(frozen=True)
class Size:
    """A cohort and what is expected of it: the half-width of an interval, or the power of a test."""

    case: int
    control: int
    achieved: float


def size_for_interval(auroc: float, half_width: float, controls_per_case: float = 1.0) -> Size:
    """Return the smallest cohort whose expected 95 % interval is no wider than twice ``half_width``."""

    def half(case: int) -> float:
        interval = expected_interval(auroc, case, _controls(case, controls_per_case))
        return (interval.high - interval.low) / 2

    case = _fewest(lambda n: half(n) <= half_width)
    return Size(case, _controls(case, controls_per_case), half(case))


def size_for_difference(
    a: float,
    b: float,
    correlation: float,
    *,
    power: float = POWER,
    alpha: float = ALPHA,
    sides: int = 2,
    controls_per_case: float = 1.0,
) -> Size:
    """Return the smallest cohort whose paired test finds the difference of two AUROCs with ``power``."""

    def reached(case: int) -> float:
        spread = difference_error(a, b, case, _controls(case, controls_per_case), correlation)
        return power_of_difference(a - b, spread, alpha, sides)

    case = _fewest(lambda n: reached(n) >= power)
    return Size(case, _controls(case, controls_per_case), reached(case))


def size_for_signal(
    auroc: float,
    *,
    power: float = POWER,
    alpha: float = ALPHA,
    sides: int = 2,
    controls_per_case: float = 1.0,
) -> Size:
    """Return the smallest cohort in which an AUROC differs significantly from .5 with ``power``."""

    def reached(case: int) -> float:
        return power_of_signal(auroc, case, _controls(case, controls_per_case), alpha, sides)

    case = _fewest(lambda n: reached(n) >= power)
    return Size(case, _controls(case, controls_per_case), reached(case))


def sites_for_interval(
    auroc: float, mix: Sequence[tuple[float, float]], half_width: float
) -> tuple[list[tuple[int, int]], float]:
    """Return cases and controls per site for a within-batch interval, and its expected half-width.

    Parameters
    ----------
    auroc
        The same inside every site.
    mix
        Relative numbers of cases and controls of each site, e.g. those that can be recruited in a year.
    half_width
        Wanted half-width of the 95 % interval.
    """

    def half(total: int) -> float:
        interval = within_interval(auroc, _spread(mix, total))
        return np.inf if interval is None else (interval.high - interval.low) / 2

    total = _fewest(lambda n: _both(_spread(mix, n)) and half(n) <= half_width)
    return _spread(mix, total), half(total)


def sites_for_signal(
    auroc: float, mix: Sequence[tuple[float, float]], power: float = POWER
) -> tuple[list[tuple[int, int]], float]:
    """Return cases and controls per site, and the probability that the within-batch interval is above .5.

    Parameters
    ----------
    auroc, mix
        As for :func:`sites_for_interval`.
    power
        Wanted probability. The interval is the two-sided 95 % interval.
    """

    def reached(total: int) -> float:
        interval = within_interval(auroc, _spread(mix, total))
        if interval is None:
            return 0.0
        # The interval is symmetric on the logit scale, on which .5 is 0.
        standard_error = (logit(interval.high) - logit(auroc)) / norm.isf(ALPHA / 2)
        return power_of_difference(float(logit(auroc)), float(standard_error), ALPHA, 2)

    total = _fewest(lambda n: _both(_spread(mix, n)) and reached(n) >= power)
    return _spread(mix, total), reached(total)


def _controls(case: int, per_case: float) -> int:
    return max(FEWEST, int(np.ceil(case * per_case)))


def _spread(mix: Sequence[tuple[float, float]], total: int) -> list[tuple[int, int]]:
    parts = sum(case + control for case, control in mix)
    return [
        (int(np.ceil(total * case / parts)), int(np.ceil(total * control / parts))) for case, control in mix
    ]


def _both(sites: Sequence[tuple[int, int]]) -> bool:
    return min(sum(case for case, _ in sites), sum(control for _, control in sites)) >= FEWEST


def _fewest(enough: Callable[[int], bool]) -> int:
    high = FEWEST
    while not enough(high):
        if high > MOST:
            raise InputError(f"more than {MOST:,} subjects would be needed; ask for less")
        high *= 2
    low = max(FEWEST, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
