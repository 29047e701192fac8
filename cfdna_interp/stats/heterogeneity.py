"""Whether a score separates the classes equally well in several groups of subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import logit
from scipy.stats import chi2

from cfdna_interp.stats.roc import delong


@dataclass(frozen=True)
class Heterogeneity:
    """Cochran's Q over the groups' AUROCs, its degrees of freedom and p value.

    ``groups`` and ``n`` are the number of tested groups and of their subjects.
    """

    statistic: float
    df: int
    p: float
    groups: int
    n: int


class VarianceObstacle(StrEnum):
    """Why the AUROC of a group has no variance on the logit scale, and can't enter the test."""

    CONSTANT_SCORE = "constant score"
    SCORE_SEPARATES = "score separates"
    NO_VARIANCE = "no variance"


def why_untested(labels: np.ndarray, scores: np.ndarray) -> VarianceObstacle | None:
    """Return why the AUROC of a group has no variance on the logit scale, None where it has one.

    Parameters
    ----------
    labels, scores
        (subjects,) 1 case, 0 control, at least two of each class; finite scores of one group.
    """
    areas, covariance = delong(labels, scores)
    if np.ptp(scores) == 0:
        return VarianceObstacle.CONSTANT_SCORE
    if not 0 < float(areas[0]) < 1:
        return VarianceObstacle.SCORE_SEPARATES
    return None if float(covariance[0, 0]) > 0 else VarianceObstacle.NO_VARIANCE


def heterogeneity(
    labels: np.ndarray, scores: np.ndarray, groups: Sequence[np.ndarray]
) -> Heterogeneity | None:
    """Test whether all groups have the same AUROC. None if fewer than two AUROCs have a variance.

    Groups share no subject, so that their AUROCs are independent: Q is the weighted sum of squares of the
    logits of the AUROCs about their mean, weights from DeLong's variances by the delta method (Cochran 1954,
    Biometrics 10:101). On the plain scale small groups of high AUROC would have too little variance. A group
    for which :func:`why_untested` names an obstacle is left out.

    Parameters
    ----------
    labels, scores
        (subjects,) 1 case, 0 control; finite scores.
    groups
        Row indices of each group, with at least two subjects of each class.
    """
    y, s = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    used = [rows for rows in groups if not why_untested(y[rows], s[rows])]
    if len(used) < 2:
        return None
    values, weights = [], []
    for rows in used:
        areas, covariance = delong(y[rows], s[rows])
        area, variance = float(areas[0]), float(covariance[0, 0])
        values.append(float(logit(area)))
        weights.append((area * (1 - area)) ** 2 / variance)
    x, w = np.array(values), np.array(weights)
    statistic = float(w @ (x - (w @ x) / w.sum()) ** 2)
    n = sum(len(rows) for rows in used)
    return Heterogeneity(statistic, len(x) - 1, float(chi2.sf(statistic, len(x) - 1)), len(used), n)
