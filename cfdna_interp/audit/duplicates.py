"""Samples of different subjects that lie nearer to each other than any two people's do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta
from sklearn.neighbors import NearestNeighbors

from cfdna_interp.artifacts.matrix import usable

# A neighbour is compared with the fifth one: up to four copies of a sample are found.
FAR = 5
FEWEST = 20
# Family-wise over all samples and neighbours: in 99 of 100 cohorts without duplicates nobody is accused.
SIGNIFICANT = 0.01
# The law holds where the density is smooth at the scale of neighbours. Where it isn't quite (noise that
# differs between people), a copy is still at most half as far away as the fifth neighbour.
NEAR = 0.5
# Beyond, one odd feature would decide a distance by itself.
CLIP = 5.0


@dataclass(frozen=True)
class Twins:
    """Two samples of different subjects: distance over that of the fifth neighbour, and p."""

    a: str
    b: str
    ratio: float
    p: float


@dataclass(frozen=True)
class NearDuplicates:
    """All pairs found; ``dimension`` is the intrinsic dimension that the null rests on."""

    pairs: tuple[Twins, ...]
    dimension: float
    samples: int
    reason: str


def near_duplicates(X: np.ndarray, samples: Sequence[str], subjects: Sequence[str]) -> NearDuplicates:
    """Find samples with a neighbour at less than half the distance of the fifth one, beyond chance.

    Around a point of any smooth density the volumes up to its neighbours are those of a Poisson process:
    (d_j / d_5)^k follows Beta(j, 5 - j) in intrinsic dimension k, whatever the density (the argument of
    Facco et al. 2017, who estimate k from the first two). Here k is the median fit to d_2 / d_5, which a
    minority of duplicates doesn't move. Features are centred by the median and scaled by the median absolute
    deviation; distances are Euclidean between samples of different subjects only.

    Parameters
    ----------
    X
        (samples, features), NaN where not measured (taken as the median).
    samples, subjects
        (samples,) names.
    """
    owners = np.asarray(subjects, dtype=object)
    if len(set(subjects)) < FEWEST:
        return NearDuplicates((), np.nan, len(samples), f"fewer than {FEWEST} subjects")
    Z = _robust(X)
    if Z.shape[1] == 0:
        return NearDuplicates((), np.nan, len(samples), "no feature varies")
    _, sizes = np.unique(owners.astype(str), return_counts=True)
    wanted = min(len(Z), FAR + int(sizes.max()))
    near, index = NearestNeighbors(n_neighbors=wanted).fit(Z).kneighbors(Z)
    other = owners[index] != owners[:, None]
    # The first five neighbours that are other people.
    order = np.argsort(~other, axis=1, kind="stable")[:, :FAR]
    near, index = np.take_along_axis(near, order, axis=1), np.take_along_axis(index, order, axis=1)
    far = near[:, -1]
    ratios = near[:, :-1] / np.where(far > 0, far, 1)[:, None]  # (samples, 4)
    middle = float(np.median(ratios[:, 1]))
    if middle in (0.0, 1.0):
        return NearDuplicates((), np.nan, len(samples), "the features take too few values for distances")
    k = float(np.log(beta.median(2, FAR - 2)) / np.log(middle))
    ranks = np.arange(1, FAR)
    # Bonferroni over all samples and neighbours.
    p = np.minimum(1.0, beta.cdf(ratios**k, ranks, FAR - ranks) * ratios.size)
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for i, j in np.argwhere((p <= SIGNIFICANT) & (ratios <= NEAR)):
        pair = (min(i, index[i, j]), max(i, index[i, j]))
        found[pair] = min(found.get(pair, (np.inf, np.inf)), (float(ratios[i, j]), float(p[i, j])))
    pairs = [Twins(samples[a], samples[b], ratio, q) for (a, b), (ratio, q) in sorted(found.items())]
    return NearDuplicates(tuple(pairs), k, len(samples), "")


def _robust(X: np.ndarray) -> np.ndarray:
    X = X[:, usable(X)]
    centre = np.nanmedian(X, axis=0) if X.size else np.zeros(0)
    filled = np.where(np.isnan(X), centre, X) - centre
    spread = np.median(np.abs(filled), axis=0) * 1.4826
    kept = spread > 0
    return np.clip(filled[:, kept] / spread[kept], -CLIP, CLIP)
