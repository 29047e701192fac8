"""Intervals of all shares of a mixture, which types are present, and whether the mixture fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.stats.mixture import Mixture

Z = 1.96  # 95 %


@dataclass(frozen=True, eq=False)
class MixtureIntervals:
    """What the counts of a sample say about the shares of a mixture.

    Attributes
    ----------
    low, high
        (types,) bounds of 95 % intervals.
    present
        (types,) bool: the share is above 0, since ``low`` is.
    dispersion, p
        Ratio of the squared residuals to their binomial expectation, and its p value (see
        :meth:`Mixture.residual`). If the ratio is above 1, intervals are wider by its square root.
    """

    low: np.ndarray
    high: np.ndarray
    present: np.ndarray
    dispersion: float
    p: float


def mixture_intervals(
    expected: np.ndarray, marked: np.ndarray, total: np.ndarray, which: Sequence[int] | None = None
) -> MixtureIntervals:
    """Return 95 % intervals of the shares.

    Shares can't be negative, so absent types get a little of the share of present ones. The interval from a
    profile over all types then lies too low too often. Each interval is therefore the union of two: one over
    all types, one over the types that the first profile shows to be present.

    Parameters
    ----------
    expected, marked, total
        As for :class:`cfdna_interp.stats.mixture.Mixture`.
    which
        Types whose upper bound is wanted. For others it is NaN. None means all types.
    """
    full = Mixture(expected, marked, total)
    types = expected.shape[1]
    dispersion, p = full.residual()
    scale = max(dispersion, 1.0) if np.isfinite(dispersion) else 1.0
    low = np.array([full.bound(column, Z, scale, upper=False) for column in range(types)])
    shown = np.flatnonzero(low > 0).tolist()
    few = Mixture(expected[:, shown], marked, total) if shown else full
    for place, column in enumerate(shown):
        low[column] = min(low[column], few.bound(place, Z, scale, upper=False))
    high = np.full(types, np.nan)
    for column in range(types) if which is None else which:
        narrow, place = few, column
        if column in shown:
            place = shown.index(column)
        elif shown:
            narrow, place = Mixture(expected[:, [*shown, column]], marked, total), len(shown)
        wide = full.bound(column, Z, scale, upper=True)
        high[column] = max(wide, narrow.bound(place, Z, scale, upper=True))
    return MixtureIntervals(low, high, low > 0, dispersion, p)
