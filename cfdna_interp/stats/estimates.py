"""An estimate between two bounds."""

from __future__ import annotations

from typing import NamedTuple


class IntervalEstimate(NamedTuple):
    """An estimate with its two-sided 95 % interval; bounds are NaN where there is none."""

    value: float
    low: float
    high: float
