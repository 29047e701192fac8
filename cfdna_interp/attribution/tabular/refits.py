"""Refits of a table's model over bootstraps of subjects and over permuted labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.refit_plan import Refit, refits_of_chunk, save_table
from cfdna_interp.attribution.tabular.cohort import Folded, load_folded
from cfdna_interp.attribution.tabular.model import Fits, contributions_of, fit
from cfdna_interp.config import Config
from cfdna_interp.stats.resampling import bootstrap_counts, stream


def fit_model(folded: Folded, present: tuple[str, ...] | None = None) -> Fits:
    """Fit the model as it is: all subjects once, their own labels, all choices made inside each fold."""
    return fit(folded, folded.cohort.targets[:, None], present=present)


def refit_table(folded: Folded, refits: Sequence[Refit], fits: Fits, *, seed: int) -> pd.DataFrame:
    """Refit the model and summarise what each refit rests on.

    A bootstrap draws subjects within each class and holds the model's weightings and penalties, since a
    subject that is there twice would be told from itself. A permutation deals targets out within the folds,
    so that it has as many cases in each as the model had, and makes its own choices: all that the labels
    decided is decided anew.

    Parameters
    ----------
    folded
        The cohort.
    refits
        Which ones.
    fits
        The model, whose weightings and penalties a bootstrap holds.
    seed
        The run's seed.

    Returns
    -------
    A row for each refit and group: kind, number, group, share, covariance_share, context_and_joint,
    completeness, performance.
    """
    tables = [
        _figures(folded, kind, numbers, fits, seed)
        for kind in ("bootstrap", "permutation")
        if (numbers := [refit.number for refit in refits if refit.kind == kind])
    ]
    return pd.concat(tables, ignore_index=True)


def run_refit(config: Config, chunk: int) -> None:
    """Stage ``refit`` for a table: write the shares of one chunk of refits."""
    folded = load_folded(config)
    table = refit_table(folded, refits_of_chunk(config, chunk), fit_model(folded), seed=config.seed)
    save_table(table, Layout.of(config.outdir).refits(chunk))


def _figures(folded: Folded, kind: str, numbers: list[int], fits: Fits, seed: int) -> pd.DataFrame:
    cohort = folded.cohort
    targets = np.tile(cohort.targets[:, None], (1, len(numbers)))
    weights = np.ones_like(targets)
    for column, number in enumerate(numbers):
        rng = stream(seed, kind, number)
        if kind == "bootstrap":
            weights[:, column] = bootstrap_counts(cohort.labels, rng)
        else:
            targets[:, column] = cohort.targets[_dealt(folded.fold, rng)]
    held = fits if kind == "bootstrap" else None
    contributions = contributions_of(folded, fit(folded, targets, weights=weights, held=held))
    shares = contributions.shares(weights.T)
    performance = contributions.performance(cohort.chances(targets.T), weights.T, seed=seed)
    groups = len(cohort.names)
    return pd.DataFrame(
        {
            "kind": kind,
            "number": np.repeat(numbers, groups),
            "group": np.tile(cohort.names, len(numbers)),
            "share": shares.share.ravel(),
            "covariance_share": shares.covariance.ravel(),
            "context_and_joint": 0.0,
            "completeness": np.repeat(contributions.completeness, groups),
            "performance": performance.ravel(),
        }
    )


def _dealt(fold: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return whose target each subject gets: somebody's of the same fold."""
    dealt = np.empty(len(fold), dtype=np.int64)
    for number in np.unique(fold):
        rows = np.flatnonzero(fold == number)
        dealt[rows] = rng.permutation(rows)
    return dealt
