"""A smooth calibration curve with a confidence band: observed against predicted probabilities."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import expit
from scipy.stats import norm

from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.validation import SmoothCurve
from cfdna_interp.stats.estimates import LEVEL

# Three knots are Harrell's choice for small samples (Regression Modeling Strategies, 2nd ed., table 2.3).
KNOTS = (0.1, 0.5, 0.9)
FEWEST = 15
POINTS = 41
# Half-width in logits beyond which a band says nothing: .5 could be .0025 or .9975.
_USELESS = 6.0


def calibration_curve(labels: np.ndarray, logits: np.ndarray) -> SmoothCurve:
    """Regress the label on a natural cubic spline of the logit (Van Calster et al. 2016).

    The unpenalised logistic regression has two slopes, so the curve can bend once, unlike the calibration
    line. Beyond the outer knots it is linear. The band is Wald's, on the logit scale.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control.
    logits
        (subjects,) finite.

    References
    ----------
    Van Calster et al., Journal of Clinical Epidemiology 74:167, 2016.
    """
    import statsmodels.api as sm

    y, x = np.asarray(labels).astype(int), np.asarray(logits, dtype=np.float64)
    fewest = int(min(y.sum(), len(y) - y.sum()))
    if fewest < FEWEST:
        return _none(Missing(why=Cause.FEW_OF_A_CLASS, seen=fewest, needed=FEWEST))
    knots = np.quantile(x, KNOTS)
    if len(np.unique(knots)) < len(KNOTS):
        return _none(Missing(why=Cause.FEW_VALUES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = sm.Logit(y, _basis(x, knots)).fit(disp=0, maxiter=200)
        except np.linalg.LinAlgError:
            return _none(Missing(why=Cause.LOGIT_SEPARATES))
    grid = np.linspace(x.min(), x.max(), POINTS)
    rows = _basis(grid, knots)
    middle = rows @ fit.params
    half = norm.isf((1 - LEVEL) / 2) * np.sqrt(np.einsum("gi,ij,gj->g", rows, fit.cov_params(), rows))
    # If the likelihood has no maximum, the fit ends at an arbitrary point with meaningless errors.
    if not fit.mle_retvals["converged"] or not np.isfinite(half).all() or np.median(half) > _USELESS:
        return _none(Missing(why=Cause.LOGIT_SEPARATES))
    return SmoothCurve(
        predicted=tuple(expit(grid).tolist()),
        observed=tuple(expit(middle).tolist()),
        low=tuple(expit(middle - half).tolist()),
        high=tuple(expit(middle + half).tolist()),
        method="logistic regression on a natural cubic spline of the logit, 3 knots",
        missing=None,
    )


def _basis(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the (values, knots) natural cubic splines that are 1 at one knot and 0 at the others."""
    spline = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    inside = np.clip(x, knots[0], knots[-1])
    rows: np.ndarray = spline(inside) + spline(inside, 1) * (x - inside)[:, None]
    return rows


def _none(missing: Missing) -> SmoothCurve:
    return SmoothCurve(predicted=(), observed=(), low=(), high=(), method="", missing=missing)
