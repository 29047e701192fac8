"""Discovery subjects of a table, and their folds with one encoder each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Table, load_table
from cfdna_interp.attribution.samples import RoleSamples
from cfdna_interp.attribution.tabular.encoding import FeatureEncoder, fit_encoder
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.folds import folds_of
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.subjects import Subjects

SCORE = "score"  # column of ``obs`` with the logits of a foreign model


@dataclass(frozen=True, eq=False, kw_only=True)
class DiscoveryFeatures(RoleSamples):
    """The features of the discovery samples of a table.

    A subject counts once, with the average logit over its samples. The model is linear in the encoded
    columns, so this is the logit of the subject's average columns.

    Attributes
    ----------
    X
        (samples, features) of the model's groups, NaN where missing.
    features, groups
        (features,) names; group -> indices of its features.
    """

    X: np.ndarray
    features: tuple[str, ...]
    groups: dict[str, np.ndarray]

    @classmethod
    def of(cls, table: Table) -> DiscoveryFeatures:
        """Take the model's groups of a discovery table."""
        if table.labels is None:
            raise InputError("the discovery matrix has no labels; run the matrix stage again")
        columns = model_columns(table)
        owners = np.array([table.groups[column] for column in columns])
        samples = samples_of(table)
        return cls(
            samples=samples.samples,
            subjects=samples.subjects,
            codes=samples.codes,
            labels=samples.labels,
            scores=samples.scores,
            X=table.X[:, columns],
            features=tuple(table.names[column] for column in columns),
            groups={group: np.flatnonzero(owners == group) for group in table.model_groups},
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups."""
        return tuple(self.groups)

    @cached_property
    def averaging(self) -> csr_array:
        """Sparse (subjects, samples): each row averages the samples of a subject."""
        places = self.places
        share = 1 / np.bincount(places)[places]
        shape = (len(self.subject_labels), len(places))
        return csr_array((share, (places, np.arange(len(places)))), shape=shape)

    @property
    def logistic(self) -> bool:
        """Whether the model is fitted to labels; otherwise to the scores of a foreign model."""
        return self.scores is None

    @cached_property
    def targets(self) -> np.ndarray:
        """(subjects,) what the model is fitted to: labels, or logits."""
        if self.scores is None:
            return self.subject_labels.astype(np.float64)
        averaged: np.ndarray = self.averaging @ self.scores
        return averaged

    def chances(self, targets: np.ndarray) -> np.ndarray:
        """Return targets as probabilities, with which predictions are compared."""
        return targets if self.logistic else expit(targets)


def model_columns(table: Table) -> list[int]:
    """Return the indices of the columns that the model sees."""
    return [column for column, group in enumerate(table.groups) if group in table.model_groups]


def samples_of(table: Table) -> RoleSamples:
    """Return the samples of a table, with subjects coded in the order of their names."""
    scores = table.obs[SCORE].to_numpy(dtype=np.float64) if SCORE in table.obs else None
    return RoleSamples(
        samples=table.samples,
        subjects=table.subjects,
        codes=Subjects(table.subjects).index,
        labels=np.full(len(table.samples), -1) if table.labels is None else table.labels,
        scores=scores,
    )


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold.

    Attributes
    ----------
    encoder
        The encoder fitted on the training subjects.
    train, test
        Indices of subjects.
    Z
        (subjects, columns) all discovery subjects, encoded and averaged.
    """

    encoder: FeatureEncoder
    train: np.ndarray
    test: np.ndarray
    Z: np.ndarray


@dataclass(frozen=True, eq=False)
class FoldedFeatures:
    """A cohort with its folds. All refits use the same folds, since the encoders see no label.

    Attributes
    ----------
    cohort
        The subjects.
    folds
        One entry per fold.
    fold
        (subjects,) the fold in which each subject is tested.
    """

    cohort: DiscoveryFeatures
    folds: tuple[Fold, ...]
    fold: np.ndarray


def fold_cohort(cohort: DiscoveryFeatures, *, folds: int, seed: int) -> FoldedFeatures:
    """Divide subjects into folds, stratified by label, and fit an encoder in each.

    Raises
    ------
    InputError
        A class has fewer subjects than there are folds.
    """
    labels = cohort.subject_labels
    fold = folds_of(np.arange(len(labels)), labels, folds, stream(seed, "train"))
    parts = []
    for number in range(folds):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        rows = fold[cohort.places] != number
        random_state = int(stream(seed, "encoder", number).integers(2**31))
        encoder = fit_encoder(
            cohort.X[rows], cohort.averaging[train][:, rows], cohort.groups, random_state=random_state
        )
        parts.append(Fold(encoder, train, test, cohort.averaging @ encoder.encode(cohort.X)))
    return FoldedFeatures(cohort, tuple(parts), fold)


def load_folded(config: Config) -> FoldedFeatures:
    """Read the discovery matrix and fold it, the same way in every stage."""
    cohort = DiscoveryFeatures.of(load_table(Layout.of(config.outdir).matrix("discovery")))
    return fold_cohort(cohort, folds=config.model.folds, seed=config.seed)
