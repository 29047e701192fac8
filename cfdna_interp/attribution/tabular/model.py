"""Cross-fitted additive models of a table, many refits at once, and contributions of groups to logits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.tabular.cohort import Fold, FoldedFeatures
from cfdna_interp.attribution.tabular.regression import Regressions
from cfdna_interp.attribution.tabular.weighting import Weighting, choose, weightings


@dataclass(frozen=True, eq=False)
class Fits:
    """Models of all folds, for a stack of refits. They are linear in the encoded columns.

    Attributes
    ----------
    coefficient
        A fold's entry is (columns, refits), for the fold's encoded columns. It is 0 for groups that are left
        out, and for bends if features don't bend.
    intercept
        (folds, refits).
    penalty
        (folds, refits).
    offered
        A fold's entry lists the candidate weightings.
    choice
        (folds, refits) indices in ``offered``.
    """

    coefficient: tuple[np.ndarray, ...]
    intercept: np.ndarray
    penalty: np.ndarray
    offered: tuple[tuple[Weighting, ...], ...]
    choice: np.ndarray

    def weighting(self, fold: int) -> Weighting:
        """Return the weighting of a fold's model in the first refit."""
        chosen = int(self.choice[fold, 0])
        return self.offered[fold][chosen]


def fit(
    folded: FoldedFeatures,
    targets: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    held: Fits | None = None,
    present: tuple[str, ...] | None = None,
) -> Fits:
    """Fit every fold's model on the subjects of the other folds.

    All groups have one penalty, and the same variance unless inner errors favour another weighting. With one
    penalty per group, chosen by the group alone, a group can lead by chance, and refits that hold the choice
    confirm it. One of two groups with the same effect was then named in a quarter of simulated cohorts.

    Parameters
    ----------
    folded
        The cohort.
    targets
        (subjects, refits) labels, or logits of a foreign model.
    weights
        (subjects, refits) weight of a subject, e.g. how often a bootstrap drew it; 1 by default.
    held
        A single model whose weightings and penalties are used. By default each fold chooses its own.
    present
        The groups that the model sees; all by default.
    """
    seen = folded.cohort.names if present is None else present
    weights = np.ones_like(targets) if weights is None else weights
    folds = [
        _fit_fold(folded, number, seen, targets[fold.train], weights[fold.train], held)
        for number, fold in enumerate(folded.folds)
    ]
    coefficients, intercepts, penalties, offered, choices = zip(*folds, strict=True)
    return Fits(coefficients, np.array(intercepts), np.array(penalties), offered, np.array(choices))


def _fit_fold(
    folded: FoldedFeatures,
    number: int,
    seen: tuple[str, ...],
    targets: np.ndarray,
    weights: np.ndarray,
    held: Fits | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[Weighting, ...], np.ndarray]:
    """Return coefficients, intercepts, penalties, weightings and choices of one fold."""
    fold, refits = folded.folds[number], targets.shape[1]
    offered = weightings(fold.encoder, seen)
    stacks: dict[int, Regressions] = {}
    if held is None:
        stacks = {place: _scaled(folded, fold, one) for place, one in enumerate(offered)}
        choice, penalty = choose(offered, list(stacks.values()), targets)
    else:
        choice = np.full(refits, held.choice[number, 0])
        penalty = np.full(refits, held.penalty[number, 0])
    coefficient, intercept = np.zeros((fold.Z.shape[1], refits)), np.zeros(refits)
    for place in np.unique(choice).tolist():
        chosen = np.flatnonzero(choice == place)
        stack = stacks.get(place) or _scaled(folded, fold, offered[place])
        solved = stack.solve(targets[:, chosen], weights[:, chosen], penalty[chosen])
        columns, factors = offered[place].columns(fold.encoder)
        coefficient[np.ix_(columns, chosen)] = factors[:, None] * solved.coefficient
        intercept[chosen] = solved.intercept
    return coefficient, intercept, penalty, offered, choice


def _scaled(folded: FoldedFeatures, fold: Fold, weighting: Weighting) -> Regressions:
    columns, factors = weighting.columns(fold.encoder)
    return Regressions(fold.Z[np.ix_(fold.train, columns)] * factors, logistic=folded.cohort.logistic)


def contributions_of(folded: FoldedFeatures, fits: Fits, *, samples: bool = False) -> Contributions:
    """Attribute logits to groups. A group is taken out by averaging over all discovery subjects' features.

    A logit is linear in the encoded columns, and each column belongs to one group. Its mean over reference
    subjects is therefore the logit at their mean columns. A group adds its coefficients times the distance
    from that mean, independent of the other groups. This is its Shapley value, for any number of groups, with
    and without bends.

    Parameters
    ----------
    folded, fits
        The cohort and the models.
    samples
        Whether rows are samples, in the order of the table; otherwise they are subjects.

    Returns
    -------
    Contributions with an axis of refits.
    """
    cohort = folded.cohort
    owner = folded.fold[cohort.places] if samples else folded.fold
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
    return Contributions(cohort.names, phi, base, logit)


def frozen_logits(fits: Fits, encoded: list[np.ndarray]) -> np.ndarray:
    """Return (samples,) logits of samples of other subjects: the mean over the folds' models.

    Parameters
    ----------
    fits
        The models. The first refit is used.
    encoded
        The samples encoded by each fold's encoder, (samples, columns) each.
    """
    each = [
        rows @ coefficient[:, 0] + intercept[0]
        for rows, coefficient, intercept in zip(encoded, fits.coefficient, fits.intercept, strict=True)
    ]
    averaged: np.ndarray = np.mean(each, axis=0)
    return averaged
