"""The figures that the rule for ``dominant`` is put to, of a table's model and its refits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cfdna_interp.attribution.judge import Dominance, judge
from cfdna_interp.attribution.tabular.cohort import Folded
from cfdna_interp.attribution.tabular.model import Contributed
from cfdna_interp.attribution.tabular.shares import performance, shares
from cfdna_interp.config.settings import Validation


@dataclass(frozen=True, eq=False)
class Figures:
    """What the rule is put to.

    Attributes
    ----------
    share, covariance
        (groups,) of the model.
    bootstrap, permuted
        (refits, groups) shares.
    bootstrap_covariance, permuted_performance
        (refits, groups).
    performance
        (groups,) in nats.
    """

    share: np.ndarray
    covariance: np.ndarray
    bootstrap: np.ndarray
    permuted: np.ndarray
    bootstrap_covariance: np.ndarray
    permuted_performance: np.ndarray
    performance: np.ndarray

    def judge(
        self,
        groups: tuple[str, ...],
        subjects: int,
        cross_fitted: dict[str, float],
        margins: Validation,
        fidelity: float | None,
    ) -> Dominance:
        """Apply the rule. Nothing of a linear model is context, and it has no second intervention to ask."""
        return judge(
            share=self.share,
            covariance=self.covariance,
            bootstrap=self.bootstrap,
            permuted=self.permuted,
            performance=self.performance,
            permuted_performance=self.permuted_performance,
            context=0.0,
            subjects=subjects,
            cross_fitted=cross_fitted,
            necessity_margin=margins.necessity_margin,
            replaceable_margin=margins.replaceable_margin,
            signal_ceiling=margins.signal_ceiling,
            fidelity=fidelity,
            groups=groups,
        )


def figures_of(folded: Folded, given: Contributed, refits: pd.DataFrame, *, seed: int) -> Figures:
    """Gather the model's figures and those of its refits.

    Parameters
    ----------
    folded
        The cohort.
    given
        Contributions of the model.
    refits
        All rows of ``refit_table``.
    seed
        The run's seed.
    """
    cohort = folded.cohort
    once = np.ones((1, len(cohort.people)))
    share, covariance = shares(given, once)
    gained = performance(given, cohort.chances(cohort.targets)[None], once, seed=seed)

    def wide(kind: str, column: str) -> np.ndarray:
        rows = refits[refits.kind == kind]
        return rows.pivot(index="number", columns="group", values=column)[list(cohort.names)].to_numpy()

    return Figures(
        share=share[0],
        covariance=covariance[0],
        bootstrap=wide("bootstrap", "share"),
        permuted=wide("permutation", "share"),
        bootstrap_covariance=wide("bootstrap", "covariance_share"),
        permuted_performance=wide("permutation", "performance"),
        performance=gained[0],
    )
