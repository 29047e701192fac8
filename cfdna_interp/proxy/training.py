"""Description of the discovery samples: levels of categories, and the distance between their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.decomposition import PCA

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import TECHNICAL, Table
from cfdna_interp.artifacts.sheet import load_samples
from cfdna_interp.records.base import load_record
from cfdna_interp.records.proxy import TrainingDistance
from cfdna_interp.records.qc import SampleQuality
from cfdna_interp.stats.subjects import Subjects

COMPONENTS = 10
PER_COMPONENT = 5  # samples
FOLDS = 5
WITHIN = 0.99
# Smallest variance of a direction, relative to a standardised feature. Features that add up to a constant
# have a direction without variance.
SMALLEST = 1e-6


@dataclass(frozen=True, eq=False)
class Distance:
    """Mahalanobis distance under probabilistic principal components (Tipping and Bishop 1999).

    Features are standardised. Their covariance has a few components and one common variance in all other
    directions. Unlike the full covariance it is invertible with more features than samples.

    Attributes
    ----------
    mean, scale
        (features,) mean and standard deviation of the training samples; a missing feature takes its mean.
    components
        (components, features) orthonormal directions of standardised features.
    variances
        (components,) variances along the directions.
    noise
        Variance in each other direction.
    limit
        The 99 % quantile of the training samples' distances, measured on folds outside the fit.
    """

    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    variances: np.ndarray
    noise: float
    limit: float = float("inf")

    def distances(self, X: np.ndarray) -> np.ndarray:
        """Return the (samples,) distances of (samples, features) raw features, NaN where missing.

        A distance that float64 can't hold is infinite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            Z = np.nan_to_num((X - self.mean) / self.scale, nan=0.0)
            along = Z @ self.components.T  # (samples, components)
            beside = np.maximum((Z**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
            distances = np.sqrt((along**2 / self.variances).sum(axis=1) + beside / self.noise)
        return np.asarray(np.nan_to_num(distances, nan=np.inf, posinf=np.inf))

    def record(self) -> TrainingDistance:
        """Return the numbers as a record of ``proxy.json``."""
        return TrainingDistance(
            mean=tuple(self.mean.tolist()),
            scale=tuple(self.scale.tolist()),
            components=tuple(map(tuple, self.components.tolist())),
            variances=tuple(self.variances.tolist()),
            noise=float(self.noise),
            limit=float(self.limit),
        )


def distance_of(record: TrainingDistance) -> Distance:
    """Return the numbers of ``proxy.json`` as arrays."""
    return Distance(
        mean=np.array(record.mean),
        scale=np.array(record.scale),
        components=np.array(record.components),
        variances=np.array(record.variances),
        noise=record.noise,
        limit=record.limit,
    )


def training_distance(X: np.ndarray, subjects: Sequence[str], rng: np.random.Generator) -> Distance:
    """Fit the distance and its limit, the 99 % quantile of training samples.

    The distances for the limit are measured on folds of subjects outside the fit, because samples are nearer
    to a centre and directions that were fitted to them.

    Parameters
    ----------
    X
        (samples, features) raw features of at least 2 subjects, none of them constant; NaN where missing.
    subjects
        (samples,) names.
    rng
        Source of randomness of folds and starting directions.
    """
    people = Subjects(np.asarray(subjects, dtype=str))
    folds = min(FOLDS, len(people))
    fold = rng.permutation(np.arange(len(people)) % folds)[people.index]
    seed = int(rng.integers(2**31))
    held = np.empty(len(X))
    for number in range(folds):
        held[fold == number] = _fit(X[fold != number], seed).distances(X[fold == number])
    return replace(_fit(X, seed), limit=float(np.quantile(held, WITHIN)))


def _fit(X: np.ndarray, seed: int) -> Distance:
    measured = ~np.isnan(X)
    counts = np.maximum(measured.sum(axis=0), 1)
    mean = np.where(measured, X, 0.0).sum(axis=0) / counts
    centred = np.where(measured, X - mean, 0.0)
    scale = np.sqrt((centred**2).sum(axis=0) / counts)
    # A feature that is constant in this fold keeps its own unit.
    scale = np.where(scale > 0, scale, 1.0)
    Z = centred / scale
    n, p = Z.shape
    count = max(1, min(COMPONENTS, p, n // PER_COMPONENT, n - 1))
    # The cost of exact solvers grows with the cube of the smaller side, and a table may have thousands of
    # features.
    solver = "full" if min(n, p) <= 500 else "randomized"
    pca = PCA(n_components=count, svd_solver=solver, random_state=seed).fit(Z)
    total = float(Z.var(axis=0, ddof=1).sum())
    beside = (total - float(pca.explained_variance_.sum())) / max(p - count, 1)
    return Distance(
        mean=mean,
        scale=scale,
        components=pca.components_,
        variances=np.maximum(pca.explained_variance_, SMALLEST),
        noise=max(beside, SMALLEST),
    )


def training_levels(table: Table, layout: Layout) -> dict[str, tuple[str, ...]]:
    """Return the sorted levels of categories of the discovery samples: how libraries were made and read.

    These are text technical columns by name, and for alignments ``dialect``, ``reads``, ``chemistry`` and
    ``library``. A column without any known value is left out.

    Parameters
    ----------
    table
        The discovery table.
    layout
        Paths of the checked sheet and the quality records.
    """
    cells = {
        name.removeprefix(TECHNICAL): table.text(name)
        for name in table.technical_columns()
        if table.obs[name].dtype.kind not in "iuf"
    }
    sheet = layout.samples("discovery")
    known = set(table.samples)
    listed = load_samples(sheet) if sheet.is_file() else []
    samples = [sample for sample in listed if sample.sample in known]
    records = [layout.qc(sample.sample) for sample in samples]
    if records and all(path.is_file() for path in records):
        qualities = [load_record(SampleQuality, path) for path in records]
        cells["dialect"] = [quality.dialect for quality in qualities]
        cells["reads"] = [quality.reads for quality in qualities]
        cells["library"] = [quality.library.taken if quality.library else "" for quality in qualities]
        cells["chemistry"] = [sample.chemistry for sample in samples]
    levels = {name: tuple(sorted(set(values) - {""})) for name, values in cells.items()}
    return {name: known for name, known in sorted(levels.items()) if known}
