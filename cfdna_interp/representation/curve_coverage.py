"""The number of features, and of blocks, that explain the length curve.

The curve is the mean embedding by fragment length. A feature, or a block, contributes its mean code by length
times its directions. A curved concept that takes many features of a plain dictionary should take few blocks
(Engels et al. 2024, arXiv:2405.14860: not all of a model's features are single directions).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array

from cfdna_interp.records.funnel import CurveCoverage
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder

SHARE = 0.9
CLASSES = 64  # of length, with about equally many fragments, so that the noise of centroids is small and even


def length_classes(length: np.ndarray) -> np.ndarray:
    """Return the (n,) class of each length, from 0: at most ``CLASSES`` of about equally many fragments."""
    edges = np.unique(np.quantile(length, np.linspace(0, 1, CLASSES + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, length, side="right"), return_inverse=True)[1]


def cover(
    dictionary: SparseAutoencoder, embeddings: torch.Tensor, codes: csr_array, classes: np.ndarray
) -> CurveCoverage:
    """Count the features or blocks that cover the curve, in greedy order.

    Parameters
    ----------
    dictionary
        A dictionary, plain or in blocks.
    embeddings, codes
        (n, dim) fragments and (n, features) their codes.
    classes
        (n,) class of length, from :func:`length_classes`.
    """
    n = np.bincount(classes)
    member = csr_array((1 / n[classes], (classes, np.arange(len(classes)))))
    weight = (n / n.sum())[:, None]
    curve = _centred(member @ embeddings.numpy().astype(np.float64), weight)  # (classes, dim)
    means = _centred((member @ codes).toarray(), weight)  # (classes, features)
    decoder = dictionary.decoder.numpy().astype(np.float64)
    drawn = np.einsum(
        "cbk,bkd->bcd",
        means.reshape(len(n), dictionary.blocks, dictionary.block),
        decoder.reshape(dictionary.blocks, dictionary.block, -1),
    )  # (blocks, classes, dim)
    total = float((weight * curve**2).sum())
    whole = 1 - float((weight * (curve - drawn.sum(axis=0)) ** 2).sum()) / total
    spread = float(embeddings.double().var(dim=0, correction=0).sum())
    needed = _greedy(curve, drawn, weight, SHARE * whole * total)
    return CurveCoverage(needed=needed, explained=whole, variance=total / spread)


def _greedy(curve: np.ndarray, drawn: np.ndarray, weight: np.ndarray, wanted: float) -> int:
    """Return how many of (blocks, classes, dim) contributions explain the wanted part of the curve."""
    sizes = (weight * drawn**2).sum(axis=(1, 2))
    left, free, gained = curve.copy(), np.ones(len(drawn), dtype=bool), 0.0
    while gained < wanted and free.any():
        gains = np.where(free, 2 * np.einsum("bcd,cd->b", drawn, weight * left) - sizes, -np.inf)
        best = int(gains.argmax())
        gained += float(gains[best])
        left -= drawn[best]
        free[best] = False
    return int((~free).sum())


def _centred(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.asarray(values - (weight * values).sum(axis=0))
