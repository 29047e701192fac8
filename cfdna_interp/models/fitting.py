"""Fitting of many heads at once on the same bags.

A head starts as a ridge logistic regression on mean embeddings and on products of the directions in which
subjects differ most. An inner cross-validation by subject chooses the penalties and whether to use products.
The queries start near zero, where attention is the mean. All parameters are then trained together for a few
steps. A copy that never sees one inner fold decides the number of steps, which may be zero. Finally the
logits are calibrated on the predictions of the inner folds.

Heads that differ only in the weights of their samples (folds, members of an ensemble) share every pass over
the fragments.
"""

from __future__ import annotations

import numpy as np
import torch

from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.head_plan import plan_of
from cfdna_interp.models.head_training import train


def fit_heads(
    bags: torch.Tensor,
    targets: np.ndarray,
    subjects: np.ndarray,
    weights: np.ndarray,
    rng: np.random.Generator,
) -> list[AttentionHead]:
    """Fit one head for each row of weights.

    Parameters
    ----------
    bags
        (samples, bags, fragments, dim) whitened embeddings, fragments in the order of their windows.
    targets
        (samples,) labels 0 or 1, or probabilities that the heads are to reproduce.
    subjects
        (samples,) subject of each sample. A subject is never on both sides of an inner split.
    weights
        (heads, samples) weight of a sample, 0 to leave it out.
    rng
        Source of randomness.

    Returns
    -------
    The fitted heads. If all used samples have the same target, a head returns 0 for everybody.
    """
    means = bags.mean(dim=2)  # (samples, bags, dim)
    plans = [plan_of(means, targets, subjects, row, rng, bags.shape[2]) for row in weights]
    live = [plan for plan in plans if plan.starts is not None]
    if live:
        train(live, bags, means, torch.from_numpy(targets.astype(np.float32)))
    return [plan.head.requires_grad_(False) for plan in plans]
