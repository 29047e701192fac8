"""Loss of frozen heads when a concept is erased from their inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.pooling import Pooled, pool_bags
from cfdna_interp.representation.erasure import Eraser
from cfdna_interp.representation.material import Material
from cfdna_interp.stats.estimates import IntervalEstimate
from cfdna_interp.stats.resampling import bootstrap_table, percentile_interval
from cfdna_interp.stats.roc import concordance, weighted_mean
from cfdna_interp.stats.subjects import by_subject

# The erasers by fold. That of a fold is applied to its samples and hasn't seen their labels.
Erasers = list[Eraser]


@torch.inference_mode()
def erased_logits(material: Material, fitted: CrossFit, variants: list[Erasers]) -> np.ndarray:
    """Return the cross-fitted logits with nothing erased and under each eraser.

    Parameters
    ----------
    material
        The cohort.
    fitted
        Heads fitted on it.
    variants
        Variants of erasers, each a list over folds.

    Returns
    -------
    (1 + variants, samples) means over a sample's bags and the heads of its fold.
    """
    result = np.empty((1 + len(variants), len(material.samples)))
    stacked = [_stack([erasers[fold] for erasers in variants]) for fold in range(len(fitted.heads))]
    for place in range(len(material.samples)):
        bags = material.bagged(place)  # (bags, fragments, dim)
        fold = int(fitted.fold[place])
        heads = fitted.heads[fold]
        own = torch.stack([head(bags) for head in heads]).double().mean()
        result[0, place] = float(own)
        if variants:
            logits = [_logits(head, bags, *stacked[fold]) for head in heads]
            result[1:, place] = torch.stack(logits).double().mean(dim=(0, 1)).numpy()
    return result


def _stack(erasers: list[Eraser]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (variants, dim, dim) and (variants, dim): the affine maps."""
    maps = [eraser.affine() for eraser in erasers]
    if not maps:
        return torch.zeros(0), torch.zeros(0)
    return torch.stack([matrix for matrix, _ in maps]), torch.stack([offset for _, offset in maps])


def _logits(
    head: AttentionHead, bags: torch.Tensor, matrices: torch.Tensor, offsets: torch.Tensor
) -> torch.Tensor:
    """Return (bags, variants) logits of A x + b for each map, without copies of the bags.

    The attention score q·(A x + b) is (Aᵀ q)·x plus a constant that cancels in every softmax. The weighted
    sum of A x + b is A times that of x, plus b times the mass.
    """
    queries = head.query @ matrices  # (variants, queries, dim)
    # Heads without attention have queries of zero. All maps then share one weighting.
    shared = not bool(head.query.any())
    queries_used = head.query if shared else queries.flatten(0, 1)
    pooled = pool_bags(bags, queries_used)  # (bags, 1, regions, variants x queries)
    shape = (1, len(head.query)) if shared else (len(matrices), len(head.query))
    peak, mass = (x[:, 0].unflatten(-1, shape).transpose(1, 2) for x in (pooled.peak, pooled.mass))
    sums = pooled.sums[:, 0].unflatten(-2, shape).transpose(1, 2)  # (bags, variants, regions, queries, dim)
    moved = torch.einsum("bvrqd,ved->bvrqe", sums.expand(-1, len(matrices), -1, -1, -1), matrices)
    moved = moved + mass[..., None] * offsets[:, None, None]
    erased = Pooled(peak.expand(moved.shape[:-1]), mass.expand(moved.shape[:-1]), moved)
    logits: torch.Tensor = head.read_out(erased)  # (bags, variants)
    return logits


@dataclass(frozen=True, eq=False)
class FoldedAuroc:
    """Mean AUROCs within folds, with one set of bootstraps of subjects for all logits.

    Attributes
    ----------
    codes, labels, fold
        (samples,) subject, label and fold.
    counts
        (draws, subjects) multiplicity of each subject, drawn within its label and fold, by ascending code.
    """

    codes: np.ndarray
    labels: np.ndarray
    fold: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, material: Material, fitted: CrossFit, rng: np.random.Generator, draws: int) -> FoldedAuroc:
        """Draw the bootstraps. A subject's samples share label and fold."""
        strata = by_subject(material.codes, fitted.fold * 2 + material.labels)
        return cls(material.codes, material.labels, fitted.fold, bootstrap_table(strata, draws, rng))

    def score(self, logits: np.ndarray) -> IntervalEstimate:
        """Return the AUROC of (samples,) logits."""
        return self._contrast(logits, None)

    def cost(self, logits: np.ndarray, erased: np.ndarray) -> IntervalEstimate:
        """Return the AUROC of ``logits`` minus that of ``erased``, paired."""
        return self._contrast(logits, erased)

    def _contrast(self, logits: np.ndarray, less: np.ndarray | None) -> IntervalEstimate:
        columns = [logits, self.labels, self.fold] if less is None else [logits, self.labels, self.fold, less]
        rows = by_subject(self.codes, np.stack(columns, axis=1).astype(np.float64))
        labels, fold = rows[:, 1].astype(np.int64), rows[:, 2]
        values, draws = [], []
        for number in np.unique(fold):
            here = fold == number
            if len(np.unique(labels[here])) < 2:
                continue
            kernel = concordance(labels[here], rows[here, 0])
            if less is not None:
                kernel = kernel - concordance(labels[here], rows[here, 3])
            values.append(kernel.mean())
            cases, controls = here & (labels == 1), here & (labels == 0)
            draws.append(weighted_mean(kernel, self.counts[:, cases], self.counts[:, controls]))
        means = np.mean(draws, axis=0)
        return percentile_interval(float(np.mean(values)), means[np.isfinite(means)])
