"""Steps of the proxy's pipeline that scikit-learn doesn't have, or only in a slow form."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import StandardScaler

from cfdna_interp.proxy.linear import log_parts

# Replacement of a zero, relative to the smallest part seen (Martín-Fernández et al. 2003).
UNSEEN = 0.65


class Impute(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replace a missing value by the feature's median, or by 0 if all are missing.

    It does the same as scikit-learn's ``SimpleImputer``, whose masked arrays take ten times as long.
    """

    def fit(self, X: np.ndarray, y: object = None) -> Impute:
        """Learn the medians of (samples, inputs), NaN where missing."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN slice")
            medians = np.nanmedian(X, axis=0)
        self.statistics_ = np.where(np.isnan(medians), 0.0, medians)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the inputs without missing values."""
        return np.where(np.isnan(X), self.statistics_, X)


class LogParts(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Take the logarithm of parts of a whole after replacing zeros; ``wholes`` as in ``basis.Basis``."""

    def __init__(self, wholes: tuple[tuple[int, ...], ...]) -> None:
        self.wholes = wholes

    def fit(self, X: np.ndarray, y: object = None) -> LogParts:
        """Learn the total of the parts and the replacement of a zero."""
        self.totals_, self.pseudo_ = [], []
        for whole in self.wholes:
            parts = X[:, list(whole)]
            total = float(parts.sum(axis=1).mean())
            seen = parts[parts > 0]
            # All zeros of a sample together get at most half of the whole.
            smallest = float(seen.min()) if len(seen) else total
            self.totals_.append(total)
            self.pseudo_.append(min(UNSEEN * smallest, total / (2 * len(whole))))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the inputs, with parts as logarithms."""
        result = np.array(X)
        for whole, total, pseudo in zip(self.wholes, self.totals_, self.pseudo_, strict=True):
            result[:, list(whole)] = log_parts(X[:, list(whole)], total, pseudo)
        return result


class Map(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Multiply by a fixed (outputs, inputs) matrix."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix

    def fit(self, X: np.ndarray, y: object = None) -> Map:
        """Learn nothing."""
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return (samples, outputs)."""
        return np.asarray(X @ self.matrix.T)


class BlockScaler(StandardScaler):  # type: ignore[misc]
    """Standardise, with one scale per block: the root of its columns' mean variance."""

    def __init__(self, *, blocks: np.ndarray, with_mean: bool = True) -> None:
        super().__init__(with_mean=with_mean)
        self.blocks = blocks

    def fit(self, X: np.ndarray, y: object = None) -> BlockScaler:
        """Learn mean and scale of (samples, columns)."""
        super().fit(X, y)
        size = np.bincount(self.blocks)
        shared = np.sqrt(np.bincount(self.blocks, self.var_) / np.where(size > 0, size, 1))[self.blocks]
        self.scale_ = np.where(shared > 0, shared, 1.0)
        return self


class Components(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keep the leading ``count`` directions of the unscaled columns, or all columns if there are no more.

    For centred columns these are the principal components. They are not scaled to equal variance, so a ridge
    penalty on them equals one on the columns.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def fit(self, X: np.ndarray, y: object = None) -> Components:
        """Learn the directions from (samples, columns)."""
        # n samples span n - 1 directions about their mean, and the solver gives fewer than there are columns.
        count = min(self.count, len(X) - 1)
        if count >= X.shape[1]:
            self.components_ = np.eye(X.shape[1])
        else:
            decomposition = TruncatedSVD(count, algorithm="arpack", random_state=0).fit(X)
            self.components_ = decomposition.components_
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return (samples, directions)."""
        return np.asarray(X @ self.components_.T)
