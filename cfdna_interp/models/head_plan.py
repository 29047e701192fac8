"""Preparation of a head: its directions, penalties, start, and the calibration of its logits.

Everything is computed on mean embeddings, for many penalties and inner folds at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from cfdna_interp.models.head import AXES, AttentionHead
from cfdna_interp.models.ridge import ridge_logistic
from cfdna_interp.stats.subjects import Subjects

BALANCE = 0.25
INNER_FOLDS = 4
# C, the inverse of the penalty, for pooled embeddings in units of sampling noise and for standardised
# products.
LINEAR = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
PRODUCTS = (1e-8, 0.03, 0.3)  # the first means no products
SLOPES = (0.1, 10.0)  # allowed range of the slope of calibration


@dataclass(eq=False)
class HeadPlan:
    """A head before training.

    Attributes
    ----------
    head
        The head, with centre, scale, balance and axes set.
    weights
        (samples,) weights, of mean 1 over the samples in use.
    inner
        (samples,) the weights without the inner fold that decides when to stop.
    linear, product
        The penalties chosen, as inverse C.
    starts
        Twice (dim + products + 1,) coefficients, from all samples and from ``inner``; None with one class.
    slope, intercept
        Calibration of the logits.
    """

    head: AttentionHead
    weights: torch.Tensor
    inner: torch.Tensor
    linear: float = 0.0
    product: float = 0.0
    starts: tuple[torch.Tensor, torch.Tensor] | None = None
    slope: float = 1.0
    intercept: float = 0.0


def plan_of(
    means: torch.Tensor,
    targets: np.ndarray,
    subjects: np.ndarray,
    weights: np.ndarray,
    rng: np.random.Generator,
    size: int,
) -> HeadPlan:
    """Choose penalties and calibration, and compute the start."""
    _, per_sample, dim = means.shape
    used = np.flatnonzero(weights > 0)
    pooled = means.mean(dim=1)  # (samples, dim)
    head = AttentionHead(dim, scale=float((per_sample * size) ** -0.5))
    head.centre.copy_(pooled[torch.from_numpy(used)].mean(dim=0))
    scaled = torch.from_numpy(weights * len(used) / weights.sum())
    fold = inner_folds(subjects, targets, weights, rng)
    query = torch.Generator().manual_seed(int(rng.integers(2**31)))
    plan = HeadPlan(head, scaled, scaled * torch.from_numpy(fold != 0))
    if np.ptp(targets[used]) == 0:
        return plan
    with torch.no_grad():
        head.query.copy_(0.1 * torch.randn(head.query.shape, generator=query))
    measured = ((pooled - head.centre) / head.scale).double()
    _set_directions(head, measured[torch.from_numpy(used)])
    features = _features(head, measured)
    _choose(plan, features, torch.from_numpy(targets.astype(np.float64)), subjects, fold)
    return plan


def inner_folds(
    subjects: np.ndarray, targets: np.ndarray, weights: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Divide the subjects in use into inner folds, stratified by high and low targets.

    Returns
    -------
    (samples,) fold of each sample, -1 for those not in use. There are fewer than ``INNER_FOLDS`` folds if a
    stratum has fewer subjects, and only fold -1 if it has fewer than two.
    """
    fold = np.full(len(subjects), -1)
    used = weights > 0
    people, first = np.unique(subjects[used], return_index=True)
    height = targets[used][first]
    high = height > (height.max() + height.min()) / 2
    folds = min(INNER_FOLDS, int(high.sum()), int((~high).sum()))
    if folds < 2:
        return fold
    fold_of = np.zeros(len(people), dtype=np.int64)
    for side in (high, ~high):
        fold_of[rng.permutation(np.flatnonzero(side))] = np.arange(side.sum()) % folds
    fold[used] = fold_of[np.searchsorted(people, subjects[used])]
    return fold


def _set_directions(head: AttentionHead, measured: torch.Tensor) -> None:
    """Set balance and axes from (samples, dim) scaled means.

    The balance shrinks directions in which subjects differ most, by a power of their variance. Without it the
    ridge penalty favours whatever varies most between subjects. Heads with permuted labels would then rest on
    one group nearly as firmly as a real head. Directions of pure sampling noise, of variance 1, are not
    changed. The axes are the leading directions with more variance than noise can have (the edge of Marchenko
    and Pastur, Math USSR Sbornik 1:457, 1967), each scaled to variance 1 after the balance.
    """
    rows, dim = measured.shape
    values, vectors = torch.linalg.eigh(measured.T @ measured / rows)  # ascending
    shrunk = values.clamp(min=1.0) ** (-BALANCE / 2)
    head.balance.copy_((vectors * shrunk @ vectors.T).float())
    edge = (1 + (dim / rows) ** 0.5) ** 2
    leading = torch.arange(dim - 1, max(dim - 1 - AXES, -1), -1)
    scale = torch.where(values > edge, 1 / (shrunk * values.clamp(min=1.0).sqrt()), 0.0)
    axes = torch.zeros(dim, AXES, dtype=measured.dtype)
    axes[:, : len(leading)] = (vectors * scale)[:, leading]
    head.axes.copy_(axes.float())


def _features(head: AttentionHead, measured: torch.Tensor) -> torch.Tensor:
    """Return (samples, dim + products): balanced means and products along the axes."""
    balanced = measured @ head.balance.double()
    along = balanced @ head.axes.double()
    first, second = torch.triu_indices(AXES, AXES)
    return torch.cat([balanced, along[:, first] * along[:, second]], dim=1)


def _choose(
    plan: HeadPlan, features: torch.Tensor, targets: torch.Tensor, subjects: np.ndarray, fold: np.ndarray
) -> None:
    """Solve the grid of penalties on all inner folds; set penalties, calibration and starts."""
    dim = plan.head.weight.shape[1]
    grid = [(1 / linear, 1 / product) for product in PRODUCTS for linear in LINEAR]
    folds = int(fold.max()) + 1
    if folds < 2:
        plan.linear, plan.product = grid[0]
        start = _solve(features, targets, plan.weights[None], [grid[0]], dim)[0]
        plan.starts = (start, start)
        return
    outside = torch.from_numpy(np.stack([fold != number for number in range(folds)]))  # (folds, samples)
    inner = (plan.weights * outside).repeat_interleave(len(grid), dim=0)
    solved = _solve(features, targets, inner, grid * folds, dim)
    logits = features @ solved[:, :-1].T + solved[:, -1]  # (samples, folds x grid)
    held = (plan.weights * ~outside).T  # (samples, folds), each sample held out once
    by_fold = logits.unflatten(1, (folds, len(grid)))
    cross = (by_fold * (held > 0)[:, :, None]).sum(dim=1).T  # (grid, samples)
    each = plan.weights * (torch.nn.functional.softplus(cross) - targets * cross)  # (grid, samples)
    people = torch.from_numpy(Subjects(subjects).index)
    # Losses are summed by subject, since samples of a subject are not independent.
    chosen = _pick(each.new_zeros(len(each), int(people.max()) + 1).index_add(1, people, each))
    plan.linear, plan.product = grid[chosen]
    start = _solve(features, targets, plan.weights[None], [grid[chosen]], dim)[0]
    plan.starts = (start, solved[chosen])  # the first fold comes first
    plan.slope, plan.intercept = _calibration(cross[chosen], targets, plan.weights)


def _pick(losses: torch.Tensor) -> int:
    """Return the best grid point from (grid, subjects) losses, with products only if they help.

    The best point with products has to be better than the best one without by two standard errors of the
    paired difference. Products that don't improve the prediction would still change attributions.
    """
    total = losses.sum(dim=1)
    plain = int(total[: len(LINEAR)].argmin())
    best = int(total.argmin())
    gain = losses[plain] - losses[best]
    return best if float(gain.sum()) > 2 * float(gain.std() * len(gain) ** 0.5) else plain


def _solve(
    features: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
    points: list[tuple[float, float]],
    dim: int,
) -> torch.Tensor:
    products = features.shape[1] - dim
    ridge = torch.tensor([[linear] * dim + [product] * products for linear, product in points])
    return ridge_logistic(features, targets, weights, ridge.double())


def _calibration(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> tuple[float, float]:
    """Return slope and intercept that make held-out logits calibrated.

    This is Platt's scaling (Advances in Large Margin Classifiers, 61, 1999).
    """
    none = torch.full((1, 1), 1e-6, dtype=torch.float64)  # nearly no penalty; logits may be constant
    fitted = ridge_logistic(logits[:, None], targets, weights[None], none)[0]
    slope = min(max(float(fitted[0]), SLOPES[0]), SLOPES[1])
    if slope == float(fitted[0]):
        return slope, float(fitted[1])
    # A clipped slope needs a new intercept, the one that keeps the mean probability.
    offset = ridge_logistic(torch.zeros(len(logits), 1).double(), targets, weights[None], none)[0, 1]
    mean = (weights * logits).sum() / weights.sum()
    return slope, float(offset - slope * mean)
