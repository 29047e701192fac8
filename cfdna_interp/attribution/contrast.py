"""A bag of fragments, its donors, and mixtures of the two, pooled one chunk of fragments at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.pooling import Pooled, pool_fragments, region_rows

# Maps own and donors' channels of a chunk, and its rows, to (rows, dim) embeddings of each mixture.
Mixtures = Callable[[torch.Tensor, torch.Tensor, np.ndarray], Iterable[torch.Tensor]]


@runtime_checkable
class ChannelEncoder(Protocol):
    """An encoder that first looks up channels of each fragment and then computes on them."""

    def channels(self, fragments: FragmentInputs) -> torch.Tensor:
        """Return the (n, channels) values that are looked up."""

    def from_channels(self, channels: torch.Tensor) -> torch.Tensor:
        """Return (n, dim) embeddings, differentiable."""


class Contrast:
    """A bag and its donors, under an encoder and heads.

    Parameters
    ----------
    encoder
        Its channels are used if it has them, otherwise its embeddings.
    heads
        The heads that never saw the subject.
    versions
        Versions as in ``swap.VERSIONS``, of n fragments each, in the order of their windows.
    chunk
        Fragments in memory at a time.
    place
        Name of the bag, for messages.

    Raises
    ------
    InputError
        The bag is empty. Methods raise it if an embedding is not finite.
    """

    def __init__(
        self,
        encoder: Encoder,
        heads: list[AttentionHead],
        versions: tuple[FragmentInputs, ...],
        chunk: int,
        place: str,
    ) -> None:
        if len(versions[0]) == 0:
            raise InputError(f"{place}: the bag has no fragments; lower model.bag_size or exclude the sample")
        self.encoder, self.versions, self.chunk, self.place = encoder, versions, chunk, place
        # Sums over a bag and differences of logits are computed in float64. The encoder keeps its own
        # precision.
        self.heads = [copy.deepcopy(head).double().requires_grad_(False) for head in heads]
        self.regions = torch.from_numpy(region_rows(len(versions[0])))

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield the rows of each chunk of fragments."""
        for start in range(0, len(self.regions), self.chunk):
            yield np.arange(start, min(start + self.chunk, len(self.regions)))

    def channels(self, version: int, rows: np.ndarray) -> torch.Tensor:
        """Return (rows, channels) of a version, after a check that they are finite."""
        fragments = self.versions[version].take(rows)
        with torch.no_grad():
            values = (
                self.encoder.channels(fragments)
                if isinstance(self.encoder, ChannelEncoder)
                else self.encoder.encode(fragments).double()
            )
        if not bool(torch.isfinite(values).all()):
            raise InputError(
                f"{self.place}: the encoder gives embeddings that are not finite; run cfdna-interp models "
                "check for the reason"
            )
        # Encoders run in inference mode. Gradients need a copy of its tensors.
        return values.clone()

    def embed(self, channels: torch.Tensor) -> torch.Tensor:
        """Return (rows, dim) float64 embeddings of channels."""
        if isinstance(self.encoder, ChannelEncoder):
            return self.encoder.from_channels(channels).double()
        return channels

    @torch.no_grad()
    def pool(self, mixtures: Mixtures) -> list[Pooled]:
        """Pool mixtures of bag and donors; one record per head, over (mixtures, regions, queries)."""
        sums: list[list[Pooled]] = [[] for _ in self.heads]
        for rows in self.chunks():
            regions = self.regions[torch.from_numpy(rows)]
            own, donors = self.channels(0, rows), self.channels(-1, rows)
            for number, embedded in enumerate(mixtures(own, donors, rows)):
                for head, pooled in zip(self.heads, sums, strict=True):
                    part = pool_fragments(embedded, head.query, regions, torch.zeros_like(regions), 1)
                    if number == len(pooled):
                        pooled.append(part)
                    else:
                        pooled[number] = pooled[number].merge(part)
        return [
            Pooled(
                peak=torch.cat([part.peak for part in parts]),
                mass=torch.cat([part.mass for part in parts]),
                sums=torch.cat([part.sums for part in parts]),
            )
            for parts in sums
        ]

    def logits(self, pooled: list[Pooled]) -> torch.Tensor:
        """Return (mixtures,) mean logits of the heads."""
        logits = [head.read_out(part) for head, part in zip(self.heads, pooled, strict=True)]
        return torch.stack(logits).mean(dim=0)
