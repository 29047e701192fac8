"""A disk cache of embeddings, in shards whose address is a digest of encoder and fragments."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.fragments.progress import Progress
from cfdna_interp.models.contract import Encoder, FragmentInputs

SHARD = 4_096  # fragments; the most that a kill can cost
_KEY, _SUM = "embeddings", "sha256"


class CachedEncoder:
    """An encoder that computes each shard once.

    Fragments go through in shards of ``SHARD``, each a file ``<first two digits>/<address>.safetensors`` that
    appears whole or not at all. The address is the SHA-256 of the encoder's digest and the shard's fragments.
    A run that was stopped resumes after its last shard. Another run with the same fragments in the same order
    reads the shards.

    Parameters
    ----------
    encoder
        The encoder. Its digest covers everything except the fragments that its embeddings depend on.
    folder
        Folder of the shards.
    """

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self.encoder = encoder
        self._folder = folder

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.encoder.dim

    @property
    def consumes(self) -> frozenset[str]:
        """What the encoder reads of a fragment."""
        return self.encoder.consumes

    @property
    def rounding(self) -> float:
        """The relative spacing of the encoder's numbers, 0 if unknown."""
        return float(getattr(self.encoder, "rounding", 0.0))

    @property
    def digest(self) -> str:
        """The digest of the encoder, since a cache doesn't change embeddings."""
        return self.encoder.digest

    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        """Return (n, dim) float32 embeddings, from the cache where possible, and store new ones.

        A damaged shard is computed again.
        """
        n = len(fragments)
        result = torch.empty(n, self.dim)
        progress = Progress("embeddings", n, "fragments")
        progress.add(0, 0)
        for start in range(0, n, SHARD):
            part = fragments.take(np.arange(start, min(start + SHARD, n)))
            path = self._path(part)
            known = _read(path, (len(part), self.dim))
            if known is None:
                known = self.encoder.encode(part).contiguous()
                with atomic_path(path) as temporary:
                    save_file({_KEY: known}, temporary, metadata={_SUM: _checksum(known)})
            result[start : start + len(part)] = known
            progress.add(len(part), len(part))
        progress.done()
        return result

    def _path(self, fragments: FragmentInputs) -> Path:
        address = hashlib.sha256(self.encoder.digest.encode())
        for field in fields(fragments):
            column = np.ascontiguousarray(getattr(fragments, field.name))
            address.update(f"{field.name} {column.dtype.str} {column.shape}".encode())
            address.update(column.tobytes())
        name = address.hexdigest()
        return self._folder / name[:2] / f"{name}.safetensors"


def cached(encoder: Encoder, folder: Path) -> CachedEncoder:
    """Return the encoder with a cache under ``folder``."""
    return CachedEncoder(encoder, folder)


def _read(path: Path, shape: tuple[int, int]) -> torch.Tensor | None:
    """Return a shard's embeddings, or None if it is missing or damaged."""
    try:
        with safe_open(path, "pt") as handle:
            tensor: torch.Tensor = handle.get_tensor(_KEY)
            wanted = (handle.metadata() or {}).get(_SUM)
    except (OSError, SafetensorError):
        return None
    return tensor if tensor.shape == shape and _checksum(tensor) == wanted else None


def _checksum(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
