"""Training of a sparse autoencoder on batches of embeddings, at the cost of the active codes.

All codes of a batch are computed once, to select the largest. Everything else, the reconstruction and the
gradients of all weights, is a sum over active codes alone: over those of an embedding, or, after sorting by
feature, over those of a feature. Training by automatic differentiation would compute the dense product at
least three times.

Features that are no longer active for any embedding are trained on the residual of the others (AuxK: Gao et
al. 2024, arXiv:2406.04093, A.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder, combine, orthonormal

# Maps the number of a pass to its batches, (n, dim) each, in an order that differs between passes.
Batches = Callable[[int], Iterator[torch.Tensor]]

# The largest step of a direction, in units of its length. Planted directions are also found at .06 and at .2,
# but planted subspaces are not found at .06 (tests and benchmarks/sparse.py). Blocks that each learnt parts
# of several subspaces only separate with large steps.
RATE = 0.1
_DECAY = 0.5  # share of training over which the rate falls to 0
_WARM = 20  # steps over which the rate rises
_PATIENCE = 64  # batches without activity after which a block is dead
_BETAS = (0.9, 0.99)  # short memory of gradient sizes, about a hundred steps, since training has few steps


def fit_sparse(
    batches: Batches,
    dim: int,
    *,
    features: int,
    active: int,
    block: int = 1,
    passes: int,
    seed: int,
) -> SparseAutoencoder:
    """Fit a dictionary by Adam on squared error.

    Parameters
    ----------
    batches
        Maps the number of a pass to its shuffled batches, equally many in each pass.
    dim
        Length of an embedding.
    features, active, block, seed
        As for :class:`SparseAutoencoder`.
    passes
        Number of passes over all embeddings.
    """
    model = SparseAutoencoder(dim, features, active, block, seed=seed)
    fit = _Fit(model)
    steps = 0  # in the first pass, known after it
    for number in range(passes):
        for place, x in enumerate(batches(number)):
            steps += number == 0
            done = (number + place / max(steps, 1)) / passes if number else 0.0
            fit.step(x, min(1.0, (1 - done) / _DECAY))
    return model


@dataclass(frozen=True, eq=False)
class _Gradient:
    """Gradient of half the squared error, averaged over a batch, with respect to each weight."""

    decoder: torch.Tensor
    encoder: torch.Tensor
    offset: torch.Tensor
    bias: torch.Tensor


class _Fit:
    """A model in training: Adam's state, and for how many batches each block has been inactive."""

    def __init__(self, model: SparseAutoencoder) -> None:
        self.model = model
        self.silent = torch.zeros(model.blocks, dtype=torch.int64)
        self.taken = 0

    def step(self, x: torch.Tensor, share: float) -> None:
        """Train on a batch (n, dim) at a share of the full rate."""
        model = self.model
        if not self.taken:
            self._begin(x)
        dead = self.silent > _PATIENCE
        # A very negative offset would keep a block inactive for any directions.
        model.offset[dead.repeat_interleave(model.block)] = 0.0
        scores = model.scores(x)
        indices, codes = model.choose(scores)
        residual, gradient = _gradient(model, x, x - model.bias, indices, codes)
        spoken = indices[(codes != 0).any(dim=2)]
        self.silent += 1
        self.silent[spoken] = 0
        dead[spoken] = False
        if dead.any():
            chosen, revived = _choose_dead(model, scores, dead.nonzero()[:, 0])
            _, other = _gradient(model, x, residual, chosen, revived)
            for name in ("decoder", "encoder", "offset"):
                getattr(gradient, name).add_(getattr(other, name))
        self._move(gradient, share)

    def _begin(self, x: torch.Tensor) -> None:
        model = self.model
        model.bias = x.mean(dim=0)
        # Adam's steps have the same size for all weights. Directions move by RATE of their length, and
        # weights in units of the data in these units.
        rate = RATE / model.dim**0.5
        scale = float((x - model.bias).square().mean().sqrt())
        directions, levels = [model.decoder, model.encoder], [model.offset, model.bias]
        self.adam = torch.optim.Adam(
            [{"params": directions, "full": rate}, {"params": levels, "full": rate * scale}],
            betas=_BETAS,
            fused=True,
        )

    def _move(self, gradient: _Gradient, share: float) -> None:
        model = self.model
        self.taken += 1
        for group in self.adam.param_groups:
            group["lr"] = group["full"] * share * min(1.0, self.taken / _WARM)
        model.decoder.grad = _tangent(model, gradient.decoder)
        model.encoder.grad, model.offset.grad = gradient.encoder, gradient.offset
        model.bias.grad = gradient.bias
        self.adam.step()
        folded = model.decoder.unflatten(0, (model.blocks, model.block))
        model.decoder.copy_(orthonormal(folded).flatten(0, 1))


def _gradient(
    model: SparseAutoencoder,
    x: torch.Tensor,
    target: torch.Tensor,
    indices: torch.Tensor,
    codes: torch.Tensor,
) -> tuple[torch.Tensor, _Gradient]:
    """Return the residual of a (n, dim) target, and the gradient of its mean square."""
    rows, weights = model.rows(indices), codes.flatten(1).requires_grad_()
    made = combine(rows, weights, model.decoder)
    residual = target - made.detach()
    (pull,) = torch.autograd.grad(made, weights, -residual / len(x))  # (n, active x block)
    weights = weights.detach()
    if model.block == 1:
        pull = pull * (weights > 0)
    feature, order = rows.flatten().sort(stable=True)
    starts = torch.searchsorted(feature, torch.arange(model.features))
    owner = order // rows.shape[1]

    def by_feature(of_code: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """Return (features, dim): for each feature the weighted sum of vectors."""
        numbers = of_code.flatten()[order]
        summed: torch.Tensor = functional.embedding_bag(
            owner, vectors, starts, mode="sum", per_sample_weights=numbers
        )
        return summed

    offset = torch.zeros(model.features).index_add_(0, rows.flatten(), pull.flatten())
    return residual, _Gradient(
        decoder=by_feature(weights / -len(x), residual),
        encoder=by_feature(pull, x) - offset[:, None] * model.bias,
        offset=offset,
        bias=-residual.mean(dim=0) - offset @ model.encoder,
    )


def _choose_dead(
    model: SparseAutoencoder, scores: torch.Tensor, dead: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the codes that dead blocks would have, as :meth:`SparseAutoencoder.choose` does."""
    folded = scores.unflatten(1, (model.blocks, model.block))[:, dead]  # (n, dead, block)
    strength = folded[:, :, 0] if model.block == 1 else folded.square().sum(dim=2)
    few = min(len(dead), max(1, model.dim // (2 * model.block)))
    chosen = strength.topk(few, dim=1, sorted=False).indices
    codes = folded.gather(1, chosen[:, :, None].expand(-1, -1, model.block))
    return dead[chosen], codes.clamp(min=0) if model.block == 1 else codes


def _tangent(model: SparseAutoencoder, gradient: torch.Tensor) -> torch.Tensor:
    """Return the part of a gradient that keeps directions orthonormal."""
    folded = gradient.unflatten(0, (model.blocks, model.block))
    decoder = model.decoder.unflatten(0, (model.blocks, model.block))
    change = folded @ decoder.mT
    along: torch.Tensor = folded - (change + change.mT) / 2 @ decoder
    return along.flatten(0, 1)
