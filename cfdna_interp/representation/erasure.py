"""Least-squares concept erasure: embeddings from which no linear method can decode a concept.

LEACE (Belrose et al. 2023, arXiv:2306.03819) is the affine map that changes embeddings least among all maps
after which embeddings and concept have zero covariance. Let Σ be the covariance of embeddings x, W its
inverse square root, and U an orthonormal basis of the columns of W Cov(x, z). The map is

    r(x) = x - W⁺ U Uᵀ W (x - E[x]).

It only needs moments, which are summed batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

_NARROW = 1e-10  # of the widest direction's variance; smaller variances are rounding
_NOTHING = 1e-12  # a squared canonical correlation below this is rounding


@dataclass(frozen=True, eq=False)
class Moments:
    """Means and covariances of embeddings x and of columns z of concepts.

    Attributes
    ----------
    n
        Number of rows.
    mean
        (dim,) of x.
    xx, xz, zz
        (dim, dim), (dim, columns) and (columns, columns) covariances.
    """

    n: int
    mean: np.ndarray
    xx: np.ndarray
    xz: np.ndarray
    zz: np.ndarray

    def of(self, columns: np.ndarray) -> Moments:
        """Return the moments with these columns of z alone."""
        return Moments(self.n, self.mean, self.xx, self.xz[:, columns], self.zz[np.ix_(columns, columns)])

    def partial(self, columns: np.ndarray, others: np.ndarray) -> Moments:
        """Return the moments with the residuals of ``columns`` after a linear regression on ``others``."""
        slope = np.linalg.pinv(self.zz[np.ix_(others, others)], rcond=1e-9, hermitian=True)
        slope = slope @ self.zz[np.ix_(others, columns)]  # (others, columns)
        left = self.zz[np.ix_(columns, columns)] - self.zz[np.ix_(columns, others)] @ slope
        return Moments(self.n, self.mean, self.xx, self.xz[:, columns] - self.xz[:, others] @ slope, left)


def gather(batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> Moments:
    """Sum moments over batches of x (n, dim) and z (n, columns), in double precision.

    Raises
    ------
    ValueError
        There is no row.
    """
    n, total, products, shift = 0, np.zeros(0), np.zeros((0, 0)), np.zeros(0)
    dim = 0
    for x, z in batches:
        rows = np.concatenate([x, z], axis=1, dtype=np.float64)
        if n == 0:
            # Sums of products about a point near the mean don't lose digits to the square of the mean.
            dim, shift = x.shape[1], rows.mean(axis=0)
            total, products = np.zeros(rows.shape[1]), np.zeros((rows.shape[1],) * 2)
        rows -= shift
        n += len(rows)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    if n == 0:
        raise ValueError("moments of no row")
    offset = total / n
    covariance = products / n - np.outer(offset, offset)
    return Moments(
        n, (shift + offset)[:dim], covariance[:dim, :dim], covariance[:dim, dim:], covariance[dim:, dim:]
    )


@dataclass(frozen=True, eq=False)
class Eraser:
    """The map x - projection (x - centre).

    Attributes
    ----------
    centre
        (dim,) the mean, which doesn't change.
    projection
        (dim, dim) idempotent projection onto what is erased.
    rank
        Number of erased directions.
    """

    centre: np.ndarray
    projection: np.ndarray
    rank: int

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return (n, dim) embeddings without the concept, in double precision."""
        erased: np.ndarray = x - (x - self.centre) @ self.projection.T
        return erased

    def affine(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (dim, dim) A and (dim,) b of the map A x + b, in single precision."""
        matrix = np.eye(len(self.centre)) - self.projection
        return torch.from_numpy(matrix).float(), torch.from_numpy(self.projection @ self.centre).float()


def fit_eraser(moments: Moments, edge: float = 0.0) -> Eraser:
    """Return the eraser of the columns of z.

    Parameters
    ----------
    moments
        Moments of the embeddings and the concept.
    edge
        Directions with a squared canonical correlation with z up to this are not erased, see
        :func:`noise_edge`. With 0 the result has zero covariance with z.
    """
    whitener, back = _whitener(moments.xx)
    concept, _ = _whitener(moments.zz)
    left, correlations, _ = np.linalg.svd(whitener @ moments.xz @ concept, full_matrices=False)
    axes = left[:, correlations**2 > max(edge, _NOTHING)]
    return Eraser(moments.mean, back @ axes @ axes.T @ whitener, axes.shape[1])


def random_eraser(moments: Moments, rank: int, rng: np.random.Generator) -> Eraser:
    """Return the eraser of ``rank`` concepts drawn at random.

    The covariance of embeddings with independent random values per row is normal with covariance Σ / n. The
    random directions are therefore distributed like the embeddings.
    """
    whitener, back = _whitener(moments.xx)
    drawn = np.linalg.qr(rng.standard_normal((len(moments.mean), rank)))[0]
    return Eraser(moments.mean, back @ drawn @ drawn.T @ whitener, rank)


def noise_edge(moments: Moments) -> float:
    """Return an upper bound for the squared canonical correlation of independent x and z.

    For n rows the largest is near (√dim + √columns)² / n (Johnstone 2008, arXiv:0803.3408, for n much larger
    than both). The bound is twice that, since rows of one subject are correlated.
    """
    dim, columns = moments.xz.shape
    return float(2 * (np.sqrt(dim) + np.sqrt(columns)) ** 2 / moments.n)


def _whitener(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the symmetric square roots of a covariance's pseudo-inverse and of the covariance."""
    values, vectors = np.linalg.eigh(covariance)
    wide = values > values[-1] * _NARROW
    values, vectors = values[wide], vectors[:, wide]
    return (vectors / np.sqrt(values)) @ vectors.T, (vectors * np.sqrt(values)) @ vectors.T
