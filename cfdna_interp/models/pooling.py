"""Unnormalised attention sums of fragments by region, in parts or chunks that merge exactly.

An online softmax (Milakov & Gimelshein, arXiv:1805.02867) keeps, for each region and query, the largest
score, the sum of exponentiated scores and the sum of embeddings weighted by them. The records of two disjoint
sets of fragments merge into that of their union. A bag of any size can thus be pooled in constant memory.

A region is a sixteenth of a bag in the order of its genomic windows (``FragmentInputs.region``). Stored bags
are in that order, so that their regions are equal ranges of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

REGIONS = 16
_CACHED = 2**18  # numbers in a block of embeddings: one megabyte


@dataclass(frozen=True, eq=False)
class Pooled:
    """Attention sums of bags, one record per region and query.

    Attributes
    ----------
    peak
        (..., regions, queries) score that was subtracted before exponentiation.
    mass
        (..., regions, queries) sum of exponentiated scores.
    sums
        (..., regions, queries, dim) sum of embeddings weighted by them.
    """

    peak: torch.Tensor
    mass: torch.Tensor
    sums: torch.Tensor

    def merge(self, other: Pooled) -> Pooled:
        """Return the record of the union of two disjoint sets of fragments."""
        peak = torch.maximum(self.peak, other.peak)
        first, second = (self.peak - peak).exp(), (other.peak - peak).exp()
        return Pooled(
            peak=peak,
            mass=self.mass * first + other.mass * second,
            sums=self.sums * first[..., None] + other.sums * second[..., None],
        )

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Pooled:
        """Return the record with ``change`` applied to each tensor, for indexing and reshaping."""
        return Pooled(change(self.peak), change(self.mass), change(self.sums))

    def vectors(self) -> torch.Tensor:
        """Return (..., regions, queries, dim): each region's attention-weighted mean, 0 for an empty one."""
        return self.sums / self._mass()[..., None]

    def log_mass(self) -> torch.Tensor:
        """Return (..., regions, queries): log Σ exp(score), a very small value for an empty region."""
        return self.peak + self._mass().log()

    def _mass(self) -> torch.Tensor:
        # A positive value keeps gradients through empty regions finite.
        return self.mass.clamp(min=torch.finfo(self.mass.dtype).tiny)


def pool_bags(bags: torch.Tensor, query: torch.Tensor, weights: torch.Tensor | None = None) -> Pooled:
    """Pool bags whose rows are in the order of their windows; regions are equal ranges of rows.

    Parameters
    ----------
    bags
        (bags, fragments, dim) embeddings.
    query
        (queries, dim).
    weights
        (bags, sets, fragments) several sets of weights of the fragments; by default one set of ones.

    Returns
    -------
    Records of shape (bags, sets, regions, queries), with one set if there are no weights.
    """
    size = bags_at_once(bags)
    if len(bags) <= size:
        return _pool(bags, query, weights)
    parts = [
        _pool(bags[at : at + size], query, None if weights is None else weights[at : at + size])
        for at in range(0, len(bags), size)
    ]
    return Pooled(
        torch.cat([part.peak for part in parts]),
        torch.cat([part.mass for part in parts]),
        torch.cat([part.sums for part in parts]),
    )


def bags_at_once(bags: torch.Tensor) -> int:
    """Return how many of (bags, fragments, dim) fit into a core's cache with their scores.

    Pooling passes over the same numbers several times. In cache it takes half of the time.
    """
    return max(1, _CACHED // bags[0].numel())


def _pool(bags: torch.Tensor, query: torch.Tensor, weights: torch.Tensor | None) -> Pooled:
    """Pool as many bags as fit into the cache; see :func:`pool_bags`."""
    folded, mask = fold(bags.contiguous())  # (bags, regions, rows, dim), (regions, rows)
    scores = (query / bags.shape[2] ** 0.5) @ folded.transpose(2, 3)  # (bags, regions, queries, rows)
    if not bool(mask.all()):
        scores = scores.masked_fill(~mask[:, None], -torch.inf)
    peak = scores.detach().amax(dim=3)  # (bags, regions, queries)
    peak = peak.masked_fill(peak.isinf(), 0.0)  # regions of padding alone
    raised = (scores - peak[..., None]).exp()[:, :, None]  # (bags, regions, 1, queries, rows)
    if weights is not None:
        sets, _ = fold(weights.transpose(1, 2))  # (bags, regions, rows, sets)
        raised = sets.transpose(2, 3)[:, :, :, None] * raised  # (bags, regions, sets, queries, rows)
    # This is one product for all sets. With sets as a batch dimension embeddings would be copied for each.
    sums = (raised.flatten(2, 3) @ folded).unflatten(2, raised.shape[2:4])
    mass = raised.sum(dim=-1).transpose(1, 2)  # (bags, sets, regions, queries)
    return Pooled(peak=peak[:, None].expand(mass.shape), mass=mass, sums=sums.transpose(1, 2))


def pool_fragments(
    embeddings: torch.Tensor,
    query: torch.Tensor,
    regions: torch.Tensor,
    sample: torch.Tensor,
    samples: int,
    weights: torch.Tensor | None = None,
) -> Pooled:
    """Pool fragments of several samples in any order.

    Parameters
    ----------
    embeddings
        (n, dim).
    query
        (queries, dim).
    regions, sample
        (n,) region of each fragment, 0 to ``REGIONS - 1``, and the sample it belongs to.
    samples
        Number of samples.
    weights
        (n,) weight of each fragment; by default 1.

    Returns
    -------
    Records of shape (samples, regions, queries).
    """
    scores = embeddings @ query.T / embeddings.shape[1] ** 0.5  # (n, queries)
    cell = sample * REGIONS + regions  # (n,)
    cells, queries = samples * REGIONS, len(query)
    peak = torch.full((cells, queries), -torch.inf, dtype=scores.dtype, device=scores.device)
    peak = peak.scatter_reduce(0, cell[:, None].expand_as(scores), scores.detach(), "amax")
    peak = peak.masked_fill(peak.isinf(), 0.0)  # empty regions
    raised = (scores - peak[cell]).exp()  # (n, queries)
    if weights is not None:
        raised = raised * weights[:, None]
    mass = raised.new_zeros(cells, queries).index_add(0, cell, raised)
    spread = raised[:, :, None] * embeddings[:, None, :]  # (n, queries, dim)
    sums = spread.new_zeros(cells, queries, embeddings.shape[1]).index_add(0, cell, spread)
    shape = (samples, REGIONS)
    return Pooled(peak.unflatten(0, shape), mass.unflatten(0, shape), sums.unflatten(0, shape))


def pool_stream(chunks: Iterable[tuple[torch.Tensor, torch.Tensor]], query: torch.Tensor) -> Pooled:
    """Pool one sample from chunks of (embeddings (n, dim), regions (n,)), in the memory of one chunk.

    Returns
    -------
    Records of shape (1, regions, queries).

    Raises
    ------
    ValueError
        There is no chunk.
    """
    total: Pooled | None = None
    for embeddings, regions in chunks:
        part = pool_fragments(embeddings, query, regions, torch.zeros_like(regions), 1)
        total = part if total is None else total.merge(part)
    if total is None:
        raise ValueError("a bag without fragments has no logit")
    return total


def fold(bags: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut (bags, fragments, dim) into equal ranges of rows, the last ones padded with zeros.

    Returns
    -------
    (bags, regions, rows, dim), and (regions, rows) bool: False for padding.
    """
    size = bags.shape[1]
    rows = -(-size // REGIONS)
    mask = (torch.arange(REGIONS * rows, device=bags.device) < size).reshape(REGIONS, rows)
    padded = functional.pad(bags, (0, 0, 0, REGIONS * rows - size)) if size % REGIONS else bags
    return padded.unflatten(1, (REGIONS, rows)), mask


def region_rows(size: int) -> np.ndarray:
    """Return the (size,) region of each row of a bag in the order of its windows, as in :func:`fold`."""
    return np.arange(size) // -(-size // REGIONS)
