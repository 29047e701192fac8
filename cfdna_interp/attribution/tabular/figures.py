"""The figures that the rule for ``dominant`` is put to, of a table's model and its refits."""

from __future__ import annotations

import pandas as pd

from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.figures import Figures
from cfdna_interp.attribution.tabular.cohort import Folded


def figures_of(folded: Folded, contributions: Contributions, refits: pd.DataFrame, *, seed: int) -> Figures:
    """Gather the model's figures and those of its refits.

    Parameters
    ----------
    folded
        The cohort.
    contributions
        Of the model, a row a subject.
    refits
        All rows of ``refit_table``.
    seed
        The run's seed.
    """
    cohort = folded.cohort
    shares = contributions.shares()
    performance = contributions.performance(cohort.chances(cohort.targets), seed=seed)
    return Figures.gather(
        cohort.names, refits, share=shares.share, covariance=shares.covariance, performance=performance
    )
