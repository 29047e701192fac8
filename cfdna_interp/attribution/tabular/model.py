"""Cross-fitted linear models of a table, many refits at once, and what each group adds to their logits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.attribution.tabular.cohort import Fold, Folded
from cfdna_interp.attribution.tabular.regression import Regressions

# How many times the penalty of the best group another one may have; in steps, so that refits share axes.
RATIOS = 10 ** np.array([0.0, 0.5, 1.0])


@dataclass(frozen=True, eq=False)
class Fits:
    """Linear models of all folds, for a stack of refits.

    Attributes
    ----------
    coefficient
        A fold's entry is (columns, refits), of the fold's encoded columns; 0 where a group is left out.
    intercept
        (folds, refits).
    penalty
        (folds, refits) of the group that tells most by itself.
    step
        (folds, groups, refits) which of ``RATIOS`` times this penalty a group has.
    """

    coefficient: tuple[np.ndarray, ...]
    intercept: np.ndarray
    penalty: np.ndarray
    step: np.ndarray


def fit(
    folded: Folded,
    targets: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    held: Fits | None = None,
    present: tuple[str, ...] | None = None,
) -> Fits:
    """Fit every fold's model on the subjects of the other folds.

    How much a group is worth is asked of it first, by itself: with one penalty for all, a group that knows
    nothing would move logits by its noise as much as another by what it knows.

    Parameters
    ----------
    folded
        The cohort.
    targets
        (subjects, refits) labels, or logits of a foreign model.
    weights
        (subjects, refits) how much a subject counts, e.g. how often a bootstrap drew it; 1 by default.
    held
        A single model whose penalties are held; chosen inside each fold by default.
    present
        The groups that the model sees; all by default.
    """
    names, refits = folded.cohort.names, targets.shape[1]
    seen = names if present is None else present
    weights = np.ones_like(targets) if weights is None else weights
    step = np.zeros((len(folded.folds), len(names), refits), dtype=np.int64)
    penalty = np.ones((len(folded.folds), refits))
    intercept = np.empty_like(penalty)
    coefficients = []
    for number, fold in enumerate(folded.folds):
        step[number] = _steps(folded, fold, targets, seen) if held is None else held.step[number]
        columns = folded.columns(fold, seen)
        coefficient = np.zeros((fold.Z.shape[1], refits))
        for pattern in np.unique(step[number], axis=1).T:
            which = np.flatnonzero((step[number] == pattern[:, None]).all(axis=0))
            # A column that is shrunk beforehand is penalised more by the same penalty.
            sizes = [fold.encoder.axes[group].shape[1] for group in names]
            scale = np.repeat(RATIOS[pattern] ** -0.5, sizes)[columns]
            regressions = Regressions(
                fold.Z[np.ix_(fold.train, columns)] * scale, logistic=folded.cohort.logistic
            )
            own = targets[np.ix_(fold.train, which)]
            penalty[number, which] = regressions.choose(own) if held is None else held.penalty[number]
            solved = regressions.solve(own, weights[np.ix_(fold.train, which)], penalty[number, which])
            coefficient[np.ix_(columns, which)] = scale[:, None] * solved.coefficient
            intercept[number, which] = solved.intercept
        coefficients.append(coefficient)
    return Fits(tuple(coefficients), intercept, penalty, step)


def _steps(folded: Folded, fold: Fold, targets: np.ndarray, seen: tuple[str, ...]) -> np.ndarray:
    """Return (groups, refits): the nearest of ``RATIOS`` to what the best group tells over what each tells.

    A ridge is a normal prior on coefficients, its penalty the inverse of their variance, and groups enter
    with the same total variance: so penalties go by the inverse of the share that a group explains by itself.
    """
    names, train = folded.cohort.names, fold.train
    explained = np.zeros((len(names), targets.shape[1]))
    for group in seen:
        alone = Regressions(
            fold.Z[np.ix_(train, folded.columns(fold, (group,)))], logistic=folded.cohort.logistic
        )
        explained[names.index(group)] = alone.explained_left_out(targets[train])
    most = explained.max(axis=0)
    # Where no group tells anything they are alike.
    share = np.where(most > 0, explained / np.where(most > 0, most, 1.0), 1.0)
    ratio = 1 / np.maximum(share, 1 / RATIOS[-1])
    nearest: np.ndarray = np.abs(np.log(ratio)[..., None] - np.log(RATIOS)).argmin(axis=-1)
    return nearest


@dataclass(frozen=True, eq=False)
class Contributed:
    """What each group adds to logits from models that never saw the subject.

    A coalition's value is ``base`` plus the contributions of its groups. Rows are subjects or samples.

    Attributes
    ----------
    phi
        (refits, rows, groups) Shapley values.
    base
        (refits, rows) logit with no group: all features are reference subjects', on average.
    logit
        (refits, rows) logit of the rows as they are.
    """

    phi: np.ndarray
    base: np.ndarray
    logit: np.ndarray

    @property
    def completeness(self) -> np.ndarray:
        """(refits,) the largest difference between a logit and what its parts add up to."""
        missed: np.ndarray = np.abs(self.base + self.phi.sum(axis=2) - self.logit).max(axis=1)
        return missed


def contributed(folded: Folded, fits: Fits, *, samples: bool = False) -> Contributed:
    """Take groups out by putting in the features of reference subjects, all of discovery one after the other.

    A logit is linear in the features, so its mean over reference subjects is that at their mean features, and
    what a group adds is the same whichever others are there: coefficient times the distance from the mean.
    That is the Shapley value of the game, for any number of groups.

    Parameters
    ----------
    folded, fits
        The cohort and the models.
    samples
        Whether rows are samples, in the order of the table; otherwise they are subjects.
    """
    cohort = folded.cohort
    owner = folded.fold[cohort.place] if samples else folded.fold
    shape = (fits.intercept.shape[1], len(owner))
    phi, base, logit = np.zeros((*shape, len(cohort.names))), np.zeros(shape), np.zeros(shape)
    for number, (fold, coefficient) in enumerate(zip(folded.folds, fits.coefficient, strict=True)):
        rows, intercept = np.flatnonzero(owner == number), fits.intercept[number]
        encoded = fold.encoder.encode(cohort.X[rows]) if samples else fold.Z[rows]
        reference = fold.Z.mean(axis=0)
        base[:, rows] = (intercept + reference @ coefficient)[:, None]
        logit[:, rows] = (encoded @ coefficient + intercept).T
        for place, group in enumerate(cohort.names):
            span = fold.encoder.spans[group]
            phi[:, rows, place] = ((encoded - reference)[:, span] @ coefficient[span]).T
    return Contributed(phi, base, logit)


def frozen_logits(fits: Fits, encoded: list[np.ndarray]) -> np.ndarray:
    """Return (samples,) logits of samples of other subjects: the mean over the folds' models.

    Parameters
    ----------
    fits
        The models, of which the first refit is used.
    encoded
        The samples by each fold's encoder, (samples, columns) each.
    """
    each = [
        rows @ coefficient[:, 0] + intercept[0]
        for rows, coefficient, intercept in zip(encoded, fits.coefficient, fits.intercept, strict=True)
    ]
    averaged: np.ndarray = np.mean(each, axis=0)
    return averaged
