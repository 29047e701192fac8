"""Intervals of all shares of a mixture, which of them are there, and whether the mixture fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.stats.mixture import Interval, Mixture

Z = 1.96  # 95 %


@dataclass(frozen=True, eq=False)
class MixtureIntervals:
    """What the counts of a sample say about the shares of a mixture.

    Attributes
    ----------
    low, high
        (types,) bounds of 95 % intervals.
    present
        (types,) bool: the share is above 0, that is ``low`` is.
    dispersion, p
        Squared residuals over binomial ones and the p value of that (see :meth:`Mixture.residual`). The
        intervals are wider by the root of the first where it is above 1.
    """

    low: np.ndarray
    high: np.ndarray
    present: np.ndarray
    dispersion: float
    p: float


def mixture_intervals(expected: np.ndarray, marked: np.ndarray, total: np.ndarray) -> MixtureIntervals:
    """Return 95 % intervals of the shares.

    Shares can't be negative, so types that are absent take a little of those that are present, and a
    profile over all types covers too rarely from below. Each interval is therefore the union of two: over
    all types, and over those that all types together show to be present.

    Parameters
    ----------
    expected, marked, total
        As for :class:`cfdna_interp.stats.mixture.Mixture`.
    """
    full = Mixture(expected, marked, total)
    types = expected.shape[1]
    dispersion, p = full.residual()
    scale = max(dispersion, 1.0) if np.isfinite(dispersion) else 1.0
    wide = [full.interval(which, Z, scale) for which in range(types)]
    shown = [which for which in range(types) if wide[which].low > 0]
    few = Mixture(expected[:, shown], marked, total) if shown else None
    bounds = []
    for which in range(types):
        if few is not None and which in shown:
            narrow = few.interval(shown.index(which), Z, scale)
        elif shown:
            columns = expected[:, [*shown, which]]
            narrow = Mixture(columns, marked, total).interval(len(shown), Z, scale)
        else:
            narrow = wide[which]
        bounds.append(Interval(min(wide[which].low, narrow.low), max(wide[which].high, narrow.high)))
    low, high = np.array(bounds).T
    return MixtureIntervals(low, high, low > 0, dispersion, p)
