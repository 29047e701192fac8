"""How far a sample lies from those that a proxy was fitted on: part of ``proxy.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class TrainingDistance:
    """Mahalanobis' distance under probabilistic principal components (Tipping and Bishop 1999).

    Features are standardised; their covariance is a few components and, in all other directions, one
    variance. Unlike the full covariance this exists for more features than samples.

    Attributes
    ----------
    mean, scale
        (features,) of the training samples; a missing feature is taken to be at its mean.
    components
        (components, features) orthonormal directions of standardised features.
    variances
        (components,) along them.
    noise
        Variance in each direction beside them.
    limit
        The distance that 99 of 100 training samples keep, measured on folds that the rest was not fitted on.
    """

    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    variances: np.ndarray
    noise: float
    limit: float = float("inf")

    def distances(self, X: np.ndarray) -> np.ndarray:
        """Return the (samples,) distances of (samples, features) raw features, NaN where missing.

        What is too far for float64 is infinitely far.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            Z = np.nan_to_num((X - self.mean) / self.scale, nan=0.0)
            along = Z @ self.components.T  # (samples, components)
            beside = np.maximum((Z**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
            found = np.sqrt((along**2 / self.variances).sum(axis=1) + beside / self.noise)
        return np.asarray(np.nan_to_num(found, nan=np.inf, posinf=np.inf))

    def record(self) -> dict[str, Any]:
        """Return the numbers for JSON."""
        return asdict(self)


def load_distance(record: Mapping[str, Any] | None) -> TrainingDistance | None:
    """Return what :meth:`TrainingDistance.record` gave; None for a proxy that has none.

    Raises
    ------
    KeyError, ValueError
        The record is not whole.
    """
    if record is None:
        return None
    arrays = {
        name: np.array(record[name], dtype=np.float64)
        for name in ("mean", "scale", "components", "variances")
    }
    if arrays["components"].shape != (len(arrays["variances"]), len(arrays["mean"])):
        raise ValueError("distance and features disagree")
    found = TrainingDistance(**arrays, noise=float(record["noise"]), limit=float(record["limit"]))
    sizes = (found.scale, found.variances, np.array([found.noise, found.limit]))
    if not all(np.isfinite(each).all() for each in arrays.values()) or not all((x > 0).all() for x in sizes):
        raise ValueError("distance without size")
    return found
