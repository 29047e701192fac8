"""Embeddings that are sums of few known directions, whose codes come alone, in pairs or in families."""

from __future__ import annotations

import numpy as np
import torch

from cfdna_interp.representation.dictionary_matching import similarity
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder

MEAN_ACTIVE = 3
NOISE = 0.05


def planted_codes(
    n: int,
    dim: int,
    directions: int,
    kind: str,
    seed: int,
    *,
    part: int = 0,
    active: float = MEAN_ACTIVE,
    narrow: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (n, dim) embeddings and (directions, dim) the directions, of length 1.

    On average ``active`` directions are active, with exponentially distributed codes or, if they are to be
    ``narrow``, codes between 0.5 and 1.5: independently ("independent"); half the time together with their
    neighbour ("correlated"); or every second one only, and half the time, where its parent before it is
    ("hierarchy"). Every ``part`` holds other codes of the same directions.
    """
    truth = np.random.default_rng(seed).standard_normal((directions, dim))
    truth /= np.linalg.norm(truth, axis=1, keepdims=True)
    rng = np.random.default_rng([seed, part])
    chance, pairs = active / directions, directions // 2
    if kind == "independent":
        on = rng.random((n, directions)) < chance
    elif kind == "correlated":
        together = np.repeat(rng.random((n, pairs)) < chance / 2, 2, axis=1)
        on = together | (rng.random((n, directions)) < chance / 2)
    else:
        on = np.zeros((n, directions), dtype=bool)
        on[:, ::2] = rng.random((n, pairs)) < chance * 4 / 3
        on[:, 1::2] = on[:, ::2] & (rng.random((n, pairs)) < 0.5)
    codes = rng.uniform(0.5, 1.5, on.shape) if narrow else rng.exponential(1.0, on.shape)
    x = (on * codes) @ truth + NOISE * rng.standard_normal((n, dim))
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(truth.astype(np.float32))


def planted_blocks(n: int, dim: int, blocks: int, block: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (n, dim) embeddings and (blocks, block, dim) subspaces; of each embedding two speak, on average.

    A block's codes lie on a sphere: no direction of it is more real than another, only the subspace is.
    """
    rng = np.random.default_rng(seed)
    truth = np.linalg.qr(rng.standard_normal((blocks, dim, block)))[0].transpose(0, 2, 1)
    codes = rng.standard_normal((n, blocks, block))
    codes /= np.linalg.norm(codes, axis=2, keepdims=True)
    codes *= (rng.random((n, blocks)) < 2 / blocks)[:, :, None]
    x = np.einsum("nbi,bid->nd", codes, truth) + 0.02 * rng.standard_normal((n, dim))
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(truth.astype(np.float32))


def mean_max_cosine(truth: torch.Tensor, model: SparseAutoencoder) -> float:
    """Return how well known directions are found: the mean over them of the best cosine.

    ``truth`` is (directions, dim) of length 1, or (blocks, block, dim) at right angles in a block.
    """
    folded = truth if truth.ndim == 3 else truth[:, None]
    found = model.decoder.unflatten(0, (model.blocks, model.block))
    return float(similarity(folded, found).max(axis=1).mean())
