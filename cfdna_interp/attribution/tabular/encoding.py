"""The label-free encoder of a table: what a fold's training rows say about scale, gaps and leading axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from cfdna_interp.attribution.tabular.bends import Bends, fit_bends

COMPONENTS = 128  # of a group
BENT = 32  # of a group's bends, which tell less each


@dataclass(frozen=True, eq=False)
class FeatureEncoder:
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
    bends, bent_axes
        One bend a feature (scaled to the same total variance by group), and group -> (its features,
        components of their bends).
    places
        Group -> places of its features.
    spans, bent
        Group -> its part of the encoded columns, and the part of them that holds its bends.
    breadth
        Group -> root of the number of its varying features over their mean number: what groups would have to
        be multiplied with for every feature to have a variance of 1.
    explained
        Group -> share of its variance that the components keep; 1 where nothing of it varies.
    """

    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    axes: dict[str, np.ndarray]
    bends: Bends
    bent_axes: dict[str, np.ndarray]
    places: dict[str, np.ndarray]
    spans: dict[str, slice]
    bent: dict[str, slice]
    breadth: dict[str, float]
    explained: dict[str, float]

    @property
    def dim(self) -> int:
        """Number of encoded columns."""
        return max((span.stop for span in self.spans.values()), default=0)

    def standardise(self, X: np.ndarray) -> np.ndarray:
        """Return (samples, features): filled, held to the range, centred and scaled."""
        scaled: np.ndarray = (self._fill(X) - self.mean) / self.scale
        return scaled

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return (samples, encoded columns), groups side by side, each as its lines and its bends."""
        filled = self._fill(X)
        return self._turn((filled - self.mean) / self.scale, self.bends.bend(filled))

    def by_feature(self, X: np.ndarray, coefficient: np.ndarray) -> np.ndarray:
        """Return (samples, features) what single features add to the logit: line and bend together.

        Parameters
        ----------
        X
            (samples, features).
        coefficient
            (encoded columns,).
        """
        filled = self._fill(X)
        line, bend = np.zeros(len(self.median)), np.zeros(len(self.median))
        for group, places in self.places.items():
            straight = slice(self.spans[group].start, self.bent[group].start)
            line[places] = self.axes[group] @ coefficient[straight]
            bend[places] = self.bent_axes[group] @ coefficient[self.bent[group]]
        added: np.ndarray = (filled - self.mean) / self.scale * line + self.bends.bend(filled) * bend
        return added

    def _fill(self, X: np.ndarray) -> np.ndarray:
        return np.clip(np.where(np.isnan(X), self.median, X), self.low, self.high)

    def _turn(self, lines: np.ndarray, bends: np.ndarray) -> np.ndarray:
        encoded = np.empty((len(lines), self.dim))
        for group, places in self.places.items():
            straight = slice(self.spans[group].start, self.bent[group].start)
            encoded[:, straight] = lines[:, places] @ self.axes[group]
            encoded[:, self.bent[group]] = bends[:, places] @ self.bent_axes[group]
        return encoded


def fit_encoder(
    X: np.ndarray, averaging: np.ndarray, groups: Mapping[str, np.ndarray], *, random_state: int
) -> FeatureEncoder:
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
    bends = fit_bends(filled, averaging)
    varying = {group: int(np.isfinite(scale[places]).sum()) for group, places in groups.items()}
    per_group = sum(varying.values()) / max(sum(count > 0 for count in varying.values()), 1)
    breadth = {group: np.sqrt(count / per_group) if count else 1.0 for group, count in varying.items()}
    for group, places in groups.items():
        scale[places] *= breadth[group]
        # The bends of a group have the variance that its lines have.
        bending = int(np.isfinite(bends.scale[places]).sum())
        bends.scale[places] *= np.sqrt(bending / per_group) if bending else 1.0
    standard, bent_people = (people - mean) / scale, averaging @ bends.bend(filled)
    axes, bent_axes, spans, bent, explained, start = {}, {}, {}, {}, {}, 0
    for group, places in groups.items():
        axes[group], explained[group] = _axes(standard[:, places], COMPONENTS, random_state)
        bent_axes[group], _ = _axes(bent_people[:, places], BENT, random_state)
        turn = start + axes[group].shape[1]
        spans[group] = slice(start, turn + bent_axes[group].shape[1])
        bent[group] = slice(turn, spans[group].stop)
        start = spans[group].stop
    return FeatureEncoder(
        median=median,
        low=filled.min(axis=0),
        high=filled.max(axis=0),
        mean=mean,
        scale=scale,
        axes=axes,
        bends=bends,
        bent_axes=bent_axes,
        places=dict(groups),
        spans=spans,
        bent=bent,
        breadth=breadth,
        explained=explained,
    )


def _axes(standard: np.ndarray, most: int, random_state: int) -> tuple[np.ndarray, float]:
    """Return (features, components), at most ``most`` of them, and the share of variance that they keep."""
    rows, features = standard.shape
    components = min(most, rows - 1, features)
    total = float((standard**2).sum())
    if components == features or total == 0:
        return np.eye(features, components), 1.0
    found = PCA(components, random_state=random_state).fit(standard)
    kept = float((found.singular_values_**2).sum()) / total
    return found.components_.T, min(kept, 1.0)
