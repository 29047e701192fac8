"""``retraining.json``: the model, and models retrained without or with single feature groups."""

from __future__ import annotations

from typing import ClassVar

from cfdna_interp.records.base import Record, ResultFile


class SurrogateFidelity(Record, frozen=True, kw_only=True):
    """How well a surrogate's cross-fitted logits follow a foreign model's, over discovery subjects.

    Attributes
    ----------
    correlation
        Pearson's correlation of the logits; 0 where the surrogate says the same of everybody.
    r2
        Share of the variance of the model's logits that the surrogate's explain as they stand: 1 minus the
        mean squared difference over the variance. It is negative where they are worse than the mean.
    rank
        Spearman's correlation.
    n
        Number of subjects.
    low, high
        95 % bootstrap interval of ``correlation``, over subjects.
    rank_low, rank_high
        95 % bootstrap interval of ``rank``, over subjects.
    saturated
        Number of subjects with a probability of 0 or 1 in one of their samples.
    judged, judged_low
        What the rule reads, and its lower bound: those of ``correlation``, or of ``rank`` where any subject
        is saturated.
    """

    correlation: float
    r2: float
    rank: float
    n: int
    low: float
    high: float
    rank_low: float
    rank_high: float
    saturated: int
    judged: float
    judged_low: float


class SubsetFidelity(Record, frozen=True, kw_only=True):
    """How well a surrogate that was retrained on a subset of the groups follows the foreign model.

    Attributes
    ----------
    correlation, rank, r2, judged
        As in ``fidelity``.
    """

    correlation: float
    rank: float
    r2: float
    judged: float


class Rival(Record, frozen=True, kw_only=True):
    """A plainer model beside the model of a table, on the same discovery subjects and folds.

    Attributes
    ----------
    name
        ``model_only_<group>``, or ``plain``: a ridge regression on all standardised features.
    auroc
        Its cross-fitted AUROC, the mean over folds.
    difference, low, high
        Its AUROC less the model's, with an interval over bootstraps of subjects. The intervals of all rivals
        together hold at 95 %.
    n
        Number of subjects.
    """

    name: str
    auroc: float
    difference: float
    low: float
    high: float
    n: int


class Retraining(ResultFile, frozen=True, kw_only=True):
    """What the model reaches in discovery, and what it reaches on subsets of the feature groups.

    Attributes
    ----------
    cross_fitted_auroc
        Score -> cross-fitted AUROC, the mean over folds. Scores are ``model``, ``model_without_<group>``,
        ``model_only_<group>`` and ``model_only_context``, in which every group is taken out.
    within_class_correlation
        ``first:second`` -> correlation, among subjects of one label, of what the models on either group
        alone say.
    rivals
        Plainer models; empty for alignments and for a foreign model.
    fidelity
        How well the surrogate follows a foreign model; null for a model that was made here.
    cross_fitted_fidelity
        Score, as in ``cross_fitted_auroc`` -> how well the surrogate and its subsets follow the foreign
        model; null for a model that was made here.
    """

    FILE: ClassVar[str] = "retraining.json"
    STAGE: ClassVar[str] = "train"

    cross_fitted_auroc: dict[str, float]
    within_class_correlation: dict[str, float]
    rivals: tuple[Rival, ...]
    fidelity: SurrogateFidelity | None
    cross_fitted_fidelity: dict[str, SubsetFidelity] | None
