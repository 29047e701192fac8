"""``model.json``: the model of a run from a table, a regression of labels or of a foreign model's scores."""

from __future__ import annotations

from typing import ClassVar, Literal

from cfdna_interp.records.base import Record, ResultFile


class ModelGroup(Record, frozen=True, kw_only=True):
    """What the regression reads of one feature group.

    Features are centred, scaled (each, then the group), and replaced by at most 128 principal components,
    their bends by at most 32, fitted without labels inside each fold. Missing values take the fold's median;
    a value beyond the range of the fold's training samples counts as the furthest of them.

    Attributes
    ----------
    features
        Number of columns.
    weight
        By fold, what the group's columns are multiplied with; 1 is the equal share.
    components
        By fold, number of principal components.
    explained
        By fold, the share of the group's variance that they keep.
    missing
        Role -> share of missing cells.
    """

    features: int
    weight: tuple[float, ...]
    components: tuple[int, ...]
    explained: tuple[float, ...]
    missing: dict[str, float]


class TableModel(ResultFile, frozen=True, kw_only=True):
    """The model under study of a run from a table, or the surrogate of one that is known by its scores.

    Attributes
    ----------
    kind
        ``logistic``: a regression of the labels, made here. ``scores``: a surrogate, a regression of a
        foreign model's logits.
    consumes
        Feature groups that it reads.
    dim
        Inputs of the regression, of the fold with most.
    folds
        Number of folds.
    penalty
        By fold, the penalty on the squared coefficients.
    weighting
        By fold, how groups are weighed: ``equal``, ``a third by columns``, ``two thirds by columns``,
        ``by columns``, or the group that is put behind.
    basis
        By fold, whether features bend, the same for all groups.
    groups
        Feature group -> what the regression reads of it.
    """

    FILE: ClassVar[str] = "model.json"
    STAGE: ClassVar[str] = "train"

    kind: Literal["logistic", "scores"]
    consumes: tuple[str, ...]
    dim: int
    folds: int
    penalty: tuple[float, ...]
    weighting: tuple[str, ...]
    basis: tuple[Literal["linear", "splines"], ...]
    groups: dict[str, ModelGroup]
