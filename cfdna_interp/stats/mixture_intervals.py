"""Intervals of all shares of a mixture, which types are present, and whether the mixture fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.stats.mixture import Mixture
from cfdna_interp.stats.mixture_misfit import hidden_type, score_inflation

Z = 1.96  # 95 %
# How often any absent type may be shown, over all types of the table together. A sample is read type by type:
# at 2.5 % for each of 36 types, one of them would be shown in up to half of the samples.
_FAMILY_ERROR = 0.025
# The mixture doesn't fit where two things hold: chance leaves such a residual in fewer samples than this, and
# an unknown type of a fifth of the sample would leave it. The first alone refuses every deep sample, since
# cells always vary a little about a table: by a beta law of precision 30 they leave what an unknown type of
# .15 would. A type of .1 that is unlike all of the table leaves .3 to .5 (benchmarks/tissue.py).
_MISFIT_P = 0.01
LARGEST_UNKNOWN = 0.2


@dataclass(frozen=True, eq=False)
class MixtureIntervals:
    """What the counts of a sample say about the shares of a mixture.

    Attributes
    ----------
    low, high
        (types,) bounds of 95 % intervals.
    shown
        (types,) bool: the share is above 0, if the mixture fits.
    dispersion, expected, p
        Squared residuals over binomial ones, what over-dispersion makes of that, and the p value (see
        :meth:`Mixture.residual`).
    unknown
        Share of an unknown type that would leave such a residual (see :func:`hidden_type`); NaN with a single
        type.
    explained
        Whether the mixture fits. Where it doesn't, ``shown`` may rest on a type that the table lacks. False
        with too few blocks to say.
    """

    low: np.ndarray
    high: np.ndarray
    shown: np.ndarray
    dispersion: float
    expected: float
    p: float
    unknown: float
    explained: bool


def mixture_intervals(
    expected: np.ndarray,
    marked: np.ndarray,
    total: np.ndarray,
    which: Sequence[int] | None = None,
    *,
    targets: np.ndarray | None = None,
    spread: float = 0.0,
    clumps: np.ndarray | None = None,
) -> MixtureIntervals:
    """Return 95 % intervals of the shares.

    Shares can't be negative, so absent types get a little of the share of present ones. The interval from a
    profile over all types then lies too low too often. Each interval is therefore the union of two: one over
    all types, one over the types that the first profile shows to be present.

    The deviance is divided by the larger of the residual of the whole fit and the share's own inflation
    (:func:`score_inflation`), where that is above 1. Then either bound moves out: to its distance from the
    best share comes, as a root of squares, what an unknown type that leaves such a residual would add to a
    known one (:func:`hidden_type`).

    Parameters
    ----------
    expected, marked, total
        As for :class:`cfdna_interp.stats.mixture.Mixture`.
    which
        Types whose upper bound is wanted. For others it is NaN. None means all types.
    targets
        (blocks,) column of the type that each block marks, -1 for none; None: of no block.
    spread, clumps
        Over-dispersion that is known (see :meth:`Mixture.residual`).
    """
    from scipy.special import ndtri

    used = total > 0
    expected, marked, total = expected[used], marked[used], total[used]
    marks = np.full(len(total), -1) if targets is None else targets[used]
    full = Mixture(expected, marked, total)
    types = expected.shape[1]
    fit = full.residual(spread, None if clumps is None else clumps[used])
    hidden = hidden_type(expected, total, full.shares, fit.excess, marks)
    unknown = hidden.share
    scale = np.maximum(score_inflation(expected, marked, total, full.shares), 1.0)
    if np.isfinite(fit.ratio):
        scale = np.maximum(scale, fit.ratio)
    low = np.array([full.bound(column, Z, scale[column], upper=False) for column in range(types)])
    held = np.flatnonzero(low > 0).tolist()
    few = Mixture(expected[:, held], marked, total) if held else full
    for place, column in enumerate(held):
        low[column] = min(low[column], few.bound(place, Z, scale[column], upper=False))
    high = np.full(types, np.nan)
    for column in range(types) if which is None else which:
        narrow, place = few, column
        if column in held:
            place = held.index(column)
        elif held:
            narrow, place = Mixture(expected[:, [*held, column]], marked, total), len(held)
        wide = full.bound(column, Z, scale[column], upper=True)
        high[column] = max(wide, narrow.bound(place, Z, scale[column], upper=True))
    if unknown > 0:
        extra = unknown * hidden.taken
        low = np.maximum(full.shares - np.hypot(np.maximum(full.shares - low, 0), extra), 0)
        high = np.minimum(full.shares + np.hypot(np.maximum(high - full.shares, 0), extra), 1)
    family = -float(ndtri(_FAMILY_ERROR / types))
    shown = np.array(
        [low[column] > 0 and full.distance(column, scale[column]) > family for column in range(types)]
    )
    return MixtureIntervals(
        low=low,
        high=high,
        shown=shown,
        dispersion=fit.ratio,
        expected=fit.expected,
        p=fit.p,
        unknown=unknown,
        explained=bool(np.isfinite(fit.ratio)) and not (fit.p < _MISFIT_P and unknown > LARGEST_UNKNOWN),
    )
