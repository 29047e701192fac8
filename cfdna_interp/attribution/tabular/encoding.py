"""The label-free encoder of a table: scale, imputation and principal axes from a fold's training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from cfdna_interp.attribution.tabular.bends import Bends, fit_bends

COMPONENTS = 128  # of a group
BENT = 32  # of a group's bends, which carry less information each


@dataclass(frozen=True, eq=False)
class FeatureEncoder:
    """Features of each group, centred, scaled and rotated to their principal axes.

    Groups are scaled to the same total variance (block scaling; Westerhuis, Kourti & MacGregor, J
    Chemometrics 12:301, 1998). With a ridge penalty on features of variance 1 each, a group's weight would
    depend on its number of columns. Of two groups with the same information the one with more columns would
    get nearly all of it. The components keep their variances. If no component is left out, a ridge on them is
    therefore a ridge on the scaled features. Equal columns are one leading axis.

    Attributes
    ----------
    median, low, high
        (features,) imputed value, and the range of the training samples, to which values are clipped.
        Otherwise a count that is 0 in all but one subject would be hundreds of standard deviations away in
        the fold where that subject is tested, and would carry the whole attribution.
    mean, scale
        (features,) centre and divisor; the divisor is infinite for a constant column.
    axes
        Group -> (its features, components).
    bends, bent_axes
        One bend per feature (scaled to the same total variance by group), and group -> (its features,
        components of their bends).
    places
        Group -> places of its features.
    spans, bent
        Group -> its slice of the encoded columns, and the slice of its bends.
    breadth
        Group -> root of the number of its varying features over their mean number: the factor that would give
        every feature the same variance.
    explained
        Group -> share of its variance in the components; 1 if the group is constant.
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
        """Return (samples, features): imputed, clipped to the range, centred and scaled."""
        scaled: np.ndarray = (self._fill(X) - self.mean) / self.scale
        return scaled

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return (samples, encoded columns), group after group, each with its lines and then its bends."""
        filled = self._fill(X)
        return self._turn((filled - self.mean) / self.scale, self.bends.bend(filled))

    def by_feature(self, X: np.ndarray, coefficient: np.ndarray) -> np.ndarray:
        """Return (samples, features): what each feature adds to the logit by line and bend together.

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
        Sparse (subjects, samples): a subject's row averages its samples, since the model is fitted on
        subjects.
    groups
        Group -> places of its features.
    random_state
        Seed of the randomised decomposition of very wide groups.
    """
    gaps = np.isnan(X)
    median = np.zeros(X.shape[1])
    # A column without any value in this fold is set to 0.
    known = ~gaps.all(axis=0)
    median[known] = np.nanmedian(X[:, known], axis=0)
    filled = np.where(gaps, median, X)
    people = averaging @ filled
    mean, scale = people.mean(axis=0), people.std(axis=0)
    # A variation of this size in a constant is rounding.
    scale = np.where(scale > 1e-12 * np.abs(mean), scale, np.inf)
    bends = fit_bends(filled, averaging)
    varying = {group: int(np.isfinite(scale[places]).sum()) for group, places in groups.items()}
    per_group = sum(varying.values()) / max(sum(count > 0 for count in varying.values()), 1)
    breadth = {group: np.sqrt(count / per_group) if count else 1.0 for group, count in varying.items()}
    for group, places in groups.items():
        scale[places] *= breadth[group]
        # The bends of a group get the same variance as its lines.
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
    """Return (features, components) with at most ``most`` components, and their share of the variance."""
    rows, features = standard.shape
    components = min(most, rows - 1, features)
    total = float((standard**2).sum())
    if components == features or total == 0:
        return np.eye(features, components), 1.0
    pca = PCA(components, random_state=random_state).fit(standard)
    explained = float((pca.singular_values_**2).sum()) / total
    return pca.components_.T, min(explained, 1.0)
