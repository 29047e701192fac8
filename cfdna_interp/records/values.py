"""Values that several records share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from cfdna_interp.records.base import Record

if TYPE_CHECKING:
    # Each job of `extract` loads this module. `scipy.stats` alone would cost it a second.
    from cfdna_interp.stats.estimates import IntervalEstimate
    from cfdna_interp.stats.roc import DifferenceEstimate


class Counts(Record, frozen=True, kw_only=True):
    """Number of subjects of each class.

    Attributes
    ----------
    case, control
        How many cases and how many controls.
    """

    case: int
    control: int


class Interval(Record, frozen=True, kw_only=True):
    """An estimate with its two-sided 95 % interval.

    Attributes
    ----------
    value
        The estimate.
    low, high
        Ends of the interval; null where there is none.
    """

    value: float | None
    low: float | None
    high: float | None


class KnownInterval(Interval, frozen=True, kw_only=True):
    """An estimate that always has its two-sided 95 % interval.

    Attributes
    ----------
    value
        The estimate.
    low, high
        Ends of the interval.
    """

    value: float
    low: float
    high: float


class IntervalBy(Interval, frozen=True, kw_only=True):
    """An estimate with its two-sided 95 % interval and how that was made.

    Attributes
    ----------
    value
        The estimate; null where it does not exist.
    low, high
        Ends of the interval; null where there is none.
    method
        How the interval was made, or why there is none.
    """

    method: str


class Auroc(IntervalBy, frozen=True, kw_only=True):
    """An area under the ROC curve with its two-sided 95 % interval.

    Attributes
    ----------
    value
        The area; 0.5 is chance.
    low, high
        Ends of the interval; null for a score that is the same for everybody.
    method
        How the interval was made, or why there is none.
    """

    value: float


class AurocDifference(Interval, frozen=True, kw_only=True):
    """AUROC of one score minus that of another on the same subjects.

    All numbers are null where nothing can be compared.

    Attributes
    ----------
    value
        The difference.
    low, high
        Its two-sided 95 % interval.
    low_one_sided, high_one_sided
        Its lower and its upper one-sided 95 % bound.
    p
        Two-sided test of no difference.
    method
        How bounds and test were made, or why there are none.
    """

    low_one_sided: float | None
    high_one_sided: float | None
    p: float | None
    method: str


class Bounded(Protocol):
    """Whatever has an estimate and two ends, NaN or None where they are unknown."""

    @property
    def value(self) -> float | None:
        """The estimate."""

    @property
    def low(self) -> float | None:
        """The lower end."""

    @property
    def high(self) -> float | None:
        """The upper end."""


def interval_of(estimate: Bounded) -> Interval:
    """Return an estimate of ``stats``, or of another record, with its interval and nothing else."""
    return Interval(value=known(estimate.value), low=known(estimate.low), high=known(estimate.high))


def interval_by(interval: IntervalEstimate) -> IntervalBy:
    """Return an estimate of ``stats`` with its method as a record."""
    return IntervalBy(
        value=known(interval.value),
        low=known(interval.low),
        high=known(interval.high),
        method=interval.method,
    )


def auroc_of(interval: IntervalEstimate) -> Auroc:
    """Return an AUROC of ``stats`` as a record."""
    return Auroc(
        value=float(interval.value),
        low=known(interval.low),
        high=known(interval.high),
        method=interval.method,
    )


def difference_of(difference: DifferenceEstimate) -> AurocDifference:
    """Return a difference of AUROCs of ``stats`` as a record."""
    return AurocDifference(
        value=known(difference.difference),
        low=known(difference.low),
        high=known(difference.high),
        low_one_sided=known(difference.low_one_sided),
        high_one_sided=known(difference.high_one_sided),
        p=known(difference.p),
        method=difference.method,
    )


def negated(interval: Interval) -> Interval:
    """Return an estimate and its interval with the opposite sign."""
    return Interval(value=_minus(interval.value), low=_minus(interval.high), high=_minus(interval.low))


def _minus(number: float | None) -> float | None:
    return None if number is None else -number


def known(number: float | None) -> float | None:
    """Return a number, or None where it is NaN, infinite or None."""
    return float(number) if number is not None and math.isfinite(number) else None
