"""Which directions two dictionaries share, whatever the order they have in each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder

MATCHED = 0.9  # cosine above which two directions count as one


@dataclass(frozen=True, eq=False)
class Matched:
    """Blocks of one dictionary and their partners in another; of single directions, where a block is one.

    Attributes
    ----------
    own
        (pairs,) blocks of the first dictionary, ascending.
    partner
        (pairs,) blocks of the second one, none twice.
    cosine
        (pairs,) how alike the two are, 0 to 1.
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
        Blocks to pair, e.g. those that are not dead; default all. The smaller set finds partners for all.
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
    """Return (n, m) how alike the spans of (n, block, dim) and (m, block, dim) are, 0 to 1.

    The root of the mean squared cosine of the principal angles between two spans (Björck & Golub 1973); of
    single directions the absolute cosine. Directions of a block have length 1 and are at right angles.
    """
    cosines = torch.einsum("nid,mjd->nmij", a, b)
    squared = cosines.square().sum(dim=(2, 3)) / a.shape[1]
    return np.asarray(squared.sqrt().clamp(max=1).numpy())


def _folded(model: SparseAutoencoder) -> torch.Tensor:
    folded: torch.Tensor = model.decoder.unflatten(0, (model.blocks, model.block))
    return folded
