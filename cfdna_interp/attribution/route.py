"""The interface of a model to the stages, for models of bags of fragments and of tables of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.samples import RoleSamples
from cfdna_interp.config import Config
from cfdna_interp.records.attribution_notes import (
    InterventionName,
    Matching,
    RandomisedDepth,
    ReferenceName,
)
from cfdna_interp.records.dominance import Diagnostics, GradientShares, InterventionShares, ShareStability
from cfdna_interp.records.retraining import Rival

ALONE = "model_only_"


def subsets_of(groups: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return score name -> present groups: all, all but one, each alone, none."""
    return {
        "model": tuple(groups),
        **{f"model_without_{group}": tuple(g for g in groups if g != group) for group in groups},
        **{ALONE + group: (group,) for group in groups},
        f"{ALONE}context": (),
    }


class SubsetModel(Protocol):
    """The model under study, fitted to some of the groups and cross-fitted over discovery subjects."""

    @property
    def fold(self) -> np.ndarray:
        """(subjects,) the fold in which a subject is tested."""

    @property
    def logits(self) -> np.ndarray:
        """(samples, bags) logits of discovery samples, from models that never saw the subject."""

    @property
    def subject_logits(self) -> np.ndarray:
        """(subjects,) logits of discovery subjects, from models that never saw them."""

    @property
    def heldout_logits(self) -> np.ndarray:
        """(held-out samples,) logits, averaged over the models of all folds."""

    def save(self, layout: Layout) -> None:
        """Write the model or a description of it."""


@dataclass(frozen=True, eq=False)
class RefitStack:
    """Refits of one kind, with their contributions.

    Attributes
    ----------
    kind, numbers
        ``bootstrap`` or ``permutation``, and the number of each refit.
    contributions
        One row per subject, with an axis of refits unless there is a single refit.
    weights
        (..., subjects) how often each subject was drawn.
    targets
        (..., subjects) what the model had to predict, as probabilities.
    """

    kind: str
    numbers: tuple[int, ...]
    contributions: Contributions
    weights: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelExplanation:
    """What the predictions of the model rest on, before the rule is applied.

    Attributes
    ----------
    contributions
        Contributions of the model, one row per discovery subject.
    targets
        (subjects,) what the model was to predict, as probabilities.
    fold
        (subjects,) the fold in which a subject is tested.
    draws
        (draws, subjects) how often bootstraps draw each subject, within each class.
    donors
        Number of donor pools.
    coalitions
        ``coalitions.parquet``.
    tables
        Name of a further file -> its table.
    interventions, stability, not_applicable, matching, diagnostics, gradients, randomised
        As in ``records.dominance.Dominance``.
    """

    contributions: Contributions
    targets: np.ndarray
    fold: np.ndarray
    draws: np.ndarray
    donors: int
    coalitions: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    interventions: tuple[InterventionShares, ...]
    stability: ShareStability
    not_applicable: dict[InterventionName | ReferenceName, str]
    matching: Matching | None = None
    diagnostics: tuple[Diagnostics, ...] = field(default=())
    gradients: GradientShares | None = None
    randomised: tuple[RandomisedDepth, ...] = field(default=())


class Route(Protocol):
    """The source of features and the fitting of models to them."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the feature groups that the model sees."""

    @property
    def score_setting(self) -> str:
        """The setting that names the scores of a foreign model."""

    @property
    def discovery(self) -> RoleSamples:
        """The discovery samples."""

    @property
    def heldout(self) -> RoleSamples:
        """The held-out samples, without labels."""

    def fit(self, present: tuple[str, ...]) -> SubsetModel:
        """Fit the model to these groups, with the same folds and starts for every subset."""

    def rivals(self, logits: Mapping[str, np.ndarray]) -> tuple[Rival, ...]:
        """Compare the model with simpler ones, from score name -> (subjects,) cross-fitted logits."""

    def refits(self, chunk: int) -> list[RefitStack]:
        """Fit the refits of a chunk, and write those of their models that later stages need."""

    def explanation(self) -> ModelExplanation:
        """Attribute the predictions of the saved model."""


def load_route(config: Config) -> Route:
    """Return the route of a run's cohort: bags of fragments, or a table of features."""
    # Only one of the two is imported, because the route of fragments needs torch.
    if config.features.table is None:
        from cfdna_interp.attribution.bag_route import BagRoute

        return BagRoute(config)
    from cfdna_interp.attribution.tabular.table_route import TableRoute

    return TableRoute(config)
