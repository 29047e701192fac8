"""Refits of a table's model over bootstraps of subjects and over permuted labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cfdna_interp.attribution.refit_plan import Refit
from cfdna_interp.attribution.route import RefitStack
from cfdna_interp.attribution.tabular.cohort import FoldedFeatures
from cfdna_interp.attribution.tabular.model import Fits, contributions_of, fit
from cfdna_interp.stats.resampling import bootstrap_counts, stream


def fit_model(folded: FoldedFeatures, present: tuple[str, ...] | None = None) -> Fits:
    """Fit the model itself: all subjects once, true labels, all choices made inside each fold."""
    return fit(folded, folded.cohort.targets[:, None], present=present)


def refit_stacks(
    folded: FoldedFeatures, refits: Sequence[Refit], fits: Fits, *, seed: int
) -> list[RefitStack]:
    """Refit the model, all bootstraps at once and all permutations at once.

    A bootstrap resamples subjects within each class and keeps the model's weightings and penalties, because
    one copy of a subject would predict the other in a new choice. A permutation permutes targets within
    folds, so that each fold keeps its number of cases. It makes its own choices, since those depend on the
    labels.

    Parameters
    ----------
    folded
        The cohort.
    refits
        Kind and number of each refit.
    fits
        The model, whose weightings and penalties a bootstrap uses.
    seed
        The run's seed.
    """
    return [
        _stack(folded, kind, numbers, fits, seed)
        for kind in ("bootstrap", "permutation")
        if (numbers := tuple(refit.number for refit in refits if refit.kind == kind))
    ]


def _stack(folded: FoldedFeatures, kind: str, numbers: tuple[int, ...], fits: Fits, seed: int) -> RefitStack:
    cohort = folded.cohort
    targets = np.tile(cohort.targets[:, None], (1, len(numbers)))
    weights = np.ones_like(targets)
    for column, number in enumerate(numbers):
        rng = stream(seed, kind, number)
        if kind == "bootstrap":
            weights[:, column] = bootstrap_counts(cohort.subject_labels, rng)
        else:
            targets[:, column] = cohort.targets[_permutation(folded.fold, rng)]
    held = fits if kind == "bootstrap" else None
    contributions = contributions_of(folded, fit(folded, targets, weights=weights, held=held))
    return RefitStack(kind, numbers, contributions, weights.T, cohort.chances(targets.T))


def _permutation(fold: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the subject, of the same fold, whose target each subject gets."""
    order = np.empty(len(fold), dtype=np.int64)
    for number in np.unique(fold):
        rows = np.flatnonzero(fold == number)
        order[rows] = rng.permutation(rows)
    return order
