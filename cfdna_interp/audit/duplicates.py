"""Near-duplicates: samples of different subjects that are more similar than samples of two people can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import beta
from sklearn.neighbors import NearestNeighbors

from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.multiplicity import benjamini_hochberg

# Neighbours are compared with the fifth one, so up to four copies of a sample are found.
FAR = 5
FEWEST = 20
# In 99 of 100 cohorts without duplicates no pair is named. With many duplicates 1 in 100 named pairs is
# wrong.
SIGNIFICANT = 0.01
# The law assumes a density that is smooth at the scale of neighbours. If this is violated (noise that differs
# between people), a copy is still at most half as far away as the fifth neighbour.
NEAR = 0.5
# Standardised values are clipped here. Otherwise one extreme feature could decide a distance.
CLIP = 5.0
# A value that more than a tenth of the samples share (zeros, or a gap) makes unrelated samples similar. The
# smooth law doesn't hold for such a feature.
TIED = 0.1
# With fewer features two people are often similar.
FEATURES = 5
# A sample with a larger missing share isn't compared, since it would consist of common medians.
MISSING = 0.2


@dataclass(frozen=True)
class Twins:
    """Two samples of different subjects: their distance divided by that of the fifth neighbour, and q.

    ``group`` is the feature group in which they are similar, or "" for all features.
    """

    a: str
    b: str
    ratio: float
    q: float
    group: str = ""


@dataclass(frozen=True)
class NearDuplicates:
    """All near-duplicate pairs; ``dimension`` is the intrinsic dimension in the null over all features.

    ``searched`` are the groups that were looked at by themselves, ``missing`` why all features were not.
    """

    pairs: tuple[Twins, ...]
    dimension: float
    samples: int
    missing: Missing | None
    searched: tuple[str, ...] = ()


def near_duplicates(
    X: np.ndarray, samples: Sequence[str], subjects: Sequence[str], groups: Sequence[str] = ()
) -> NearDuplicates:
    """Search for near-duplicates over all features and in each feature group separately.

    A person's second library is similar in all features, a copied part of a table only in its group. Each
    search has an equal part of the error of .01.

    Parameters
    ----------
    X
        (samples, features), NaN where not measured (replaced by the median).
    samples, subjects
        (samples,) names.
    groups
        (features,) the group of each feature. Without groups only all features are searched.
    """
    if len(set(subjects)) < FEWEST:
        few = Missing(why=Cause.FEW_SUBJECTS, needed=FEWEST)
        return NearDuplicates((), np.nan, len(samples), few)
    owners = np.asarray(groups, dtype=object)
    names = sorted(set(groups))
    parts = {name: X[:, owners == name] for name in names} if len(names) > 1 else {}
    parts = {name: part for name, part in parts.items() if _comparable(part).sum() >= FEATURES}
    level = SIGNIFICANT / (1 + len(parts))
    whole, dimension, missing = _search(X, samples, subjects, level)
    found = {(pair.a, pair.b): pair for pair in whole}
    searched = []
    for name, part in parts.items():
        pairs, _, unsearched = _search(part, samples, subjects, level)
        if unsearched is None:
            searched.append(name)
        for pair in pairs:
            found.setdefault((pair.a, pair.b), replace(pair, group=name))
    return NearDuplicates(tuple(found.values()), dimension, len(samples), missing, tuple(searched))


def _search(
    X: np.ndarray, samples: Sequence[str], subjects: Sequence[str], level: float
) -> tuple[list[Twins], float, Missing | None]:
    """Find samples with a neighbour at less than half the distance of the fifth one, beyond chance.

    Returns the pairs, the intrinsic dimension, and the reason if the search was impossible.

    The neighbours of a point in a smooth density form a Poisson process. In intrinsic dimension k the ratio
    (d_j / d_5)^k of two neighbour distances follows Beta(j, 5 - j) for any density. Facco et al. 2017 use
    this and estimate k from the first two neighbours. Here k is fitted to the median of d_2 / d_5, since a
    few duplicates don't move a median. Features are centred by the median and scaled by the median absolute
    deviation. Distances are Euclidean, and only between samples of different subjects. The p values of all
    samples and neighbours are adjusted after Benjamini and Hochberg. Without duplicates this bounds the
    chance of any false find. With twenty duplicates the next one is easier to find.
    """
    chosen = _comparable(X)
    if chosen.sum() < FEATURES:
        return [], np.nan, Missing(why=Cause.FEW_FEATURES, needed=FEATURES)
    X = X[:, chosen]
    kept = np.flatnonzero(np.isnan(X).mean(axis=1) <= MISSING)
    owners = np.asarray(subjects, dtype=object)[kept]
    if len(set(owners.tolist())) < FEWEST:
        return [], np.nan, Missing(why=Cause.GAPS, needed=FEWEST)
    Z = _robust(X[kept])
    _, sizes = np.unique(owners.astype(str), return_counts=True)
    wanted = min(len(Z), FAR + int(sizes.max()))
    near, index = NearestNeighbors(n_neighbors=wanted).fit(Z).kneighbors(Z)
    other = owners[index] != owners[:, None]
    # The first five neighbours of other subjects.
    order = np.argsort(~other, axis=1, kind="stable")[:, :FAR]
    near, index = np.take_along_axis(near, order, axis=1), np.take_along_axis(index, order, axis=1)
    far = near[:, -1]
    ratios = near[:, :-1] / np.where(far > 0, far, 1)[:, None]  # (samples, 4)
    middle = float(np.median(ratios[:, 1]))
    if middle in (0.0, 1.0):
        return [], np.nan, Missing(why=Cause.FEW_FEATURES, needed=FEATURES)
    k = float(np.log(beta.median(2, FAR - 2)) / np.log(middle))
    ranks = np.arange(1, FAR)
    q = benjamini_hochberg(beta.cdf(ratios**k, ranks, FAR - ranks).ravel()).reshape(ratios.shape)
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for i, j in np.argwhere((q <= level) & (ratios <= NEAR)):
        a, b = int(kept[i]), int(kept[index[i, j]])
        pair = (min(a, b), max(a, b))
        found[pair] = min(found.get(pair, (np.inf, np.inf)), (float(ratios[i, j]), float(q[i, j])))
    return [Twins(samples[a], samples[b], ratio, q) for (a, b), (ratio, q) in sorted(found.items())], k, None


def _comparable(X: np.ndarray) -> np.ndarray:
    """Return the (features,) mask of features in which no value, or gap, is shared by many samples."""
    if len(X) == 0:
        return np.zeros(X.shape[1], dtype=bool)
    ordered = np.sort(X, axis=0)  # NaN last
    places = np.arange(len(X))[:, None]
    same = np.zeros(X.shape, dtype=bool)
    same[1:] = (ordered[1:] == ordered[:-1]) | np.isnan(ordered[1:]) & np.isnan(ordered[:-1])
    starts = np.maximum.accumulate(np.where(same, 0, places), axis=0)
    together = (places - starts + 1).max(axis=0)  # (features,) samples with the most common value
    comparable: np.ndarray = together <= max(1, TIED * len(X))
    return comparable


def _robust(X: np.ndarray) -> np.ndarray:
    centre = np.nanmedian(X, axis=0)
    filled = np.where(np.isnan(X), centre, X) - centre
    spread = np.median(np.abs(filled), axis=0) * 1.4826
    kept = spread > 0
    return np.asarray(np.clip(filled[:, kept] / spread[kept], -CLIP, CLIP))
