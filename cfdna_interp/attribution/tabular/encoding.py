"""The label-free encoder of a table: what a fold's training rows say about scale, gaps and leading axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

COMPONENTS = 128  # of a group


@dataclass(frozen=True, eq=False)
class Encoder:
    """Features of each group centred, scaled and turned into their principal axes.

    Groups are scaled to the same total variance (block scaling; Westerhuis, Kourti & MacGregor, J
    Chemometrics 12:301, 1998): by a ridge on features of variance 1 each, a group would count by the number
    of its columns, and of two groups that tell the same the one with more columns would get nearly all of
    it. The components keep their variances, so that a ridge on them is a ridge on the scaled features
    wherever no component is left out, and columns that say the same are one leading axis.

    Attributes
    ----------
    median, low, high
        (features,) what a missing value becomes, and the range of the training samples: a value beyond it
        counts as the furthest of them. A count that is 0 in all but one subject would else, in the fold where
        that subject is tested, be hundreds of standard deviations away and carry the whole attribution.
    mean, scale
        (features,) what is taken off and divided by; infinite for a column that doesn't vary.
    axes
        Group -> (its features, components).
    places
        Group -> places of its features.
    spans
        Group -> its part of the encoded columns.
    explained
        Group -> share of its variance that the components keep; 1 where nothing of it varies.
    """

    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    axes: dict[str, np.ndarray]
    places: dict[str, np.ndarray]
    spans: dict[str, slice]
    explained: dict[str, float]

    @property
    def dim(self) -> int:
        """Number of encoded columns."""
        return max((span.stop for span in self.spans.values()), default=0)

    def standardise(self, X: np.ndarray) -> np.ndarray:
        """Return (samples, features): filled, held to the range, centred and scaled."""
        filled = np.clip(np.where(np.isnan(X), self.median, X), self.low, self.high)
        scaled: np.ndarray = (filled - self.mean) / self.scale
        return scaled

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return (samples, encoded columns), groups side by side."""
        return self._turn(self.standardise(X))

    def per_feature(self, coefficient: np.ndarray) -> np.ndarray:
        """Return (features,) coefficients of standardised features from those of encoded columns."""
        result = np.zeros(len(self.median))
        for group, places in self.places.items():
            result[places] = self.axes[group] @ coefficient[self.spans[group]]
        return result

    def _turn(self, standard: np.ndarray) -> np.ndarray:
        encoded = np.empty((len(standard), self.dim))
        for group, places in self.places.items():
            encoded[:, self.spans[group]] = standard[:, places] @ self.axes[group]
        return encoded


def fit_encoder(
    X: np.ndarray, averaging: np.ndarray, groups: Mapping[str, np.ndarray], *, random_state: int
) -> Encoder:
    """Fit on a fold's training samples.

    Parameters
    ----------
    X
        (samples, features) of training subjects, NaN where missing.
    averaging
        Sparse (subjects, samples): a subject's row averages its samples, since it is subjects that the model
        is fitted on.
    groups
        Group -> places of its features.
    random_state
        Of the randomised decomposition of very wide groups.
    """
    gaps = np.isnan(X)
    median = np.zeros(X.shape[1])
    # A column with no value in this fold says nothing: 0 throughout.
    known = ~gaps.all(axis=0)
    median[known] = np.nanmedian(X[:, known], axis=0)
    filled = np.where(gaps, median, X)
    people = averaging @ filled
    mean, scale = people.mean(axis=0), people.std(axis=0)
    # What rounding leaves of a constant is no variation.
    scale = np.where(scale > 1e-12 * np.abs(mean), scale, np.inf)
    varying = {group: int(np.isfinite(scale[places]).sum()) for group, places in groups.items()}
    per_group = sum(varying.values()) / max(sum(count > 0 for count in varying.values()), 1)
    for group, places in groups.items():
        scale[places] *= np.sqrt(varying[group] / per_group) if varying[group] else 1.0
    standard = (people - mean) / scale
    axes, spans, explained, start = {}, {}, {}, 0
    for group, places in groups.items():
        axes[group], explained[group] = _axes(standard[:, places], random_state)
        spans[group] = slice(start, start + axes[group].shape[1])
        start = spans[group].stop
    return Encoder(
        median, filled.min(axis=0), filled.max(axis=0), mean, scale, axes, dict(groups), spans, explained
    )


def _axes(standard: np.ndarray, random_state: int) -> tuple[np.ndarray, float]:
    """Return (features, components), and the share of variance that they keep."""
    rows, features = standard.shape
    components = min(COMPONENTS, rows - 1, features)
    total = float((standard**2).sum())
    if components == features or total == 0:
        return np.eye(features, components), 1.0
    found = PCA(components, random_state=random_state).fit(standard)
    kept = float((found.singular_values_**2).sum()) / total
    return found.components_.T, min(kept, 1.0)
