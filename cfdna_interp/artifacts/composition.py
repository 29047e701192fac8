"""Parts of a whole, as logarithms: what log-ratios are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Composition:
    """Inputs that are parts of one whole.

    Attributes
    ----------
    inputs
        (parts,) positions among the inputs.
    total
        What the parts of a sample add up to.
    pseudo
        What takes the place of a part that is zero.
    log_mean
        (parts,) mean logarithm of each part in the discovery samples.
    """

    inputs: tuple[int, ...]
    total: float
    pseudo: float
    log_mean: np.ndarray


def log_parts(X: np.ndarray, total: float, pseudo: float) -> np.ndarray:
    """Return the logarithms of parts, zeros replaced and the other parts lowered by as much.

    The multiplicative replacement of Martín-Fernández et al. 2003: ratios among the parts that were seen
    stay as they are.

    Parameters
    ----------
    X
        (samples, parts); each sample is brought to ``total`` first.
    total, pseudo
        As in :class:`Composition`.
    """
    seen = np.maximum(X, 0)
    sums = seen.sum(axis=1, keepdims=True)
    seen = seen * (total / np.where(sums > 0, sums, 1))
    absent = seen <= 0
    lowered = seen * (1 - pseudo / total * absent.sum(axis=1, keepdims=True))
    result: np.ndarray = np.log(np.where(absent, pseudo, lowered))
    return result
