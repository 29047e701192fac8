"""TopK sparse autoencoders, plain and in blocks: dictionaries with few active directions per embedding.

An embedding is the bias plus a sum of few directions, each times its code. Only the largest codes are used,
which sets the sparsity without a penalty that would shrink them (Gao et al. 2024, arXiv:2406.04093). In a
block several directions are active together, with codes of either sign, and the blocks with the largest norm
are used. A curved concept takes many plain directions but can be one block.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.nn import functional

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.errors import InputError
from cfdna_interp.stats.resampling import stream

CHUNK = 4_096  # embeddings whose codes are all in memory at a time, before the largest are chosen
_SETTINGS = "active, block"  # one key of a file's metadata, since the order of several would be random
_TENSORS = ("decoder", "encoder", "offset", "bias")


class SparseAutoencoder:
    """Directions and the encoder of codes.

    Parameters
    ----------
    dim
        Length of an embedding.
    features
        Directions, a multiple of ``block``.
    active
        Active blocks per embedding.
    block
        Directions per block. With one, codes are not negative. With more, codes have either sign, and the
        directions of a block are orthogonal, so that the norm of its codes is that of its contribution.
    seed
        Seed of the initial random directions.

    Attributes
    ----------
    decoder
        (features, dim) directions of length 1, block after block.
    encoder, offset
        (features, dim) and (features,): codes before the selection are (x − bias) · encoder + offset.
    bias
        (dim,) the embedding without any code.

    Raises
    ------
    ValueError
        ``features`` isn't a multiple of ``block``, a block has more directions than an embedding has
        dimensions, or more blocks are to be active than there are.
    """

    def __init__(self, dim: int, features: int, active: int, block: int = 1, *, seed: int = 0) -> None:
        if features % block or block > dim or not 0 < active <= features // block:
            raise ValueError(
                f"{features} features in blocks of {block}, {active} blocks active, {dim} dimensions: "
                "features must be a multiple of the block, a block can't be larger than the dimensions, "
                "no more blocks are active than there are"
            )
        self.active, self.block = active, block
        random = stream(seed, "sparse autoencoder").standard_normal((features // block, dim, block))
        self.decoder = orthonormal(torch.from_numpy(random).float().mT).flatten(0, 1)
        self.encoder = self.decoder.clone()
        self.offset = torch.zeros(features)
        self.bias = torch.zeros(dim)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.decoder.shape[1])

    @property
    def features(self) -> int:
        """Number of directions."""
        return int(self.decoder.shape[0])

    @property
    def blocks(self) -> int:
        """Number of blocks, which are features if a block is one."""
        return self.features // self.block

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (n, active) int64 blocks and their (n, active, block) codes, of (n, dim) embeddings."""
        parts = [self.choose(self.scores(rows)) for rows in x.split(CHUNK)]
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def dense(self, x: torch.Tensor) -> torch.Tensor:
        """Return the (n, features) codes of (n, dim) embeddings, 0 where not active."""
        indices, codes = self.encode(x)
        result = torch.zeros(len(x), self.blocks, self.block)
        result.scatter_(1, indices[:, :, None].expand_as(codes), codes)
        return result.flatten(1)

    def decode(self, indices: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Return the (n, dim) embeddings of the results of :meth:`encode`."""
        return self.bias + combine(self.rows(indices), codes.flatten(1), self.decoder)

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, features) codes before the selection."""
        return torch.addmm(self.offset - self.encoder @ self.bias, x, self.encoder.T)

    def choose(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the selected (n, active) int64 blocks and their (n, active, block) codes."""
        if self.block == 1:
            codes, indices = scores.topk(self.active, dim=1, sorted=False)
            return indices, codes.clamp(min=0)[:, :, None]
        folded = scores.unflatten(1, (self.blocks, self.block))  # (n, blocks, block)
        indices = folded.square().sum(dim=2).topk(self.active, dim=1, sorted=False).indices
        return indices, folded.gather(1, indices[:, :, None].expand(-1, -1, self.block))

    def rows(self, indices: torch.Tensor) -> torch.Tensor:
        """Return (n, active x block) rows of the decoder that belong to (n, active) blocks."""
        if self.block == 1:
            return indices
        return (indices[:, :, None] * self.block + torch.arange(self.block)).flatten(1)

    def save(self, path: Path) -> None:
        """Write the directions as safetensors, atomically."""
        tensors = {name: getattr(self, name).contiguous() for name in _TENSORS}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata={_SETTINGS: f"{self.active} {self.block}"})

    @classmethod
    def load(cls, path: Path) -> SparseAutoencoder:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            The file is missing, damaged, or has other content.
        """
        try:
            with safe_open(path, "pt") as handle:
                active, block = (int(word) for word in handle.metadata()[_SETTINGS].split())
                tensors = {name: handle.get_tensor(name) for name in _TENSORS}
            features, dim = tensors["decoder"].shape
            result = cls(dim, features, active, block)
            for name, tensor in tensors.items():
                if tensor.shape != getattr(result, name).shape or not bool(torch.isfinite(tensor).all()):
                    raise ValueError(f"{name} has shape {tuple(tensor.shape)} or isn't numeric")
                setattr(result, name, tensor)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"dictionary {path} cannot be loaded ({error}); run the dictionary stage again"
            ) from None
        return result


def combine(rows: torch.Tensor, weights: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Return (n, dim) weighted sums of rows of a (features, dim) table, with (n, k) rows and weights."""
    summed: torch.Tensor = functional.embedding_bag(rows, table, mode="sum", per_sample_weights=weights)
    return summed


def orthonormal(blocks: torch.Tensor) -> torch.Tensor:
    """Return (blocks, block, dim) directions with the same spans, orthonormal in each block."""
    if blocks.shape[1] == 1:
        return functional.normalize(blocks, dim=2)
    lower = torch.linalg.cholesky(blocks @ blocks.mT)
    result: torch.Tensor = torch.linalg.solve_triangular(lower, blocks, upper=False)
    return result
