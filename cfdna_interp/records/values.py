"""Values that several records share."""

from __future__ import annotations

import math
from typing import Protocol

from cfdna_interp.records.base import Record


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


class Bounded(Protocol):
    """Whatever has an estimate and two ends, NaN where they are unknown."""

    @property
    def value(self) -> float:
        """The estimate."""

    @property
    def low(self) -> float:
        """The lower end."""

    @property
    def high(self) -> float:
        """The upper end."""


def interval_of(estimate: Bounded) -> Interval:
    """Return an estimate of ``stats`` as a record."""
    return Interval(value=known(estimate.value), low=known(estimate.low), high=known(estimate.high))


def known(number: float) -> float | None:
    """Return a number, or None where it is NaN or infinite."""
    return float(number) if math.isfinite(number) else None
