"""The coalition values of a model of a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cfdna_interp.attribution.coalitions import coalition_name, coalitions_of
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.refit_plan import MAIN
from cfdna_interp.attribution.shapley import EXACT
from cfdna_interp.attribution.tabular.cohort import FoldedFeatures


def coalition_table(folded: FoldedFeatures, contributions: Contributions) -> pd.DataFrame:
    """Return the value of every coalition of each sample.

    With more than eight groups only the empty coalition and each single group are listed. The others are sums
    of these.

    Parameters
    ----------
    folded
        The cohort.
    contributions
        Contributions of the model, one row per sample.
    """
    groups = contributions.groups
    coalitions = (
        np.array(coalitions_of(len(groups)))
        if len(groups) <= EXACT
        else np.eye(len(groups) + 1, len(groups), -1, dtype=bool)
    )
    parts = [
        pd.DataFrame(
            {
                "sample": folded.cohort.samples,
                "intervention": MAIN[0],
                "reference": MAIN[1],
                "coalition": coalition_name(groups, present.tolist()),
                "donor": 0,
                "value": contributions.value(present),
                "reference_value": contributions.base,
            }
        )
        for present in coalitions
    ]
    return pd.concat(parts, ignore_index=True)
