"""Null distributions of the length curve: permuted lengths, and random covariates in place of length."""

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
    """Statistics of curves of a meaningless covariate.

    Attributes
    ----------
    floor
        95 % quantile of the variance of their leading component.
    mean, high
        Mean and 95 % quantile of the share of the embeddings' variance on these curves.
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
    """Return (n,) rows that permute fragments' lengths within each of (n,) samples."""
    return _dealt(stream(seed, "geometry", "permuted", draw).random(len(samples)), None, samples)


def by_covariate(
    fragments: FragmentInputs, rows: np.ndarray, samples: np.ndarray, seed: int, draw: int
) -> np.ndarray:
    """Return (n,) rows that give each fragment the length of the same rank in its sample as its covariate.

    The covariate is a random function of everything except length that an encoder may read of a fragment:
    locus, window, call positions and states. An encoder could therefore represent it. Its values are
    distributed as lengths are.

    Parameters
    ----------
    fragments
        n fragments.
    rows
        (n,) index of each one's length in the range.
    samples
        (n,) sample of each.
    seed, draw
        Seed and number of the covariate.
    """
    rng = stream(seed, "geometry", "covariate", draw)
    # This is random linear hashing modulo 2^64 with the finaliser of splitmix64 (Steele, Lea & Flood 2014).
    columns = (fragments.locus, fragments.region, *fragments.offsets.T, *fragments.states.T)
    factors = rng.integers(1, 2**63, len(columns), dtype=np.uint64)
    key = np.zeros(len(fragments), dtype=np.uint64)
    for factor, column in zip(factors, columns, strict=True):
        key += factor * column.astype(np.int64).astype(np.uint64)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return _dealt(key ^ (key >> np.uint64(31)), rows, samples)


def _dealt(key: np.ndarray, rows: np.ndarray | None, samples: np.ndarray) -> np.ndarray:
    """Return for each fragment the fragment of its sample whose rank in ``rows`` equals that of its key."""
    order = np.arange(len(samples)) if rows is None else rows
    ranked, sources = np.lexsort((key, samples)), np.lexsort((order, samples))
    partner = np.empty(len(samples), dtype=np.int64)
    partner[ranked] = sources
    return partner
