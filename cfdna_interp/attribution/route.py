"""What the stages ask of a model, whether it is fitted to bags of fragments or to a table of features."""

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
    """Return score name -> groups present: all, each left out, each alone, none."""
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
        """(held-out samples,) logits, the mean over all folds' models."""

    def save(self, layout: Layout) -> None:
        """Write the model, or what it is made of."""


@dataclass(frozen=True, eq=False)
class RefitStack:
    """Refits of one kind, and what they rest on.

    Attributes
    ----------
    kind, numbers
        ``bootstrap`` or ``permutation``, and the number of each refit.
    contributions
        A row a subject, with an axis of refits unless there is one refit only.
    weights
        (..., subjects) how often each subject was drawn.
    targets
        (..., subjects) what the model was to predict, as probabilities.
    """

    kind: str
    numbers: tuple[int, ...]
    contributions: Contributions
    weights: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelExplanation:
    """What the predictions of the model rest on, before the rule.

    Attributes
    ----------
    contributions
        Of the model, a row a discovery subject.
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
    """Where features come from and how models are fitted to them."""

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
        """Fit the model to these groups; folds and starts are the same for every subset."""

    def rivals(self, logits: Mapping[str, np.ndarray]) -> tuple[Rival, ...]:
        """Compare the model with plainer ones, by score name -> (subjects,) cross-fitted logits."""

    def refits(self, chunk: int) -> list[RefitStack]:
        """Fit the refits of a chunk, and write what later stages need of their models."""

    def explanation(self) -> ModelExplanation:
        """Attribute the predictions of the saved model."""


def load_route(config: Config) -> Route:
    """Return the route of a run's cohort: bags of fragments, or a table of features."""
    # One of the two: the route of fragments needs torch, that of tables only where Captum walks the orders.
    if config.features.table is None:
        from cfdna_interp.attribution.bag_route import BagRoute

        return BagRoute(config)
    from cfdna_interp.attribution.tabular.table_route import TableRoute

    return TableRoute(config)
