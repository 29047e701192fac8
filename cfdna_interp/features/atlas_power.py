"""What an atlas can tell at a given depth: the smallest share it shows, and which cell types it confuses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.stats.mixture import FLOOR

# A 95 % interval that leaves 0 out in 80 % of samples.
_REACH = 1.96 + 0.84


@dataclass(frozen=True, eq=False)
class Power:
    """What can be told, type by type.

    Attributes
    ----------
    smallest
        (types,) share of the type that is told from its absence.
    nearest
        (types,) index of the type that is hardest to tell from it.
    correlation
        (types,) correlation of the two over blocks; NaN where one is the same in all blocks, or there is
        only one.
    depth
        (types,) counts a block at which the two are told apart; inf where they are alike.
    """

    smallest: np.ndarray
    nearest: np.ndarray
    correlation: np.ndarray
    depth: np.ndarray


def atlas_power(expected: np.ndarray, depth: float, share: float) -> Power:
    """Work out an atlas' power, in samples that hold all its cell types in equal parts.

    From Fisher's information of binomial counts: with all other shares free for ``smallest``, with the
    others known for ``depth``, where ``share`` of one type is replaced by as much of the other.

    Parameters
    ----------
    expected
        (blocks, types) probability of the marker state.
    depth
        Counts a block for ``smallest``.
    share
        Of the two types that are to be told apart.
    """
    table = np.clip(expected, FLOOR, 1 - FLOOR)
    types = table.shape[1]
    p = table.mean(axis=1)
    root = table / np.sqrt(p * (1 - p))[:, None]
    information = depth * root.T @ root
    # Types that are alike leave it singular: a little more on the diagonal makes their variance large.
    information.flat[:: types + 1] *= 1 + 1e-9
    covariance = np.linalg.inv(information)
    ones = covariance.sum(axis=1)
    variance = np.diag(covariance) - ones**2 / ones.sum()  # the shares sum to 1
    distance = ((root[:, :, None] - root[:, None, :]) ** 2).sum(axis=0)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = _REACH**2 / (share**2 * distance[np.arange(types), nearest])
        # Over a single block there is none.
        matrix = np.corrcoef(table.T) if len(table) > 1 else np.full((types, types), np.nan)
    correlation = matrix[np.arange(types), nearest]
    return Power(_REACH * np.sqrt(np.maximum(variance, 0)), nearest, correlation, needed)
