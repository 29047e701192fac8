"""Quality of predicted probabilities: precision-recall, Brier score, calibration, shares."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from cfdna_interp.stats.estimates import LEVEL, IntervalEstimate

WALD = "Wald"
NO_LINE = "the logit is the same for everybody, or separates the classes"


@dataclass(frozen=True)
class Calibration:
    """Agreement of predicted and observed probabilities, each figure with its 95 % interval.

    Attributes
    ----------
    slope, intercept
        Slope and intercept of the logistic regression of the label on the logit. 1 and 0 are perfect. A slope
        below 1 means that predictions are too extreme. Both are NaN, with the reason as method, if the logit
        is constant or separates the classes.
    in_the_large
        The intercept with the slope fixed at 1: what has to be added to every logit to make predictions right
        on average. 0 is perfect. Below 0 there are fewer cases than predicted.
    """

    slope: IntervalEstimate
    intercept: IntervalEstimate
    in_the_large: IntervalEstimate


@dataclass(frozen=True)
class Quality:
    """What is reported of a score in addition to its AUROC."""

    auprc: float
    brier: float
    calibration: Calibration


def quality(labels: np.ndarray, logits: np.ndarray) -> Quality:
    """Return AUPRC (average precision), Brier score and the calibration of a logit.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control; both occur.
    logits
        (subjects,) finite.

    References
    ----------
    Brier, Monthly Weather Review 78:1, 1950, for the Brier score.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss

    y, x = np.asarray(labels).astype(int), np.asarray(logits, dtype=np.float64)
    slope, intercept = calibration_line(y, x)
    return Quality(
        auprc=float(average_precision_score(y, x)),
        brier=float(brier_score_loss(y, expit(x))),
        calibration=Calibration(slope, intercept, calibration_in_the_large(y, x)),
    )


def calibration_line(labels: np.ndarray, logits: np.ndarray) -> tuple[IntervalEstimate, IntervalEstimate]:
    """Return slope and intercept of the unpenalised logistic regression of the label on the logit.

    All are NaN if the likelihood has no maximum. Intervals are Wald's. With calibrated predictions 2 to 6 of
    100 excluded a slope of 1 (1,500 cohorts at 15, 20, 30 and 60 per class and three spreads each), so small
    classes need no bootstrap. Source: Cox, Biometrika 45:562, 1958.
    """
    import statsmodels.api as sm

    y, x = np.asarray(labels).astype(int), np.asarray(logits, dtype=np.float64)
    cases, controls = x[y == 1], x[y == 0]
    spread, middle = float(x.std()), float(x.mean())
    nothing = IntervalEstimate(float("nan"), float("nan"), float("nan"), NO_LINE)
    if spread == 0 or controls.max() <= cases.min() or cases.max() <= controls.min():
        return nothing, nothing
    # The fit is on the standardised logit, so that Newton's steps don't depend on its scale.
    centred = (x - middle) / spread
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sm.Logit(y, sm.add_constant(centred)).fit(disp=0, maxiter=200)
    if not fit.mle_retvals["converged"]:
        return nothing, nothing
    # This matrix maps (intercept, slope) from the standardised logit to the logit's own scale.
    back = np.array([[1.0, -middle / spread], [0.0, 1 / spread]])
    intercept, slope = back @ fit.params
    errors = np.sqrt(np.diag(back @ fit.cov_params() @ back.T))
    return _wald(float(slope), float(errors[1])), _wald(float(intercept), float(errors[0]))


def calibration_in_the_large(labels: np.ndarray, logits: np.ndarray) -> IntervalEstimate:
    """Return the intercept of the logistic regression of the label with the logit as offset, by Wald.

    It solves sum(y) = sum(expit(logit + a)); its variance is 1 / sum(p (1 - p)).

    References
    ----------
    Cox, Biometrika 45:562, 1958.
    """
    y, x = np.asarray(labels).astype(int), np.asarray(logits, dtype=np.float64)
    # At either end all probabilities are on one side of the share of cases, so the root is between the ends.
    share = float(logit(y.mean()))

    def missing(a: float) -> float:
        return float(expit(x + a).sum() - y.sum())

    value = float(brentq(missing, share - x.max() - 1, share - x.min() + 1))
    chance = expit(x + value)
    return _wald(value, float(1 / np.sqrt((chance * (1 - chance)).sum())))


def _wald(value: float, error: float) -> IntervalEstimate:
    half = float(norm.isf((1 - LEVEL) / 2)) * error
    return IntervalEstimate(value, value - half, value + half, WALD)


def wilson(successes: int, n: int) -> IntervalEstimate:
    """Return a share with its 95 % interval (Wilson, J Am Stat Assoc 22:209, 1927)."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=0.05, method="wilson")
    return IntervalEstimate(successes / n, float(low), float(high), "Wilson")
