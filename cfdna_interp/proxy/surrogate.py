"""Loss of fidelity of a foreign model's surrogate, on held-out subjects, when retrained without a group.

A model that is known by its scores can't be retrained. A group that predicts the label isn't necessarily read
by the model. What shows that it is read is a loss of agreement between the surrogate and the model's own
scores.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import rankdata

from cfdna_interp.artifacts.predictions import SURROGATE
from cfdna_interp.cohort.table import saturated
from cfdna_interp.records.validation import SurrogateLosses
from cfdna_interp.records.values import interval_of
from cfdna_interp.stats.correlation import weighted_correlations
from cfdna_interp.stats.resampling import bootstrap_counts, percentile_interval, stream

WITHOUT = "model_without_"


def surrogate_losses(
    labels: np.ndarray, scores: Mapping[str, np.ndarray], *, seed: int, bootstrap: int
) -> SurrogateLosses | None:
    """Compare the surrogate, and the surrogate retrained without each group, with the model's own scores.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control; subjects are resampled within classes.
    scores
        Name -> (subjects,) frozen logits: ``model``, ``surrogate``, ``model_without_<group>``.
    seed, bootstrap
        The run's seed, and the number of draws.

    Returns
    -------
    The losses, or None without a surrogate. For drops of the squared correlation, a correlation below 0
    counts as 0.
    """
    if SURROGATE not in scores:
        return None
    model = scores["model"]
    held = int(saturated(model).sum())
    ranked = held > 0
    rng = stream(seed, "validate", "surrogate")
    draws = np.stack([bootstrap_counts(labels, rng) for _ in range(bootstrap)]).astype(np.float64)
    every = np.concatenate([np.ones((1, len(labels))), draws])
    target = rankdata(model) if ranked else model

    def follows(name: str) -> np.ndarray:
        said = rankdata(scores[name]) if ranked else scores[name]
        return weighted_correlations(target, said, every)

    whole = follows(SURROGATE)
    explained = np.maximum(whole, 0.0) ** 2
    losses = {
        name.removeprefix(WITHOUT): explained - np.maximum(follows(name), 0.0) ** 2
        for name in scores
        if name.startswith(WITHOUT)
    }
    return SurrogateLosses(
        n=len(labels),
        saturated=held,
        measure="rank correlation" if ranked else "correlation",
        follows=interval_of(percentile_interval(whole[0], whole[1:])),
        losses={group: interval_of(percentile_interval(lost[0], lost[1:])) for group, lost in losses.items()},
    )
