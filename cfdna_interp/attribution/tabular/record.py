"""What ``dominance.json`` and its tables say of a table's model."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from cfdna_interp.attribution.figures import Figures
from cfdna_interp.attribution.refit_plan import MAIN
from cfdna_interp.attribution.shapley import EXACT
from cfdna_interp.attribution.tabular.cohort import Folded
from cfdna_interp.attribution.tabular.model import Contributed
from cfdna_interp.attribution.tabular.shares import performance, shares
from cfdna_interp.records.dominance import Removal, RemovalStep
from cfdna_interp.records.values import Interval, interval_of, known
from cfdna_interp.stats.resampling import percentile_interval
from cfdna_interp.stats.roc import mean_auroc


def fixed_shares(given: Contributed, draws: np.ndarray, groups: tuple[str, ...]) -> dict[str, Interval]:
    """Return shares with intervals over (draws, subjects) bootstraps, the models as they are."""
    share = shares(given, np.ones((1, draws.shape[1])))[0][0]
    drawn = np.concatenate([shares(given, draw[None])[0] for draw in draws])
    return {group: interval_of(percentile_interval(share[g], drawn[:, g])) for g, group in enumerate(groups)}


def performance_record(
    folded: Folded, given: Contributed, figures: Figures, draws: np.ndarray, seed: int
) -> dict[str, Interval]:
    """Return what groups contribute to the log-loss, with intervals over (draws, subjects) bootstraps."""
    cohort = folded.cohort
    drawn = performance(given, cohort.chances(cohort.targets)[None], draws, seed=seed)
    return {
        group: interval_of(percentile_interval(figures.performance[g], drawn[:, g]))
        for g, group in enumerate(cohort.names)
    }


def removal_curves(folded: Folded, given: Contributed, share: np.ndarray) -> Removal:
    """Return AUROC while groups are taken away, or put back, the one with the largest share first."""
    names, labels = folded.cohort.names, folded.cohort.labels
    order = np.argsort(-share)

    def step(present: np.ndarray) -> RemovalStep:
        logit = given.base[0] + given.phi[0][:, present].sum(axis=1)
        return RemovalStep(
            groups=tuple(names[g] for g in present), auroc=mean_auroc(logit, labels, folded.fold)
        )

    counts = range(len(order) + 1)
    return Removal(
        deletion=tuple(step(np.sort(order[count:])) for count in counts),
        insertion=tuple(step(np.sort(order[:count])) for count in counts),
    )


def shares_by_fold(folded: Folded, given: Contributed) -> tuple[dict[str, float | None], ...]:
    """Return shares among the subjects of each fold."""
    rows = np.stack([folded.fold == number for number in range(len(folded.folds))]).astype(float)
    return tuple(
        dict(zip(folded.cohort.names, map(known, share), strict=True)) for share in shares(given, rows)[0]
    )


def coalition_table(folded: Folded, given: Contributed) -> pd.DataFrame:
    """Return the value of every coalition of each sample.

    Of more than eight groups those of none and of each alone, of which the others are sums.
    """
    names = folded.cohort.names
    every = len(names) <= EXACT
    switches = (
        product((False, True), repeat=len(names)) if every else [*np.eye(len(names) + 1, len(names), -1)]
    )
    parts = []
    for present in switches:
        on = np.array(present, dtype=bool)
        parts.append(
            pd.DataFrame(
                {
                    "sample": folded.cohort.samples,
                    "intervention": MAIN[0],
                    "reference": MAIN[1],
                    "coalition": "+".join(n for n, there in zip(names, on, strict=True) if there) or "none",
                    "donor": 0,
                    "value": given.base[0] + given.phi[0][:, on].sum(axis=1),
                    "reference_value": given.base[0],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
