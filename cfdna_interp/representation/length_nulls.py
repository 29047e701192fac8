"""How much of a curve chance draws: lengths dealt out anew, and random covariates in their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.representation.centroids import LengthSums
from cfdna_interp.representation.curve import explained, spread
from cfdna_interp.stats.resampling import stream

DRAWS = 39  # the 95 % quantile is the second largest


@dataclass(frozen=True)
class CurveNull:
    """Curves of a covariate that means nothing.

    Attributes
    ----------
    floor
        95 % quantile of the variance of their leading component.
    mean, high
        Mean and 95 % quantile of the share of the embeddings' variance that lies on them.
    """

    floor: float
    mean: float
    high: float


def curve_null(sums_of: Callable[[int], LengthSums], half: np.ndarray) -> CurveNull:
    """Return the null of curves from ``sums_of(draw)``; ``half`` as in ``curve.explained``."""
    leading, shares = [], []
    for draw in range(DRAWS):
        sums = sums_of(draw)
        leading.append(spread(sums)[1][0])
        shares.append(explained(sums, half))
    floor, high = (float(np.quantile(v, 0.95)) for v in (leading, shares))
    return CurveNull(floor, float(np.mean(shares)), high)


def permuted(samples: np.ndarray, seed: int, draw: int) -> np.ndarray:
    """Return (n,) rows that deal fragments' lengths out anew within each of (n,) samples."""
    return _dealt(stream(seed, "geometry", "permuted", draw).random(len(samples)), None, samples)


def by_covariate(
    fragments: FragmentInputs, rows: np.ndarray, samples: np.ndarray, seed: int, draw: int
) -> np.ndarray:
    """Return (n,) rows that give each fragment the length whose rank within its sample its covariate has.

    The covariate is a random number that is a function of all that an encoder may read of a fragment but its
    length: locus, window, call positions and states. An encoder could hold it; its values are distributed as
    lengths are.

    Parameters
    ----------
    fragments
        n fragments.
    rows
        (n,) place of each one's length in the range.
    samples
        (n,) sample of each.
    seed, draw
        Which covariate.
    """
    rng = stream(seed, "geometry", "covariate", draw)
    # Random linear hashing modulo 2^64, finished as in splitmix64 (Steele, Lea & Flood 2014).
    columns = (fragments.locus, fragments.region, *fragments.offsets.T, *fragments.states.T)
    factors = rng.integers(1, 2**63, len(columns), dtype=np.uint64)
    key = np.zeros(len(fragments), dtype=np.uint64)
    for factor, column in zip(factors, columns, strict=True):
        key += factor * column.astype(np.int64).astype(np.uint64)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return _dealt(key ^ (key >> np.uint64(31)), rows, samples)


def _dealt(key: np.ndarray, rows: np.ndarray | None, samples: np.ndarray) -> np.ndarray:
    """Return, for each fragment, the fragment of its sample whose place among ``rows`` is that of its key."""
    order = np.arange(len(samples)) if rows is None else rows
    ranked, sources = np.lexsort((key, samples)), np.lexsort((order, samples))
    dealt = np.empty(len(samples), dtype=np.int64)
    dealt[ranked] = sources
    return dealt
