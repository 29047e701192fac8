"""Area under the ROC curve: value, interval, paired difference, permutation test.

One score per subject throughout. Intervals follow one rule: DeLong if each class has at least
``DELONG_MINIMUM`` subjects, otherwise a bootstrap of subjects within class. If the sample shows no variation
(an AUROC of exactly 0 or 1, two scores that never disagree), both would give an interval of width zero. The
bound then comes from the ``min(n1, n0)`` disjoint case-control pairs of the cohort. They are independent, so
all of them miss an event of probability q with probability ``(1 - q) ** pairs``. A score that is the same for
everybody has an AUROC of .5 by its ties. It has no interval, since it measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from cfdna_interp.stats.estimates import LEVEL, IntervalEstimate
from cfdna_interp.stats.resampling import percentile_interval

DELONG_MINIMUM = 30
# The method of a constant score, which has no interval.
CONSTANT = "constant score"


@dataclass(frozen=True)
class DifferenceEstimate:
    """AUROC of a minus AUROC of b on the same subjects.

    ``low`` and ``high`` are the two-sided 95 % interval. ``low_one_sided`` and ``high_one_sided`` are
    one-sided 95 % bounds, by :func:`recovered_bound`. ``p`` is two-sided and tests a difference of zero.
    """

    difference: float
    low: float
    high: float
    low_one_sided: float
    high_one_sided: float
    p: float
    method: str


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the probability that a case scores above a control, with ties counted half.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control; both occur.
    scores
        (subjects,) finite numbers.

    References
    ----------
    Hanley and McNeil, Radiology 143:29, 1982.
    """
    y, s = _checked(labels, scores)
    cases = int(y.sum())
    ranks = rankdata(s)
    return float((ranks[y].sum() - cases * (cases + 1) / 2) / (cases * (len(y) - cases)))


def mean_auroc(logits: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> float | None:
    """Return the mean over folds of the AUROC within a fold, or None if no fold has both classes."""
    aurocs = [
        auroc(labels[folds == fold].astype(int), logits[folds == fold])
        for fold in np.unique(folds)
        if len(np.unique(labels[folds == fold])) == 2
    ]
    return float(np.mean(aurocs)) if aurocs else None


def delong(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return AUROCs of several scores on the same subjects, and their covariance.

    The structural components of DeLong, DeLong and Clarke-Pearson (Biometrics 44:837, 1988) are computed by
    the midrank algorithm of Sun and Xu (IEEE Signal Process Lett 21:1389, 2014).

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control; at least two of each.
    scores
        (scores, subjects).

    Returns
    -------
    (scores,) AUROCs and their (scores, scores) covariance matrix.
    """
    table = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    y, _ = _checked(labels, table[0])
    if not np.isfinite(table).all():
        raise ValueError("a score is not finite")
    cases, controls = table[:, y], table[:, ~y]  # (scores, n1), (scores, n0)
    n1, n0 = cases.shape[1], controls.shape[1]
    if min(n1, n0) < 2:
        raise ValueError("the covariance needs two subjects of each class")
    joint = rankdata(np.concatenate([cases, controls], axis=1), axis=1)
    # Share of controls below each case, and of cases above each control; ties count half.
    v10 = (joint[:, :n1] - rankdata(cases, axis=1)) / n0
    v01 = 1 - (joint[:, n1:] - rankdata(controls, axis=1)) / n1
    covariance = np.atleast_2d(np.cov(v10)) / n1 + np.atleast_2d(np.cov(v01)) / n0
    return v10.mean(axis=1), covariance


def auroc_interval(
    labels: np.ndarray, scores: np.ndarray, rng: np.random.Generator, bootstrap: int = 2_000
) -> IntervalEstimate:
    """Return the AUROC with its 95 % interval.

    Parameters
    ----------
    labels, scores
        (subjects,) as for :func:`auroc`.
    rng
        Source of randomness of the bootstrap; not used where DeLong applies.
    bootstrap
        Number of bootstrap samples.
    """
    y, s = _checked(labels, scores)
    value = auroc(y, s)
    n1, n0 = int(y.sum()), int((~y).sum())
    if np.ptp(s) == 0:
        return IntervalEstimate(value, float("nan"), float("nan"), CONSTANT)
    if value in (0.0, 1.0):
        slack = unseen((1 - LEVEL) / 2, min(n1, n0))
        low, high = (0.0, slack) if value == 0.0 else (1 - slack, 1.0)
        return IntervalEstimate(value, low, high, "exact pairs")
    if min(n1, n0) >= DELONG_MINIMUM:
        _, covariance = delong(y, s)
        return logit_interval(value, float(covariance[0, 0]), "DeLong, logit scale")
    draws = bootstrap_draws(y, concordance(y, s), rng, bootstrap)
    # A mean of ones can round to a value above 1.
    return percentile_interval(value, np.minimum(draws, 1.0))


def paired_difference(
    labels: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    rng: np.random.Generator,
    bootstrap: int = 2_000,
) -> DifferenceEstimate:
    """Return AUROC(a) - AUROC(b) on the same subjects, with bounds and test.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control.
    a, b
        (subjects,) two scores.
    rng, bootstrap
        As for :func:`auroc_interval`.
    """
    y, first = _checked(labels, a)
    _, second = _checked(labels, b)
    if np.array_equal(first, second):
        return DifferenceEstimate(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, "identical scores")
    difference = auroc(y, first) - auroc(y, second)
    kernel = concordance(y, first) - concordance(y, second)  # (n1, n0)
    n1, n0 = kernel.shape
    tail = (1 - LEVEL) / 2
    if np.ptp(kernel) == 0:
        two, one = unseen(tail, min(n1, n0)), unseen(1 - LEVEL, min(n1, n0))
        # This is a sign test over the disjoint pairs, all of which favour the same score.
        p = 1.0 if difference == 0 else min(1.0, 2 * 0.5 ** min(n1, n0))
        return _symmetric(difference, two, one, p, "exact pairs")
    low_one, high_one = _one_sided(y, first, second, difference)
    if min(n1, n0) >= DELONG_MINIMUM:
        _, covariance = delong(y, np.stack([first, second]))
        contrast = np.array([1.0, -1.0])
        error = float(np.sqrt(max(contrast @ covariance @ contrast, 0.0)))
        if error > 0:
            two = float(norm.isf(tail)) * error
            p = float(2 * norm.sf(abs(difference) / error))
            low, high = max(-1.0, difference - two), min(1.0, difference + two)
            return _ordered(difference, (low, high), (low_one, high_one), p, "DeLong, paired")
    draws = bootstrap_draws(y, kernel, rng, bootstrap)
    low, high = map(float, np.quantile(draws, [tail, 1 - tail]))
    beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    p = min(1.0, 2 * (1 + beyond) / (1 + bootstrap))
    return _ordered(difference, (low, high), (low_one, high_one), p, "bootstrap of subjects, paired")


def _ordered(
    difference: float, two: tuple[float, float], one: tuple[float, float], p: float, method: str
) -> DifferenceEstimate:
    """Return a difference whose two-sided interval includes its one-sided bounds (wider near 1)."""
    return DifferenceEstimate(difference, min(two[0], one[0]), max(two[1], one[1]), *one, p, method)


def _one_sided(y: np.ndarray, a: np.ndarray, b: np.ndarray, difference: float) -> tuple[float, float]:
    """Return the lower and the upper one-sided 95 % bound of AUROC(a) - AUROC(b)."""
    if min(y.sum(), (~y).sum()) < 2:
        slack = unseen(1 - LEVEL, 1)
        return max(-1.0, difference - slack), min(1.0, difference + slack)
    areas, covariance = delong(y, np.stack([a, b]))
    pairs = int(min(y.sum(), (~y).sum()))
    upper = recovered_bound(areas, covariance, pairs)
    lower = -recovered_bound(areas[::-1], covariance[::-1, ::-1], pairs)
    return max(-1.0, lower), min(1.0, upper)


def recovered_bound(areas: np.ndarray, covariance: np.ndarray, pairs: int) -> float:
    """Return the one-sided 95 % upper bound of the first AUROC less the second.

    This is the method of variance estimates recovery (Zou, Psychological Methods 12:399, 2007; Zou and
    Donner, Statistics in Medicine 27:1693, 2008). It combines the distances of the two AUROCs to their own
    bounds, which aren't symmetric near 1. With a symmetric bound up to .2 of the proxies that are worse by
    exactly the margin would pass there, instead of .05 (benchmarks/paired_margin.py).

    Parameters
    ----------
    areas, covariance
        (2,) AUROCs and their (2, 2) covariance, of :func:`delong`.
    pairs
        Number of disjoint case-control pairs. They give the bound of an AUROC of exactly 0 or 1.
    """
    z = float(norm.isf(1 - LEVEL))

    def bound(place: int, sign: int) -> float:
        area, variance = float(areas[place]), float(covariance[place, place])
        if not 0 < area < 1 or variance <= 0:
            slack = unseen(1 - LEVEL, pairs)
            return min(1.0, max(0.0, area + sign * slack))
        error = np.sqrt(variance) / (area * (1 - area))
        return float(expit(logit(area) + sign * z * error))

    above, below = bound(0, 1) - float(areas[0]), float(areas[1]) - bound(1, -1)
    scale = float(np.sqrt(max(covariance[0, 0], 0.0) * max(covariance[1, 1], 0.0)))
    correlation = float(covariance[0, 1]) / scale if scale > 0 else 0.0
    spread = above**2 - 2 * correlation * above * below + below**2
    return float(areas[0] - areas[1]) + float(np.sqrt(max(spread, 0.0)))


def permutation_p(labels: np.ndarray, scores: np.ndarray, n: int, rng: np.random.Generator) -> float:
    """Return the one-sided p value of the AUROC under permuted labels, (1 + #{null >= seen}) / (1 + n).

    Parameters
    ----------
    labels, scores
        (subjects,) as for :func:`auroc`.
    n
        Number of permutations.
    rng
        Source of the permutations.

    References
    ----------
    Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9:39, 2010.
    """
    y, s = _checked(labels, scores)
    ranks = rankdata(s)
    seen = ranks[y].sum()
    reached = 0
    for start in range(0, n, 1_000):
        shuffled = rng.permuted(np.tile(y, (min(1_000, n - start), 1)), axis=1)
        # The rank sum orders permutations as the AUROC does. Half ranks are exact in binary.
        reached += int((shuffled @ ranks >= seen).sum())
    return (1 + reached) / (1 + n)


def concordance(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the (n1, n0) table with 1 if the case scores above the control, 1/2 for a tie, else 0."""
    y, s = _checked(labels, scores)
    gap = s[y][:, None] - s[~y][None, :]
    table: np.ndarray = (np.sign(gap) + 1) / 2
    return table


def weighted_mean(table: np.ndarray, cases: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Return the (draws,) weighted means of a case-by-control table, NaN if all weights are zero.

    Parameters
    ----------
    table
        (n1, n0) table, e.g. of :func:`concordance`.
    cases, controls
        (draws, n1) and (draws, n0) weights.
    """
    total = cases.sum(axis=1) * controls.sum(axis=1)
    return np.asarray(((cases @ table) * controls).sum(axis=1) / np.where(total > 0, total, np.nan))


def bootstrap_draws(
    labels: np.ndarray, kernel: np.ndarray, rng: np.random.Generator, bootstrap: int
) -> np.ndarray:
    """Return the (bootstrap,) means of a case-by-control table when subjects are resampled within class.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control.
    kernel
        (n1, n0) table, e.g. of :func:`concordance` or a difference of two.
    rng, bootstrap
        Source of randomness and number of draws.
    """
    n1, n0 = kernel.shape
    if n1 + n0 != len(labels):
        raise ValueError("the table does not belong to these labels")
    w1 = rng.multinomial(n1, np.full(n1, 1 / n1), size=bootstrap) / n1  # (bootstrap, n1)
    w0 = rng.multinomial(n0, np.full(n0, 1 / n0), size=bootstrap) / n0  # (bootstrap, n0)
    return np.asarray(((w1 @ kernel) * w0).sum(axis=1))


def logit_interval(value: float, variance: float, method: str) -> IntervalEstimate:
    """Return the 95 % interval of a probability strictly inside (0, 1), symmetric on the logit scale.

    Parameters
    ----------
    value
        The estimate.
    variance
        Its variance on the plain scale. The delta method converts it to the logit scale.
    method
        Name of the method, for the result.
    """
    error = np.sqrt(variance) / (value * (1 - value))
    low, high = expit(logit(value) + norm.isf((1 - LEVEL) / 2) * error * np.array([-1.0, 1.0]))
    return IntervalEstimate(value, float(low), float(high), method)


def unseen(alpha: float, pairs: int) -> float:
    """Return the probability of an event that all ``pairs`` independent pairs miss with chance ``alpha``."""
    return float(1 - alpha ** (1 / pairs))


def _symmetric(difference: float, two: float, one: float, p: float, method: str) -> DifferenceEstimate:
    def inside(value: float) -> float:
        return min(1.0, max(-1.0, value))

    return DifferenceEstimate(
        difference,
        inside(difference - two),
        inside(difference + two),
        inside(difference - one),
        inside(difference + one),
        p,
        method,
    )


def _checked(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, s = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if y.shape != s.shape or y.ndim != 1:
        raise ValueError(f"labels {y.shape} and scores {s.shape} must be two vectors of one length")
    if not np.isin(y, (0, 1)).all() or len(np.unique(y)) != 2:
        raise ValueError("labels must be 0 and 1, and both must occur")
    if not np.isfinite(s).all():
        raise ValueError("a score is not finite")
    return y.astype(bool), s
