"""What a mixture's residuals say: how uncertain each share is, and how large an unknown type they hide.

An over-dispersion that is alike everywhere is one number, the residual of the whole fit (the quasi-binomial
model: McCullagh and Nelder, Generalized Linear Models, 2nd ed. 1989, section 4.5). A type that the table
lacks isn't alike everywhere. It raises some of the blocks that speak for a type. Few counts are expected
there, so it hardly shows in a sum over all blocks. So each share has an inflation of its own: the robust
variance of its score over the variance by the model (White 1982, https://doi.org/10.2307/1912526), with
squared residuals divided by one minus their leverage (MacKinnon and White 1985,
https://doi.org/10.1016/0304-4076(85)90158-7).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cfdna_interp.stats.mixture import FLOOR

# A column with a larger share is in use.
_IN_USE = 1e-9
# A block that the fit passes through has a leverage of 1, and no residual to divide.
_MOST_LEVERAGE = 0.9
_SUM_WEIGHT = 1e3


def score_inflation(
    expected: np.ndarray, marked: np.ndarray, total: np.ndarray, shares: np.ndarray
) -> np.ndarray:
    """Return (types,) the robust variance of each share's score over the binomial one.

    Parameters
    ----------
    expected
        (blocks, types) probability of the marker state in each type.
    marked, total
        (blocks,) counts in the marker state, and all; each block has counts.
    shares
        (types,) at the highest likelihood.

    Returns
    -------
    About 1 where the counts are binomial; 1 where too few blocks speak for a type to say.
    """
    table = np.clip(expected, FLOOR, 1 - FLOOR)
    types = table.shape[1]
    inflation = np.ones(types)
    if types == 1:
        return inflation
    p = table @ shares
    variance = total * p * (1 - p)
    residual = marked - total * p
    root = np.sqrt(total / (p * (1 - p)))
    in_use = np.flatnonzero(shares > _IN_USE)
    for column in range(types):
        others = in_use[in_use != column]
        if len(others) == 0:
            others = np.array([int(column == 0)])
        # Shares sum to 1: what the type gains one of the others loses.
        loser = others[int(shares[others].argmax())]
        nuisance = (table[:, others[others != loser]] - table[:, [loser]]) * root[:, None]
        own = (table[:, column] - table[:, loser]) * root
        if nuisance.shape[1]:
            own = own - nuisance @ np.linalg.lstsq(nuisance, own, rcond=None)[0]
        length = float(own @ own)
        if length < 1e-9 * float(root @ root):
            continue
        basis, _ = np.linalg.qr(np.column_stack([nuisance, own]))
        leverage = np.minimum((basis**2).sum(axis=1), _MOST_LEVERAGE)
        # own * own weighs the standardised squared residuals by what each block says of the share.
        inflation[column] = float((own**2 * residual**2 / variance / (1 - leverage)).sum()) / length
    return inflation


class UnknownType(NamedTuple):
    """An unknown type that would leave a residual.

    Attributes
    ----------
    share
        Its share of the sample, 0..1.
    taken
        The part of it that falls to one known type at most, 0..1.
    """

    share: float
    taken: float


def hidden_type(
    expected: np.ndarray, total: np.ndarray, shares: np.ndarray, excess: float, targets: np.ndarray
) -> UnknownType:
    """Return how much of an unknown type would leave squared residuals of ``excess`` beyond the model's.

    What an unknown type leaves depends on how unlike the known ones it is. The types of the table say that of
    each other: each in turn is taken for unknown, without its column and the blocks that it marks, and is
    fitted by the others. What stays of it, per share squared, is the median over the types, and so is the
    largest part that falls to another type.

    Parameters
    ----------
    expected
        (blocks, types) probability of the marker state in each type.
    total
        (blocks,) counts; each block has some.
    shares
        (types,) at the highest likelihood.
    excess
        Sum of squared residuals in counts, less what the model expects of it.
    targets
        (blocks,) column of the type that each block marks, -1 for none.
    """
    table = np.clip(expected, FLOOR, 1 - FLOOR)
    types = table.shape[1]
    p = table @ shares
    root = np.sqrt(total / (p * (1 - p)))
    left, taken = [], []
    for column in range(types):
        rows = targets != column
        if types == 1 or not rows.any():
            continue
        others = np.delete(table[rows], column, axis=1)
        parts = _parts(others * root[rows, None], table[rows, column] * root[rows])
        left.append(float((total[rows] ** 2 * (table[rows, column] - others @ parts) ** 2).sum()))
        taken.append(float(parts.max()))
    if not left:
        return UnknownType(float("nan"), float("nan"))
    typical, most = float(np.median(left)), float(np.median(taken))
    if excess <= 0:
        return UnknownType(0.0, most)
    return UnknownType(min(float(np.sqrt(excess / typical)), 1.0) if typical > 0 else 1.0, most)


def _parts(columns: np.ndarray, aim: np.ndarray) -> np.ndarray:
    """Return non-negative parts of ``columns`` that sum to 1 and come nearest to ``aim``."""
    from scipy.optimize import nnls

    # The sum is held by a row of large weight.
    heavy = _SUM_WEIGHT * float(np.sqrt((columns**2).sum(axis=0).max()))
    parts, _ = nnls(np.vstack([columns, np.full(columns.shape[1], heavy)]), np.append(aim, heavy))
    return np.asarray(parts)
