"""Least-squares concept erasure: embeddings from which no linear method can read a concept.

LEACE (Belrose et al. 2023, arXiv:2306.03819): of all affine maps after which embeddings and concept have no
covariance, the one that moves embeddings least. With Σ the covariance of embeddings x, W its inverse square
root, and U an orthonormal basis of the columns of W Cov(x, z), it is

    r(x) = x - W⁺ U Uᵀ W (x - E[x]).

All it needs are moments, which are summed batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

_NARROW = 1e-10  # of the widest direction's variance: below it there is rounding, not embedding
_NOTHING = 1e-12  # squared canonical correlation that is rounding


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
        """Return the moments with what a linear regression on ``others`` leaves of ``columns``."""
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
            # Sums of products about a point near the mean lose no digits to its square.
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
        (dim,) the mean, which stays.
    projection
        (dim, dim) idempotent: what is taken away.
    rank
        Number of directions that are taken away.
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
        Of the embeddings and the concept.
    edge
        Directions whose squared canonical correlation with z is no larger stay, see :func:`noise_edge`;
        with 0 the covariance of what is left with z is zero.
    """
    whitener, back = _whitener(moments.xx)
    concept, _ = _whitener(moments.zz)
    left, correlations, _ = np.linalg.svd(whitener @ moments.xz @ concept, full_matrices=False)
    kept = left[:, correlations**2 > max(edge, _NOTHING)]
    return Eraser(moments.mean, back @ kept @ kept.T @ whitener, kept.shape[1])


def random_eraser(moments: Moments, rank: int, rng: np.random.Generator) -> Eraser:
    """Return the eraser of ``rank`` concepts drawn at random.

    The covariance of embeddings with a value drawn independently for each row is normal with covariance
    Σ / n: the directions are spread as the embeddings are.
    """
    whitener, back = _whitener(moments.xx)
    drawn = np.linalg.qr(rng.standard_normal((len(moments.mean), rank)))[0]
    return Eraser(moments.mean, back @ drawn @ drawn.T @ whitener, rank)


def noise_edge(moments: Moments) -> float:
    """Return the squared canonical correlation that independent x and z stay below.

    The largest of n rows is near (√dim + √columns)² / n (Johnstone 2008, arXiv:0803.3408, for n large beside
    both); twice that leaves room for rows of one subject being more alike than others.
    """
    dim, columns = moments.xz.shape
    return float(2 * (np.sqrt(dim) + np.sqrt(columns)) ** 2 / moments.n)


def _whitener(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the symmetric square root of a covariance's pseudo-inverse, and that of the covariance."""
    values, vectors = np.linalg.eigh(covariance)
    wide = values > values[-1] * _NARROW
    values, vectors = values[wide], vectors[:, wide]
    return (vectors / np.sqrt(values)) @ vectors.T, (vectors * np.sqrt(values)) @ vectors.T
