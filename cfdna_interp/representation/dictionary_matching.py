"""Matching of the directions of two dictionaries, independent of their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder

MATCHED = 0.9  # cosine above which two directions count as equal


@dataclass(frozen=True, eq=False)
class Matched:
    """Blocks of one dictionary and their partners in another. A block of a plain dictionary is one direction.

    Attributes
    ----------
    own
        (pairs,) blocks of the first dictionary, ascending.
    partner
        (pairs,) blocks of the second one, all different.
    cosine
        (pairs,) similarity of the two, 0 to 1.
    """

    own: np.ndarray
    partner: np.ndarray
    cosine: np.ndarray

    @property
    def share(self) -> float:
        """Share of pairs whose cosine is above ``MATCHED``."""
        return float((self.cosine > MATCHED).mean())

    @property
    def mean(self) -> float:
        """Mean cosine of pairs."""
        return float(self.cosine.mean())


def match(
    a: SparseAutoencoder,
    b: SparseAutoencoder,
    *,
    of_a: np.ndarray | None = None,
    of_b: np.ndarray | None = None,
) -> Matched:
    """Pair the blocks of two dictionaries one to one, with the largest sum of cosines.

    Parameters
    ----------
    a, b
        Dictionaries with blocks of one size.
    of_a, of_b
        Blocks to pair, e.g. those that are not dead; by default all. All blocks of the smaller set get
        partners.
    """
    of_a = np.arange(a.blocks) if of_a is None else of_a
    of_b = np.arange(b.blocks) if of_b is None else of_b
    cosine = similarity(_folded(a)[torch.from_numpy(of_a)], _folded(b)[torch.from_numpy(of_b)])
    rows, columns = linear_sum_assignment(cosine, maximize=True)
    return Matched(of_a[rows], of_b[columns], cosine[rows, columns])


def matched_share(a: SparseAutoencoder, b: SparseAutoencoder) -> float:
    """Return the share of blocks whose partner in the other dictionary has a cosine above ``MATCHED``."""
    return match(a, b).share


def similarity(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    """Return the (n, m) similarity of the spans of (n, block, dim) and (m, block, dim), 0 to 1.

    It is the root of the mean squared cosine of the principal angles between two spans (Björck & Golub 1973).
    For single directions it is the absolute cosine. The directions of a block are orthonormal.
    """
    cosines = torch.einsum("nid,mjd->nmij", a, b)
    squared = cosines.square().sum(dim=(2, 3)) / a.shape[1]
    return np.asarray(squared.sqrt().clamp(max=1).numpy())


def _folded(model: SparseAutoencoder) -> torch.Tensor:
    folded: torch.Tensor = model.decoder.unflatten(0, (model.blocks, model.block))
    return folded
