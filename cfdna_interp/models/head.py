"""The head: attention pooling from fragments to regions to a sample, then a logistic read-out.

Attention pooling of bags is that of Ilse et al. (arXiv:1802.04712, 2018), applied in two levels.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from cfdna_interp.models.pooling import Pooled, pool_bags, pool_fragments, pool_stream

QUERIES = 2
AXES = 6  # directions between subjects whose squares and products enter the read-out


class AttentionHead(nn.Module):
    """Hierarchical multi-query attention pooling, and a read-out with products of the main directions.

    Fragments are pooled by attention within their region. The weight of a region is the sum of its fragments'
    exponentiated scores, times a factor from a second query on its pooled vector. With queries of zero the
    result is the mean over fragments, and the read-out is a logistic regression on it. Products let a
    direction matter only if another one is high. No weighted sum can express that.

    Parameters
    ----------
    dim
        Length of an embedding.
    scale
        Standard deviation of a whitened mean over all fragments of a training sample, the unit of pooled
        vectors.

    Attributes
    ----------
    query, region_query, weight
        (queries, dim) attention to fragments, to regions, and the linear read-out.
    product
        (axes, axes) read-out of products of the scaled vector along ``axes``.
    balance, axes
        (dim, dim) and (dim, axes): see ``head_plan``.
    """

    centre: torch.Tensor
    scale: torch.Tensor
    balance: torch.Tensor
    axes: torch.Tensor

    def __init__(self, dim: int, scale: float) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(QUERIES, dim))
        self.region_query = nn.Parameter(torch.zeros(QUERIES, dim))
        self.weight = nn.Parameter(torch.zeros(QUERIES, dim))
        self.product = nn.Parameter(torch.zeros(AXES, AXES))
        self.bias = nn.Parameter(torch.zeros(()))
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("balance", torch.eye(dim))
        self.register_buffer("axes", torch.zeros(dim, AXES))

    def forward(self, bags: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """Return the logits of bags whose rows are in the order of their genomic windows.

        Parameters
        ----------
        bags
            (bags, fragments, dim) embeddings.
        weights
            (bags, fragments), or (bags, sets, fragments) for several weightings at once.

        Returns
        -------
        (bags,), or (bags, sets).
        """
        if weights is not None and weights.ndim == 3:
            return self.read_out(self.pool(bags, weights))
        weights = None if weights is None else weights[:, None]
        return self.read_out(self.pool(bags, weights))[:, 0]

    def of_samples(
        self,
        embeddings: torch.Tensor,
        sample: torch.Tensor,
        regions: torch.Tensor,
        samples: int,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return (samples,) logits of (n, dim) fragments in any order, each with its sample and region."""
        return self.read_out(pool_fragments(embeddings, self.query, regions, sample, samples, weights))

    def of_stream(self, chunks: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        """Return the logit of one sample whose (embeddings, regions) come in chunks, in constant memory."""
        return self.read_out(pool_stream(chunks, self.query))[0]

    def pool(self, bags: torch.Tensor, weights: torch.Tensor | None = None) -> Pooled:
        """Return the attention sums of (bags, fragments, dim), of one set or of (bags, sets, fragments)."""
        return pool_bags(bags, self.query, weights)

    def read_out(self, pooled: Pooled) -> torch.Tensor:
        """Return (...) logits of attention sums over (..., regions, queries)."""
        attended = attend_regions(pooled, self.region_query)  # (..., queries, dim)
        measured = ((attended - self.centre) / self.scale) @ self.balance
        along = measured.mean(dim=-2) @ self.axes  # (..., axes)
        products = ((along @ self.product) * along).sum(dim=-1)
        logit: torch.Tensor = (measured * self.weight).sum(dim=(-2, -1)) + products + self.bias
        return logit


def attend_regions(pooled: Pooled, region_query: torch.Tensor) -> torch.Tensor:
    """Return (..., queries, dim): the attention-weighted mean over regions.

    Parameters
    ----------
    pooled
        Records over (..., regions, queries).
    region_query
        (queries, dim).
    """
    vectors = pooled.vectors()  # (..., regions, queries, dim)
    region_scores = (vectors * region_query).sum(dim=-1) / vectors.shape[-1] ** 0.5
    attention = (pooled.log_mass() + region_scores).softmax(dim=-2)  # (..., regions, queries)
    attended: torch.Tensor = (attention[..., None] * vectors).sum(dim=-3)
    return attended
