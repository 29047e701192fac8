"""Quality of probabilities beyond their order: precision-recall, Brier score, calibration line, shares."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from cfdna_interp.stats.roc import Interval


@dataclass(frozen=True)
class Quality:
    """What is reported of one score beside its AUROC.

    ``calibration_slope`` and ``calibration_intercept`` are those of a logistic regression of the label
    on the logit (1 and 0 when perfect); NaN where they do not exist: a constant logit, or classes that
    the logit separates completely.
    """

    auprc: float
    brier: float
    calibration_slope: float
    calibration_intercept: float


def quality(labels: np.ndarray, logits: np.ndarray) -> Quality:
    """Return AUPRC (average precision), Brier score and the calibration line of a logit.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control; both occur.
    logits
        (subjects,) finite.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss

    y, x = np.asarray(labels).astype(int), np.asarray(logits, dtype=np.float64)
    slope, intercept = calibration_line(y, x)
    return Quality(
        auprc=float(average_precision_score(y, x)),
        brier=float(brier_score_loss(y, expit(x))),
        calibration_slope=slope,
        calibration_intercept=intercept,
    )


def calibration_line(labels: np.ndarray, logits: np.ndarray) -> tuple[float, float]:
    """Return slope and intercept of the unpenalised logistic regression of the label on the logit.

    Both NaN where the maximum of the likelihood does not exist.
    """
    import statsmodels.api as sm

    y, x = np.asarray(labels).astype(int), np.asarray(logits, dtype=np.float64)
    cases, controls = x[y == 1], x[y == 0]
    spread = float(x.std())
    if spread == 0 or controls.max() <= cases.min() or cases.max() <= controls.min():
        return float("nan"), float("nan")
    # Fitted on the standardised logit: Newton's steps then do not depend on its scale.
    centred = (x - x.mean()) / spread
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sm.Logit(y, sm.add_constant(centred)).fit(disp=0, maxiter=200)
    if not fit.mle_retvals["converged"]:
        return float("nan"), float("nan")
    slope = float(fit.params[1] / spread)
    return slope, float(fit.params[0] - slope * x.mean())


def wilson(successes: int, n: int) -> Interval:
    """Return a share with its 95 % interval after Wilson (1927)."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=0.05, method="wilson")
    return Interval(successes / n, float(low), float(high), "Wilson")
