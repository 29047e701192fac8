"""Fitting heads: many at once on the same bags, in a blink.

A head starts as a ridge logistic regression on mean embeddings and on products of the directions in which
subjects differ most; an inner cross-validation by subject picks the penalties, and whether products help at
all. Its queries start near zero, where attention is the mean, and all is then trained together for a few
steps; a copy that never sees one inner fold says after how many steps to stop, at the start if none helps.
At last the logits are calibrated on the predictions of the inner folds.

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
        (samples,) subject of each sample; a subject is never on both sides of an inner split.
    weights
        (heads, samples) how much a sample counts, 0 to leave it out.
    rng
        Source of randomness.

    Returns
    -------
    The fitted heads; where all samples left have the same target, one that says 0 of everybody.
    """
    means = bags.mean(dim=2)  # (samples, bags, dim)
    plans = [plan_of(means, targets, subjects, row, rng, bags.shape[2]) for row in weights]
    live = [plan for plan in plans if plan.starts is not None]
    if live:
        train(live, bags, means, torch.from_numpy(targets.astype(np.float32)))
    return [plan.head.requires_grad_(False) for plan in plans]
