"""``proxy.json``: a frozen logistic regression as plain numbers, and what scoring a new sample needs.

The file travels to other machines and comes from other people, so that everything in it is checked.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from cfdna_interp.config.settings import Extract, Features, ProxySettings, Reference
from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.fidelity import ProxyFidelity
from cfdna_interp.records.values import Counts

Positive = Annotated[float, msgspec.Meta(gt=0)]
Place = Annotated[int, msgspec.Meta(ge=0)]
Numbers = tuple[float, ...]
Penalty = Literal["l2", "elasticnet", "l1"]


class Coefficient(Record, frozen=True, kw_only=True):
    """One feature of the regression.

    Attributes
    ----------
    name
        Its name.
    impute
        The training median, which takes the place of a missing value.
    mean, scale
        Mean and standard deviation among the discovery samples; for a part of a whole the standard deviation
        is that of its logarithm.
    coefficient
        Log odds per ``scale``.
    low, high
        The coefficient's 95 % bootstrap interval.
    per
        What ``scale`` is the standard deviation of: the feature, or its logarithm.
    """

    name: str
    impute: float
    mean: float
    scale: Positive
    coefficient: float
    low: float
    high: float
    per: Literal["SD", "SD of its logarithm"]


class Composition(Record, frozen=True, kw_only=True):
    """Features that are parts of one whole: they enter as logarithms.

    Attributes
    ----------
    inputs
        Places of the parts among the features, from 0.
    total
        What the parts of a sample add up to.
    pseudo
        What takes the place of a part that is zero.
    log_mean
        Mean logarithm of each part in the discovery samples.
    """

    inputs: tuple[Place, ...]
    total: Positive
    pseudo: Positive
    log_mean: Numbers

    def __post_init__(self) -> None:
        if len(self.log_mean) != len(self.inputs):
            raise ValueError("log_mean and inputs differ in length")


class OuterFold(Record, frozen=True, kw_only=True):
    """One outer fold of the nested cross-validation: its AUROC, and what the inner folds chose.

    Attributes
    ----------
    auroc
        AUROC among the subjects of the fold; null where it holds one class only.
    penalty
        The penalty that was chosen.
    C
        Its inverse strength.
    """

    auroc: float | None
    penalty: Penalty
    C: Positive


class NestedCrossValidation(Record, frozen=True, kw_only=True):
    """How the regression did on discovery subjects that it had not seen.

    Attributes
    ----------
    auroc_per_fold
        AUROC of the outer folds of the first division, which is the model's own; folds of one class are left
        out.
    mean
        Their mean; null where no fold holds both classes.
    repeats
        The outer folds of each division of the subjects.
    repeat_means
        The mean AUROC of each division.
    sd_of_repeats
        Standard deviation of these means; null where there is one division.
    """

    auroc_per_fold: Numbers
    mean: float | None
    repeats: tuple[tuple[OuterFold, ...], ...]
    repeat_means: tuple[float | None, ...]
    sd_of_repeats: float | None


class Frequency(Record, frozen=True, kw_only=True):
    """How often a feature was selected.

    Attributes
    ----------
    name
        The feature.
    frequency
        In what share of the halves it was selected.
    """

    name: str
    frequency: float


class Stability(Record, frozen=True, kw_only=True):
    """Which features come up again and again in halves of the discovery subjects.

    Attributes
    ----------
    pairs
        Number of pairs of disjoint halves of the subjects.
    per_half
        How many features each half selects: the first to enter an L1 path.
    threshold
        The frequency from which on a feature counts as selected.
    expected_false
        Upper bound of the expected number of selected features that halves select no more often than they
        would at random, per_half² / ((2·threshold - 1) · features), at most the number of features.
    selected
        Names of the selected features, most frequent first.
    features
        The frequency of each feature.
    """

    pairs: int
    per_half: int
    threshold: float
    expected_false: float
    selected: tuple[str, ...]
    features: tuple[Frequency, ...]


class TrainingDistance(Record, frozen=True, kw_only=True):
    """How far a sample lies from the discovery samples: Mahalanobis' distance on a few components.

    Attributes
    ----------
    mean, scale
        Mean and standard deviation of each feature among the discovery samples.
    components
        Orthonormal directions of standardised features, a row each.
    variances
        Variance along each direction.
    noise
        Variance in each direction beside them.
    limit
        The distance that 99 of 100 discovery samples keep, measured on folds that the rest was not fitted on.
    """

    mean: Numbers
    scale: tuple[Positive, ...]
    components: Annotated[tuple[Numbers, ...], msgspec.Meta(min_length=1)]
    variances: tuple[Positive, ...]
    noise: Positive
    limit: Positive

    def __post_init__(self) -> None:
        if len(self.scale) != len(self.mean) or any(len(row) != len(self.mean) for row in self.components):
            raise ValueError("mean, scale and components are of different numbers of features")
        if len(self.variances) != len(self.components):
            raise ValueError("components and variances differ in length")


class Regression(Record, frozen=True, kw_only=True):
    """The logistic regression on the dominant group's features, and what it is worth.

    The logit of x is ``intercept + Σ coefficient · (x - mean) / scale``, a missing x replaced by ``impute``
    first.

    Attributes
    ----------
    group
        The dominant group.
    n
        Discovery subjects that it was fitted on.
    features
        The features with their coefficients.
    intercept
        The logit of an average sample.
    C
        Inverse strength of the penalty, as in scikit-learn.
    recipe
        The settings it was fitted with, ``penalty`` being the one that was chosen and ``components`` the
        number that was kept; null where there were no more columns than that.
    compositions
        Features that are parts of a whole.
    draws
        Intercept and coefficients of refits on resampled subjects, a row each.
    cv
        How it did on discovery subjects that it had not seen.
    stability
        Which features come up again and again in halves of the discovery subjects.
    fidelity
        How far it says what the model says, on discovery subjects that neither saw.
    training_distance
        How far apart the discovery samples' features lie.
    """

    group: str
    n: Counts
    features: Annotated[tuple[Coefficient, ...], msgspec.Meta(min_length=1)]
    intercept: float
    C: Positive
    recipe: ProxySettings
    compositions: tuple[Composition, ...]
    draws: Annotated[tuple[Numbers, ...], msgspec.Meta(min_length=1)]
    cv: NestedCrossValidation
    stability: Stability
    fidelity: ProxyFidelity
    training_distance: TrainingDistance

    def __post_init__(self) -> None:
        count = len(self.features)
        if len({feature.name for feature in self.features}) < count:
            raise ValueError("features: two have the same name")
        if any(len(draw) != count + 1 for draw in self.draws):
            raise ValueError(f"draws: {count} features take rows of {count + 1} numbers")
        if any(place >= count for whole in self.compositions for place in whole.inputs):
            raise ValueError("compositions: a place is beyond the last feature")
        if len(self.training_distance.mean) != count:
            raise ValueError("training_distance: it is of another number of features")


class ExtractionSettings(Record, frozen=True, kw_only=True):
    """Sections of the run's config that extraction needs; paths are relative to the folder of the proxy.

    Attributes
    ----------
    seed
        Seed of the run.
    atlas
        The methylation atlas, null where there is none.
    reference, extract, features
        The sections of these names; see ``config/config.yaml``.
    """

    seed: Annotated[int, msgspec.Meta(ge=0, le=4_294_967_295)]
    atlas: str | None
    reference: Reference
    extract: Extract
    features: Features


# Why there is no proxy.
Obstacle = Literal["no group is dominant", "no feature varies", "the penalty leaves no feature"]


class Proxy(ResultFile, frozen=True, kw_only=True):
    """The proxy, or what stood in its way.

    Attributes
    ----------
    regression
        The regression on the dominant group's features; null where there is no proxy.
    obstacle
        Why there is no proxy; null where there is one.
    training_range
        Name -> lowest and highest value in the discovery samples, of technical columns and of the
        fragment-length mode.
    training_levels
        Name -> levels among the discovery samples, of categories: how libraries were made and read.
    settings
        What extraction needs to score a new sample.
    simulated
        Whether the discovery alignments were made by the simulator.
    """

    FILE: ClassVar[str] = "proxy.json"
    STAGE: ClassVar[str] = "proxy"
    FORMAT: ClassVar[int] = 2

    regression: Regression | None
    obstacle: Obstacle | None
    training_range: dict[str, tuple[float, float]]
    training_levels: dict[str, tuple[str, ...]]
    settings: ExtractionSettings
    simulated: bool
