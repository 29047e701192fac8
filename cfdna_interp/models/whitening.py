"""Reduction of a foreign encoder's embeddings to principal components of variance 1."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import Encoder, FragmentInputs

CHUNK = 16_384  # fragments whose raw embeddings are in memory at a time
_INNER = "encoder"  # key in a file's metadata
# A direction with a spread below these contains rounding noise, which scaling to variance 1 would amplify.
# They are relative to the widest direction and to the size of the embeddings. The latter is that of float32;
# an encoder with a coarser number format has an attribute ``rounding``.
_NARROW = 1e-4
_ROUNDING = 1e-6


class Whitened:
    """An encoder whose output is projected onto given directions.

    Parameters
    ----------
    encoder
        The encoder of raw embeddings, of length ``inner``.
    centre
        (inner,) subtracted first.
    directions
        (inner, dim) factor of the difference.
    """

    def __init__(self, encoder: Encoder, centre: torch.Tensor, directions: torch.Tensor) -> None:
        self.encoder, self.centre = encoder, centre.contiguous()
        # The last digits of a product depend on the memory layout of a matrix, which a file doesn't store.
        self.directions = directions.contiguous()

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.directions.shape[1])

    @property
    def consumes(self) -> frozenset[str]:
        """Inputs of the inner encoder."""
        return self.encoder.consumes

    @property
    def digest(self) -> str:
        """SHA-256 over the digest of the inner encoder, centre and directions."""
        content = hashlib.sha256(self.encoder.digest.encode())
        for tensor in (self.centre, self.directions):
            content.update(tensor.numpy().tobytes())
        return content.hexdigest()

    @torch.inference_mode()
    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        """Return (n, dim) float32 embeddings. Raw ones of ``CHUNK`` fragments are in memory at a time."""
        whole = torch.empty(len(fragments), self.dim)
        for start in range(0, len(fragments), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(fragments)))
            raw = self.encoder.encode(fragments.take(rows))  # (rows, inner)
            whole[start : start + len(rows)] = (raw - self.centre) @ self.directions
        return whole

    def save(self, path: Path) -> None:
        """Write centre and directions as safetensors, atomically, with the digest of the inner encoder."""
        tensors = {"centre": self.centre, "directions": self.directions}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata={_INNER: self.encoder.digest})

    @classmethod
    def load(cls, path: Path, encoder: Encoder) -> Whitened:
        """Read what :meth:`save` wrote and apply it to ``encoder``.

        Raises
        ------
        InputError
            The file is missing or damaged, or was fitted to another encoder.
        """
        try:
            with safe_open(path, "pt") as handle:
                inner = (handle.metadata() or {}).get(_INNER)
                centre, directions = handle.get_tensor("centre"), handle.get_tensor("directions")
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"whitening {path} cannot be read ({error}); run the pretrain stage again"
            ) from None
        if inner != encoder.digest:
            raise InputError(
                f"whitening {path} was fitted to the encoder {inner}, the model is {encoder.digest}; "
                "run the pretrain stage again; where machines differ, set model.precision to one format"
            )
        return cls(encoder, centre, directions)


@torch.no_grad()
def fit_whitening(encoder: Encoder, fragments: FragmentInputs, components: int) -> Whitened:
    """Fit principal components of the embeddings of ``fragments``, scaled to variance 1.

    This is PCA whitening (Kessy, Lewin and Strimmer, Am Stat 72:309, 2018). Memory doesn't depend on the
    number of fragments, since means and products are summed chunk by chunk.

    Parameters
    ----------
    encoder
        The encoder of raw embeddings.
    fragments
        Discovery fragments, without labels.
    components
        Number of components, the widest first. There are fewer if the others contain only rounding noise,
        judged by ``encoder.rounding``, the relative spacing of its numbers, if it has one.

    Raises
    ------
    InputError
        There are fewer than two fragments, an embedding is not finite, or all embeddings are equal.
    """
    if len(fragments) < 2:
        raise InputError(
            f"whitening needs two fragments or more, got {len(fragments)}; raise model.pretrain_fragments"
        )
    inner = encoder.dim
    shift = torch.zeros(inner, dtype=torch.float64)
    total = torch.zeros(inner, dtype=torch.float64)
    products = torch.zeros(inner, inner, dtype=torch.float64)
    for start in range(0, len(fragments), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(fragments)))
        raw = encoder.encode(fragments.take(rows)).double()  # (rows, inner)
        if not bool(torch.isfinite(raw).all()):
            raise InputError(
                "the model gives embeddings that are not finite; run cfdna-interp models check for the reason"
            )
        if start == 0:
            # Sums of products about a point near the mean don't lose digits to the square of the mean.
            shift = raw.mean(dim=0)
        total += (raw - shift).sum(dim=0)
        products += (raw - shift).T @ (raw - shift)
    offset = total / len(fragments)
    covariance = (products - len(fragments) * torch.outer(offset, offset)) / (len(fragments) - 1)
    values, vectors = (part.flip(-1) for part in torch.linalg.eigh(covariance))
    centre = shift + offset
    squares = float(centre.square().sum() + values.clamp(min=0).sum()) / inner
    rounding = max(_ROUNDING, getattr(encoder, "rounding", 0.0))
    floor = max(float(values[0]) * _NARROW**2, squares * rounding**2)
    count = min(components, int((values > floor).sum()))
    if count == 0:
        raise InputError(
            "the model gives every fragment the same embedding, but for rounding; run cfdna-interp models "
            "check for the reason"
        )
    values, vectors = values[:count], vectors[:, :count]
    # The sign of a component is arbitrary. Its largest weight is made positive.
    signs = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True)).sign()
    return Whitened(encoder, centre.float(), (vectors * signs * values.rsqrt()).float())
