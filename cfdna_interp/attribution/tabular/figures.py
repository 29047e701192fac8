"""The figures that the rule for ``dominant`` is put to, of a table's model and its refits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cfdna_interp.attribution.figures import Figures
from cfdna_interp.attribution.tabular.cohort import Folded
from cfdna_interp.attribution.tabular.model import Contributed
from cfdna_interp.attribution.tabular.shares import performance, shares


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
    return Figures.gather(
        cohort.names, refits, share=share[0], covariance=covariance[0], performance=gained[0]
    )
