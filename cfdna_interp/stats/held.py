"""AUROC with strata and columns held fixed, and how far it falls below the crude AUROC.

The part of the score that the held columns explain is subtracted. Cases are then compared with controls of
the same stratum only. This is the covariate-adjusted ROC curve of Janes and Pepe (Biometrika 96:371, 2009):
the AUROC of a case's score among controls of the same covariates, with a linear model for the effect of
covariates on the score. The slopes are estimated within stratum and class. A column that differs between the
classes therefore removes only its effect among subjects of one class. The score enters as normal scores of
its ranks. This leaves the crude AUROC unchanged and keeps a single extreme logit from moving a slope.

Every interval includes three sources of error: the sampling of cases and controls, the distribution of their
columns, and the error of the slopes. A subject's part in the first two comes from its pairs of a case and a
control (DeLong et al., Biometrics 44:837, 1988). Pairs share cases and controls. The variance is therefore
that of two-way clusters, by case and by control, less that of single pairs (Cameron, Gelbach and Miller, J
Bus Econ Stat 29:238, 2011). In strata of one case and one control, where DeLong's variance within strata is
zero, it is that of the pairs. The error of the slopes comes from their influence functions, corrected for
leverage (MacKinnon and White, J Econometrics 29:305, 1985).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from cfdna_interp.stats.estimates import LEVEL, IntervalEstimate
from cfdna_interp.stats.roc import logit_interval, unseen

METHOD = "pairs within strata, two-way clusters, logit scale"
COMPLETE = "exact pairs within strata"
# Rows of the table of pairs that are in memory at a time.
_CHUNK = 512


@dataclass(frozen=True)
class Fall:
    """Crude minus held AUROC, with its two-sided 95 % interval and its one-sided 95 % upper bound."""

    value: float
    low: float
    high: float
    high_one_sided: float


@dataclass(frozen=True)
class HeldAuroc:
    """The AUROC within strata with columns held fixed, and the crude AUROC of the same subjects.

    Attributes
    ----------
    auroc
        The held AUROC with its two-sided 95 % interval.
    crude
        The AUROC of all pairs of the same subjects.
    fall
        Their paired difference.
    case, control
        Number of subjects in at least one pair.
    strata
        Number of strata with both classes.
    worth
        Σ 2 n1 n0 / (n1 + n0) over these strata. One stratum with this number of cases and of controls would
        be equally informative.
    """

    auroc: IntervalEstimate
    crude: float
    fall: Fall
    case: int
    control: int
    strata: int
    worth: float


def worth_of(labels: np.ndarray, strata: np.ndarray) -> float:
    """Return Σ 2 n1 n0 / (n1 + n0) over strata, of (subjects,) labels and strata numbered from 0."""
    case, control = _counts(np.asarray(labels).astype(int), strata)
    return float((2 * case * control / np.maximum(case + control, 1)).sum())


def centred(values: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Return (subjects, columns) values minus the mean of their stratum."""
    counts = np.bincount(strata)
    means = [np.bincount(strata, weights=column) / np.maximum(counts, 1) for column in values.T]
    return values - np.stack(means, axis=1)[strata] if means else values


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Return the quantiles of a standard normal at the values' mid-ranks (van der Waerden's scores)."""
    ranks = (rankdata(values) - 0.5) / len(values)
    return np.asarray(norm.ppf(ranks))


def held_auroc(
    labels: np.ndarray, scores: np.ndarray, strata: np.ndarray, columns: np.ndarray
) -> HeldAuroc | None:
    """Return the AUROC with strata and columns held fixed, or None if no stratum has both classes.

    Strata have weights n1 n0 / (n1 + n0), which are optimal if all have the same AUROC. There is no minimum
    size.

    Parameters
    ----------
    labels, scores
        (subjects,) label 1 or 0, at least two of each; finite score.
    strata
        (subjects,) whole numbers from 0.
    columns
        (subjects, columns) finite values to hold fixed. Within strata they must be linearly independent of
        each other and of the label. Otherwise ``np.linalg.LinAlgError`` is raised.
    """
    y, codes = np.asarray(labels).astype(int), np.asarray(strata)
    s = normal_scores(np.asarray(scores, dtype=np.float64))
    case, control = _counts(y, codes)
    weights = np.divide(case * control, case + control, out=np.zeros(len(case)), where=case * control > 0)
    if not weights.any():
        return None
    weights /= weights.sum()
    rest, slopes = _without(s, y, codes, columns, weights)
    parts = _Parts.of(y, s, rest, codes, weights / np.maximum(case * control, 1))
    variance, paired = parts.own.variance(y, slopes), parts.paired.variance(y, -slopes)
    value, crude = parts.held, parts.crude
    mixed = weights > 0
    if 0 < value < 1 and variance > 0:
        auroc = logit_interval(value, variance, METHOD)
    else:
        slack = unseen((1 - LEVEL) / 2, int(np.minimum(case, control)[mixed].sum()))
        low, high = (max(0.0, value - slack), min(1.0, value + slack))
        auroc = IntervalEstimate(value, low, high, COMPLETE)
    error = float(np.sqrt(paired))
    two, one = (float(norm.isf(tail)) * error for tail in ((1 - LEVEL) / 2, 1 - LEVEL))
    difference = crude - value
    fall = Fall(difference, difference - two, difference + two, difference + one)
    return HeldAuroc(
        auroc=auroc,
        crude=crude,
        fall=fall,
        case=int(case[mixed].sum()),
        control=int(control[mixed].sum()),
        strata=int(mixed.sum()),
        worth=worth_of(y, codes),
    )


def _counts(y: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    strata = int(codes.max()) + 1
    case = np.bincount(codes[y == 1], minlength=strata)
    return case, np.bincount(codes, minlength=strata) - case


def _without(
    s: np.ndarray, y: np.ndarray, codes: np.ndarray, columns: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the score without the columns' effect, and each subject's part in the error from the slopes.

    The second is the subject's influence on the slopes times the derivative of the held AUROC by the slope.
    The derivative is the difference of the AUROC one standard error to either side of the slope.
    """
    if columns.shape[1] == 0:
        return s, np.zeros(len(s))
    design = centred(np.column_stack([y, columns]).astype(np.float64), codes)
    target = centred(s[:, None], codes)[:, 0]
    inverse = np.linalg.inv(design.T @ design)
    coefficient = inverse @ (design.T @ target)
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    residual = (target - design @ coefficient) / np.maximum(1 - leverage, 1e-6)
    influence = ((design * residual[:, None]) @ inverse)[:, 1:]  # (subjects, columns)
    slope, errors = coefficient[1:], np.sqrt((influence**2).sum(axis=0))
    effect = np.zeros(len(slope))
    for j in np.flatnonzero(errors > 0):
        step = np.zeros(len(slope))
        step[j] = errors[j]
        up, down = (_within(y, s - columns @ (slope + sign * step), codes, weights) for sign in (1, -1))
        effect[j] = (up - down) / (2 * errors[j])
    return s - columns @ slope, influence @ effect


def _within(y: np.ndarray, s: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted mean of the AUROCs of the strata."""
    # A shift per stratum sorts scores by stratum, so that one ranking gives the ranks within strata.
    spread = float(np.ptp(s)) + 1.0
    ranks = rankdata(s + codes * 2 * spread)
    case, control = _counts(y, codes)
    before = np.concatenate([[0], np.cumsum(case + control)[:-1]])
    sums = np.bincount(codes, weights=(ranks - before[codes]) * y, minlength=len(case))
    wins = sums - case * (case + 1) / 2
    mixed = weights > 0
    return float((weights[mixed] * wins[mixed] / (case * control)[mixed]).sum())


@dataclass(frozen=True, eq=False)
class _PairSums:
    """Sums over the pairs of a case and a control, of the held AUROC or of crude minus held AUROC."""

    subjects: np.ndarray  # (subjects,) over the pairs of each subject
    squares: float  # over single pairs
    alone: float  # over single pairs, without the effects of their two subjects

    def variance(self, y: np.ndarray, slopes: np.ndarray) -> float:
        """Return the two-way variance; ``slopes`` is each subject's part in the error from the slopes."""
        total = -self.squares
        for label in (1, 0):
            members = (self.subjects + slopes)[y == label]
            total += float((members**2).sum()) * len(members) / (len(members) - 1)
        # If subjects have no effect of their own, as in balanced strata that don't move the score, the true
        # variance is that of single pairs, and the sums above scatter around it.
        return max(total, self.alone)


@dataclass(frozen=True, eq=False)
class _Parts:
    """The held and the crude AUROC with the sums that their errors are made of."""

    held: float
    crude: float
    own: _PairSums
    paired: _PairSums

    @classmethod
    def of(
        cls, y: np.ndarray, s: np.ndarray, rest: np.ndarray, codes: np.ndarray, pair: np.ndarray
    ) -> _Parts:
        """Sum over pairs; ``pair`` is the weight of a pair in each stratum."""
        cases, controls = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
        share = 1 / (len(cases) * len(controls))
        chunks = [cases[start : start + _CHUNK] for start in range(0, len(cases), _CHUNK)]

        def table(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
            return np.asarray((np.sign(values[rows][:, None] - values[controls][None]) + 1) / 2)

        def weight(rows: np.ndarray) -> np.ndarray:
            return np.where(codes[rows][:, None] == codes[controls][None], pair[codes[rows]][:, None], 0.0)

        held = float(sum((weight(rows) * table(rows, rest)).sum() for rows in chunks))
        expected = {name: _expected(y, values) for name, values in (("s", s), ("rest", rest))}
        crude = float(expected["s"][y == 1].mean())
        sums = {name: np.zeros(len(y)) for name in ("own", "paired")}
        squares, alone = dict.fromkeys(sums, 0.0), dict.fromkeys(sums, 0.0)
        for rows in chunks:
            won, rest_won, weights = table(rows, s), table(rows, rest), weight(rows)
            inside = weights * (rest_won - held)
            whole = (won - crude) * share
            # This subtracts what the two subjects predict of a pair: their shares of won pairs over the whole
            # cohort.
            left, rest_left = (
                values - expected[name][rows][:, None] - expected[name][controls][None] + mean
                for values, name, mean in (
                    (won, "s", crude),
                    (rest_won, "rest", float(expected["rest"][y == 1].mean())),
                )
            )
            pairs = {
                "own": (inside, weights * rest_left),
                "paired": (whole - inside, share * left - weights * rest_left),
            }
            for name, (values, beyond) in pairs.items():
                sums[name][rows] += values.sum(axis=1)
                sums[name][controls] += values.sum(axis=0)
                squares[name] += float((values**2).sum())
                alone[name] += float((beyond**2).sum())
        own, paired = (_PairSums(sums[name], squares[name], alone[name]) for name in ("own", "paired"))
        return cls(min(1.0, held), crude, own, paired)


def _expected(y: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return each subject's share of pairs that the case wins, over all subjects of the other class."""
    case = y == 1
    ranks, result = rankdata(values), np.empty(len(y))
    result[case] = (ranks[case] - rankdata(values[case])) / (~case).sum()
    result[~case] = 1 - (ranks[~case] - rankdata(values[~case])) / case.sum()
    return result
