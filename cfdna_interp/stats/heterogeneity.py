"""Whether a score separates the classes equally well in several groups of subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit
from scipy.stats import chi2

from cfdna_interp.stats.roc import delong


@dataclass(frozen=True)
class Heterogeneity:
    """Cochran's Q over the groups' AUROCs, its degrees of freedom and p value."""

    statistic: float
    df: int
    p: float


def heterogeneity(
    labels: np.ndarray, scores: np.ndarray, groups: Sequence[np.ndarray]
) -> Heterogeneity | None:
    """Test one AUROC in all groups, None where fewer than two of them have one with a variance.

    Groups share no subject, so that their AUROCs are independent: Q is the weighted sum of squares of the
    logits of the AUROCs about their mean, weights from DeLong's variances by the delta method (Cochran 1954,
    Biometrics 10:101). On the plain scale small groups of high AUROC would have too little variance. A group
    that is separated completely has none and is left out.

    Parameters
    ----------
    labels, scores
        (subjects,) 1 case, 0 control; finite scores.
    groups
        Row indices of each group; two subjects of each class at least.
    """
    y, s = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    values, weights = [], []
    for rows in groups:
        areas, covariance = delong(y[rows], s[rows])
        area, variance = float(areas[0]), float(covariance[0, 0])
        if 0 < area < 1 and variance > 0:
            values.append(float(logit(area)))
            weights.append((area * (1 - area)) ** 2 / variance)
    if len(values) < 2:
        return None
    x, w = np.array(values), np.array(weights)
    statistic = float(w @ (x - (w @ x) / w.sum()) ** 2)
    return Heterogeneity(statistic, len(x) - 1, float(chi2.sf(statistic, len(x) - 1)))
