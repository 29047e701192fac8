"""The head: attention over a bag of embedded fragments, then a logistic regression, fitted in a blink.

A head starts as a ridge logistic regression on mean embeddings, whose penalty an inner cross-validation
picks; its attention queries start near zero, where attention is the mean, and both are then trained
together for a few steps. With few subjects this keeps what a mean can say and adds what attention can.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn
from torch.nn import functional

QUERIES = 2
STEPS = 8
RATE = 0.01
BALANCE = 0.25
QUERY_PENALTY = 0.05
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)  # C of scikit-learn, on pooled embeddings in units of sampling noise
INNER_FOLDS = 4


class AttentionHead(nn.Module):
    """Multi-query attention pooling and a linear read-out of balanced directions (see ``_balance``).

    Parameters
    ----------
    dim
        Length of an embedding.
    scale
        Standard deviation of a whitened mean over all fragments of a training sample: pooled vectors
        are measured in it.
    """

    centre: torch.Tensor
    scale: torch.Tensor
    balance: torch.Tensor

    def __init__(self, dim: int, scale: float) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(QUERIES, dim))
        self.weight = nn.Parameter(torch.zeros(QUERIES, dim))
        self.bias = nn.Parameter(torch.zeros(()))
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("balance", torch.eye(dim))

    def forward(self, bags: torch.Tensor) -> torch.Tensor:
        """Return (bags,) logits of (bags, fragments, dim) embeddings."""
        scores = bags @ self.query.T / bags.shape[2] ** 0.5  # (bags, fragments, queries)
        attention = scores.softmax(dim=1)
        return self.read_out(attention.transpose(1, 2) @ bags)

    def read_out(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return (...) logits of (..., queries, dim) pooled embeddings."""
        measured = ((pooled - self.centre) / self.scale) @ self.balance
        logit: torch.Tensor = (measured * self.weight).sum(dim=(-2, -1)) + self.bias
        return logit

    @torch.inference_mode()
    def partials(self, bags: torch.Tensor, parts: torch.Tensor) -> Partials:
        """Pool each part of each bag by itself, so that parts of different bags can be merged exactly.

        Parameters
        ----------
        bags
            (bags, fragments, dim) embeddings.
        parts
            (bags, fragments) bool: to which of two parts a fragment belongs.
        """
        scores = bags @ self.query.T / bags.shape[2] ** 0.5  # (bags, fragments, queries)
        peak = scores.amax(dim=1, keepdim=True)
        weights = (scores - peak).exp()
        inside = parts[:, :, None].to(weights.dtype)
        split = torch.cat([weights * (1 - inside), weights * inside], dim=2).transpose(1, 2)
        shape = (len(bags), 2, QUERIES)
        return Partials(
            peak=peak[:, 0, :],
            mass=split.sum(dim=2).reshape(shape),
            sums=(split @ bags).reshape(*shape, bags.shape[2]),
        )


@dataclass(frozen=True, eq=False)
class Partials:
    """Attention sums of the two parts of bags, before normalisation (an online softmax).

    Attributes
    ----------
    peak
        (bags, queries) score that was subtracted before exponentiation.
    mass
        (bags, 2, queries) sum of exponentiated scores.
    sums
        (bags, 2, queries, dim) sum of embeddings weighted by them.
    """

    peak: torch.Tensor
    mass: torch.Tensor
    sums: torch.Tensor


def merge(first: tuple[torch.Tensor, ...], second: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return the (..., queries, dim) pooled vector of two disjoint sets of fragments.

    Each set is (peak (..., queries), mass (..., queries), sums (..., queries, dim)).
    """
    peak = torch.maximum(first[0], second[0])
    weights = [(part[0] - peak).exp() for part in (first, second)]
    mass = first[1] * weights[0] + second[1] * weights[1]
    sums = first[2] * weights[0][..., None] + second[2] * weights[1][..., None]
    return sums / mass[..., None]


def fit_head(
    bags: torch.Tensor,
    labels: np.ndarray,
    subjects: np.ndarray,
    weights: np.ndarray,
    rng: np.random.Generator,
) -> AttentionHead:
    """Fit a head.

    Parameters
    ----------
    bags
        (samples, bags, fragments, dim) whitened embeddings.
    labels
        (samples,) 0 or 1.
    subjects
        (samples,) subject of each sample; a subject is never on both sides of an inner split.
    weights
        (samples,) how much a sample counts, 0 to leave it out.
    rng
        Source of randomness.

    Returns
    -------
    The fitted head; where all samples left are of one class, one that says 0 of everybody.
    """
    used = np.flatnonzero(weights > 0)
    bags = bags if len(used) == len(weights) else bags[torch.from_numpy(used)]
    labels, subjects, weights = labels[used], subjects[used], weights[used] * len(used) / weights[used].sum()
    _, per_sample, size, dim = bags.shape
    head = AttentionHead(dim, scale=float((per_sample * size) ** -0.5))
    means = bags.mean(dim=(1, 2))  # (samples, dim)
    head.centre.copy_(means.mean(dim=0))
    if len(np.unique(labels)) < 2:
        return head.requires_grad_(False)
    measured = ((means - head.centre) / head.scale).double()
    balance = _balance(measured)
    head.balance.copy_(balance)
    pooled = (measured @ balance).numpy()
    penalty = _choose_penalty(pooled, labels, subjects, weights, rng)
    start = _logistic(penalty).fit(pooled, labels, sample_weight=weights)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    with torch.no_grad():
        head.query.copy_(0.1 * torch.randn(head.query.shape, generator=generator))
        head.weight.copy_(torch.from_numpy(start.coef_ / QUERIES).float().expand_as(head.weight))
        head.bias.fill_(float(start.intercept_[0]))
    _train(head, bags, labels, weights, penalty)
    return head


def _train(
    head: AttentionHead, bags: torch.Tensor, labels: np.ndarray, weights: np.ndarray, penalty: float
) -> None:
    target = torch.from_numpy(labels.astype(np.float32))
    weight = torch.from_numpy(weights.astype(np.float32))
    # The ridge of the start, spread over the queries; scikit-learn's C multiplies the summed loss.
    ridge = QUERIES / (2 * penalty * float(weight.sum()))
    optimiser = torch.optim.Adam(head.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for step in range(STEPS):
        logits = head(bags[:, step % bags.shape[1]])
        fit = functional.binary_cross_entropy_with_logits(logits, target, weight=weight)
        loss = fit + ridge * head.weight.square().sum() + QUERY_PENALTY * head.query.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    head.requires_grad_(False)


def _balance(pooled: torch.Tensor) -> torch.Tensor:
    """Return (dim, dim): shrinks directions in which subjects differ most, by a power of their variance.

    Without it the ridge leaves most of a fit to whatever varies most between subjects, so that heads
    with permuted labels rest on one group nearly as firmly as a real one does. Directions of mere
    sampling noise, of variance 1, stay as they are.
    """
    values, vectors = torch.linalg.eigh(pooled.T @ pooled / len(pooled))
    balance: torch.Tensor = (vectors * values.clamp(min=1.0) ** (-BALANCE / 2)) @ vectors.T
    return balance


def _logistic(penalty: float) -> LogisticRegression:
    return LogisticRegression(C=penalty, max_iter=200, tol=1e-6)


def _choose_penalty(
    pooled: np.ndarray,
    labels: np.ndarray,
    subjects: np.ndarray,
    weights: np.ndarray,
    rng: np.random.Generator,
) -> float:
    """Return the C with the lowest log-loss over inner folds; the strongest where there can be no folds."""
    smallest = min(len(np.unique(subjects[labels == label])) for label in (0, 1))
    seed = int(rng.integers(2**31))
    if smallest < 2:
        return PENALTIES[0]
    folds = StratifiedGroupKFold(min(INNER_FOLDS, smallest), shuffle=True, random_state=seed)
    losses = np.zeros(len(PENALTIES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for train, test in folds.split(pooled, labels, subjects):
            if len(np.unique(labels[train])) < 2:
                continue
            for index, penalty in enumerate(PENALTIES):
                model = _logistic(penalty).fit(pooled[train], labels[train], sample_weight=weights[train])
                logits = model.decision_function(pooled[test])
                signs = 2 * labels[test] - 1
                losses[index] += (weights[test] * np.logaddexp(0, -signs * logits)).sum()
    return PENALTIES[int(losses.argmin())]
