"""Whether two groups carry the same information: correlation of the logits of models on either alone."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from cfdna_interp.stats.correlation import weighted_correlations


def within_class_correlations(
    alone: Mapping[str, np.ndarray], labels: np.ndarray, fold: np.ndarray
) -> dict[str, float]:
    """Correlate single groups' cross-fitted logits within cases and within controls.

    Two groups that both predict the label correlate for that reason alone. Only correlation among subjects of
    one label shows whether either can replace the other. Logits are standardised within folds, since fits of
    different folds share no scale.

    Parameters
    ----------
    alone
        Group -> (subjects,) cross-fitted logits of the model that saw this group alone.
    labels, fold
        (subjects,) 1 case, 0 control; the fold in which a subject was tested.

    Returns
    -------
    ``first:second`` -> correlation, for every pair; 0 if one of the logits is the same for everybody.
    """
    scaled = {group: _standardised(logits, fold) for group, logits in alone.items()}
    once = np.ones((1, len(labels)))
    return {
        f"{first}:{second}": float(weighted_correlations(scaled[first], scaled[second], once, labels)[0])
        for first, second in combinations(alone, 2)
    }


def _standardised(logits: np.ndarray, fold: np.ndarray) -> np.ndarray:
    result = np.zeros(len(logits))
    for number in np.unique(fold):
        own = logits[fold == number]
        if np.ptp(own) > 0:
            result[fold == number] = (own - own.mean()) / own.std()
    return result
