"""Agreement of the proxy with the model under study, and whether the model predicts better."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.stats import chi2, norm, rankdata

from cfdna_interp.records.fidelity import Added, Conclusion, ProxyFidelity
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.values import Interval, difference_of, interval_of
from cfdna_interp.stats.correlation import weighted_correlations
from cfdna_interp.stats.estimates import LEVEL
from cfdna_interp.stats.resampling import bootstrap_counts, percentile_interval
from cfdna_interp.stats.roc import (
    DifferenceEstimate,
    auroc,
    bootstrap_draws,
    concordance,
    paired_difference,
    unseen,
)
from cfdna_interp.stats.separation import separated

ONE_CLASS = "no fold holds both classes"
# In standard deviations of the model's logit. Smaller differences are rounding.
SAME = 1e-6


def fidelity(
    labels: np.ndarray,
    model_logits: np.ndarray,
    proxy_logits: np.ndarray,
    rng: np.random.Generator,
    *,
    margin: float,
    bootstrap: int = 2_000,
    folds: np.ndarray | None = None,
) -> ProxyFidelity:
    """Compare the proxy's logits with the model's.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control.
    model_logits, proxy_logits
        (subjects,) logits from fits that never saw the subject.
    rng
        Source of the bootstrap.
    margin
        Margin of the difference in AUROC, fixed before the labels were read.
    bootstrap
        Number of bootstrap samples of subjects.
    folds
        (subjects,) fold of each subject if logits are cross-fitted. Fits of different folds share no scale,
        so logits are standardised within folds, and cases are compared with controls of their own fold. A
        fold of one class has no information on the label. Intervals then don't include the error of the fits.
        None for one frozen fit.
    """
    y = np.asarray(labels, dtype=np.int64)
    fold = np.zeros(len(y), dtype=np.int64) if folds is None else np.unique(folds, return_inverse=True)[1]
    model, proxy = _standardised(model_logits, fold), _standardised(proxy_logits, fold)
    cells = 2 * fold + y
    draws = np.stack([bootstrap_counts(cells, rng) for _ in range(bootstrap)]).astype(np.float64)
    if folds is None:
        difference = paired_difference(y, model_logits, proxy_logits, rng, bootstrap)
    else:
        difference = _within_folds(y, model, proxy, fold, rng, bootstrap)
    conclusion = Conclusion.UNDECIDED
    if difference.high_one_sided < margin:
        conclusion = Conclusion.WITHIN
    elif difference.low_one_sided > margin:
        conclusion = Conclusion.BEYOND
    return ProxyFidelity(
        n=len(y),
        pearson=_estimate(model, proxy, draws, fold),
        spearman=_estimate(_ranks(model, fold), _ranks(proxy, fold), draws, fold),
        partial=_estimate(model, proxy, draws, cells),
        added=_added(y, model, proxy, fold),
        difference=difference_of(difference),
        margin=margin,
        conclusion=conclusion,
    )


def _standardised(values: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Standardise values within each fold. They become 0 if they are all equal."""
    result = np.zeros(len(values))
    for number in np.unique(fold):
        part = np.asarray(values, dtype=np.float64)[fold == number]
        if np.ptp(part) > 0:
            result[fold == number] = (part - part.mean()) / part.std()
    return result


def _ranks(values: np.ndarray, fold: np.ndarray) -> np.ndarray:
    result = np.zeros(len(values))
    for number in np.unique(fold):
        # Mid-ranks are divided by the number of subjects, so that folds of different sizes are comparable.
        result[fold == number] = rankdata(values[fold == number]) / (fold == number).sum()
    return result


def _estimate(first: np.ndarray, second: np.ndarray, draws: np.ndarray, strata: np.ndarray) -> Interval:
    if not (_varies(first, strata) and _varies(second, strata)):
        return Interval(value=None, low=None, high=None)
    value = float(weighted_correlations(first, second, np.ones((1, len(first))), strata)[0])
    return interval_of(percentile_interval(value, weighted_correlations(first, second, draws, strata)))


def _varies(values: np.ndarray, strata: np.ndarray) -> bool:
    return any(np.ptp(values[strata == number]) > 0 for number in np.unique(strata))


def _within_folds(
    y: np.ndarray,
    model: np.ndarray,
    proxy: np.ndarray,
    fold: np.ndarray,
    rng: np.random.Generator,
    bootstrap: int,
) -> DifferenceEstimate:
    """Return the mean difference within folds, by weights n1·n0 / (n1 + n0), and resample within folds.

    All numbers are NaN if no fold has both classes.
    """
    total, value, pairs = 0.0, 0.0, 0
    draws = np.zeros(bootstrap)
    for number in np.unique(fold):
        rows = np.flatnonzero(fold == number)
        case = int(y[rows].sum())
        control = len(rows) - case
        if min(case, control) == 0:
            continue
        weight = case * control / (case + control)
        kernel = concordance(y[rows], model[rows]) - concordance(y[rows], proxy[rows])
        total, pairs = total + weight, pairs + min(case, control)
        value += weight * (auroc(y[rows], model[rows]) - auroc(y[rows], proxy[rows]))
        draws += weight * bootstrap_draws(y[rows], kernel, rng, bootstrap)
    if total == 0:
        nothing = float("nan")
        return DifferenceEstimate(nothing, nothing, nothing, nothing, nothing, nothing, ONE_CLASS)
    value, draws = value / total, draws / total
    tail = (1 - LEVEL) / 2
    low, high, low_one, high_one = map(float, np.quantile(draws, [tail, 1 - tail, 1 - LEVEL, LEVEL]))
    if np.ptp(draws) == 0 and not np.array_equal(model, proxy):
        two, one = unseen(tail, pairs), unseen(1 - LEVEL, pairs)
        low, high, low_one, high_one = value - two, value + two, value - one, value + one
    beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    p = min(1.0, 2 * (1 + beyond) / (1 + bootstrap))
    return DifferenceEstimate(
        value, low, high, low_one, high_one, p, "bootstrap of subjects within fold, paired"
    )


def _added(y: np.ndarray, model: np.ndarray, proxy: np.ndarray, fold: np.ndarray) -> Added:
    import statsmodels.api as sm

    # The indicator column of a fold with one class would separate the classes.
    mixed = [number for number in np.unique(fold) if len(np.unique(y[fold == number])) == 2]
    if not mixed:
        return Added(missing=Missing(why=Cause.ONE_CLASS))
    rows = np.isin(fold, mixed)
    y, model, proxy, fold = y[rows], model[rows], proxy[rows], fold[rows]
    columns = [(fold == number).astype(np.float64) for number in np.unique(fold)]
    if np.ptp(proxy) > 0:
        columns.append(proxy)
    base = np.column_stack(columns)
    # This is the part of the model's logit that the proxy doesn't explain, scaled to variance 1. Two nearly
    # equal logits would make the likelihood's curvature singular. Coefficient and likelihood remain those of
    # the model's logit.
    residual = model - base @ np.linalg.lstsq(base, model, rcond=None)[0]
    spread = float(residual.std())
    if spread < SAME:
        return Added(missing=Missing(why=Cause.SAME_LINE))
    both = np.column_stack([base, residual / spread])
    if separated(base, y):
        return Added(missing=Missing(why=Cause.PROXY_SEPARATES))
    divided = separated(both, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = sm.Logit(y, base).fit(disp=0, maxiter=200)
        # If the likelihood has no maximum, the optimiser still approaches its supremum.
        joint = sm.Logit(y, both).fit(disp=0, maxiter=100, method="bfgs" if divided else "newton")
    ratio = max(0.0, float(2 * (joint.llf - alone.llf)))
    p = float(chi2.sf(ratio, 1))
    if divided:
        return Added(likelihood_ratio=ratio, p=p, missing=Missing(why=Cause.MODEL_SEPARATES))
    coefficient, error = float(joint.params[-1]) / spread, float(joint.bse[-1]) / spread
    half = float(norm.isf((1 - LEVEL) / 2)) * error
    return Added(
        value=coefficient, low=coefficient - half, high=coefficient + half, likelihood_ratio=ratio, p=p
    )
