"""AUROC with overlap weights, in the part of the cohort where cases and controls were handled alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cfdna_interp.records.audit import Overlap
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.values import known
from cfdna_interp.stats.resampling import percentile_interval
from cfdna_interp.stats.roc import concordance

FOLDS = 5
# Effective subjects of each class, the same number as the ladder asks of a role.
EFFECTIVE = 15
EXTREME = 0.05
# With a larger share outside, the weights describe a minority of the cohort.
MOST_OUTSIDE = 0.5
BOOTSTRAP = 1_000


def overlap_weighted(
    labels: np.ndarray, scores: np.ndarray, terms: Sequence[str], X: np.ndarray, rng: np.random.Generator
) -> Overlap:
    """Weight each subject by the probability of the other class given its handling.

    Cases have a weight of 1 - e and controls of e (Li, Morgan and Zaslavsky 2018). Both classes then have the
    same distribution of e, weighted by e (1 - e), which is highest for subjects who could have been in either
    class. The propensity e comes from a ridge logistic regression of the label on the technical terms, fitted
    on folds that never saw the subject. The bootstrap resamples subjects within class and keeps the
    propensities.

    Parameters
    ----------
    labels, scores
        (subjects,) label 1 or 0, both occur; finite score.
    terms, X
        Names and (subjects, terms) numbers from :func:`cfdna_interp.audit.handling_terms.technical_design`.
    rng
        Source of folds and bootstrap.
    """
    y, s = np.asarray(labels).astype(int), np.asarray(scores, dtype=np.float64)
    fewest = int(min(y.sum(), (1 - y).sum()))
    if X.shape[1] == 0:
        return _nothing(Missing(why=Cause.NO_TECHNICAL), terms)
    if fewest < EFFECTIVE:
        return _nothing(Missing(why=Cause.FEW_OF_A_CLASS, seen=fewest, needed=EFFECTIVE), terms)
    e = propensities(X, y, rng)
    weights = np.where(y == 1, 1 - e, e)
    effective = [float(weights[y == k].sum() ** 2 / (weights[y == k] ** 2).sum()) for k in (1, 0)]
    outside = float(((e < EXTREME) | (e > 1 - EXTREME)).mean())
    missing = None
    if min(effective) < EFFECTIVE:
        missing = Missing(why=Cause.LITTLE_WEIGHT, seen=min(effective), needed=EFFECTIVE)
    elif outside > MOST_OUTSIDE:
        missing = Missing(why=Cause.NO_OVERLAP, seen=outside, needed=MOST_OUTSIDE)
    value, draws = _weighted_auroc(y, s, weights, rng)
    interval = percentile_interval(value, draws)
    return Overlap(
        value=value,
        low=interval.low,
        high=interval.high,
        effective_case=effective[0],
        effective_control=effective[1],
        outside=outside,
        imbalance=known(_imbalance(X, y, np.ones(len(y)))),
        imbalance_weighted=known(_imbalance(X, y, weights)),
        terms=tuple(terms),
        missing=missing,
    )


def propensities(X: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the (subjects,) probability of being a case given X, from folds without the subject.

    Parameters
    ----------
    X
        (subjects, terms), finite.
    labels
        (subjects,) 1 case, 0 control, at least 5 of each.
    rng
        Source of the folds.
    """
    e = np.empty(len(labels))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    for train, test in folds.split(X, labels):
        # The unit penalty on standardised terms is about the information of one subject per term.
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=500))
        e[test] = model.fit(X[train], labels[train]).predict_proba(X[test])[:, 1]
    return e


def outside_overlap(X: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> float:
    """Return the share of subjects with a propensity outside .05 to .95; 1 if a class is too small.

    Parameters
    ----------
    X, labels, rng
        As for :func:`propensities`.
    """
    y = np.asarray(labels).astype(int)
    if min(y.sum(), (1 - y).sum()) < FOLDS:
        return 1.0
    e = propensities(X, y, rng)
    return float(((e < EXTREME) | (e > 1 - EXTREME)).mean())


def _weighted_auroc(
    y: np.ndarray, s: np.ndarray, weights: np.ndarray, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    table = concordance(y, s)  # (n1, n0)
    case, control = weights[y == 1], weights[y == 0]
    value = float(case @ table @ control / (case.sum() * control.sum()))
    draws = []
    for w in (case, control):
        n = len(w)
        draws.append(rng.multinomial(n, np.full(n, 1 / n), size=BOOTSTRAP) * w)  # (draws, n)
    sums = draws[0].sum(axis=1) * draws[1].sum(axis=1)
    return value, np.asarray(((draws[0] @ table) * draws[1]).sum(axis=1) / sums)


def _imbalance(X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    means = [np.average(X[y == k], axis=0, weights=weights[y == k]) for k in (1, 0)]
    spread = np.sqrt((X[y == 1].var(axis=0) + X[y == 0].var(axis=0)) / 2)
    gaps = np.abs(means[0] - means[1])
    # A term that separates the classes completely has no spread within them.
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.nan_to_num(gaps / spread, nan=0.0, posinf=np.inf).max())


def _nothing(missing: Missing, terms: Sequence[str]) -> Overlap:
    return Overlap(
        value=None,
        low=None,
        high=None,
        effective_case=None,
        effective_control=None,
        outside=None,
        imbalance=None,
        imbalance_weighted=None,
        terms=tuple(terms),
        missing=missing,
    )
