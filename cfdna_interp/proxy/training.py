"""What the discovery samples were like: levels of categories, and how far apart their features lie."""

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
# Of a standardised feature's variance: features that add up to a constant leave a direction without any.
SMALLEST = 1e-6


@dataclass(frozen=True, eq=False)
class Distance:
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
            distances = np.sqrt((along**2 / self.variances).sum(axis=1) + beside / self.noise)
        return np.asarray(np.nan_to_num(distances, nan=np.inf, posinf=np.inf))

    def record(self) -> TrainingDistance:
        """Return the numbers as ``proxy.json`` holds them."""
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
    """Fit the distance, and the limit that 99 of 100 training samples keep.

    The limit is the 99 % quantile of distances on folds of subjects that were left out of the fit: samples
    lie nearer to a centre and to directions that were fitted to themselves.

    Parameters
    ----------
    X
        (samples, features) raw features of at least 2 subjects, NaN where missing; each varies.
    subjects
        (samples,) names.
    rng
        Source of folds and of the starting directions.
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
    # Without spread in this fold a feature counts in its own unit.
    scale = np.where(scale > 0, scale, 1.0)
    Z = centred / scale
    n, p = Z.shape
    count = max(1, min(COMPONENTS, p, n // PER_COMPONENT, n - 1))
    # The exact solvers cost the cube of the smaller side; a table may have thousands of features.
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
    """Return the levels of categories among the discovery samples, sorted: how libraries were made and read.

    Technical columns that hold text, by name, and where the samples came as alignments ``dialect``,
    ``reads``, ``chemistry`` and ``library``. A column of which nothing is known is left out.

    Parameters
    ----------
    table
        The discovery table.
    layout
        Where the checked sheet and the quality records lie.
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
        cells["library"] = [quality.library.taken if quality.library else "" for quality in qualities]
        cells["reads"] = [sample.reads or "paired" for sample in samples]
        cells["chemistry"] = [sample.chemistry for sample in samples]
    levels = {name: tuple(sorted(set(values) - {""})) for name, values in cells.items()}
    return {name: known for name, known in sorted(levels.items()) if known}
