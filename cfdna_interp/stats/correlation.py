"""Correlations of two variables under many weightings of the same subjects, at once."""

from __future__ import annotations

import numpy as np


def weighted_correlations(
    first: np.ndarray, second: np.ndarray, weights: np.ndarray, strata: np.ndarray | None = None
) -> np.ndarray:
    """Return (draws,) Pearson correlations, 0 where one side does not vary.

    Parameters
    ----------
    first, second
        (subjects,) two variables.
    weights
        (draws, subjects) weight of each subject, e.g. how often a bootstrap drew it.
    strata
        (subjects,) stratum of each subject. Both variables are centred within strata, under the same weights,
        which removes differences between strata. With the label as stratum this is the partial correlation
        given the label. One stratum by default.
    """
    share = weights / weights.sum(axis=1, keepdims=True)
    codes = (
        np.zeros(len(first), dtype=np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    )
    member = np.eye(codes.max() + 1)[codes]  # (subjects, strata)
    size = share @ member  # (draws, strata)

    def centred(values: np.ndarray) -> np.ndarray:
        means = (share @ (member * values[:, None])) / np.where(size > 0, size, 1)
        result: np.ndarray = values - means @ member.T  # (draws, subjects)
        return result

    a, b = centred(first), centred(second)
    product, left, right = ((share * part).sum(axis=1) for part in (a * b, a * a, b * b))
    # A constant has a variance below this only because of rounding.
    varies = (left > 1e-20 * (first @ first)) & (right > 1e-20 * (second @ second))
    result: np.ndarray = np.where(varies, product, 0) / np.sqrt(np.where(varies, left * right, 1))
    return result
