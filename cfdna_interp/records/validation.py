"""``validation.json``: what the held-out labels say about the frozen scores."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.dominance import Role
from cfdna_interp.records.fidelity import ProxyFidelity
from cfdna_interp.records.missing import Missing
from cfdna_interp.records.openings import Opening
from cfdna_interp.records.values import Auroc, AurocDifference, Counts, Interval, IntervalBy

# The two scores that a reader may want to use; the others are there to be compared with.
MAIN = ("model", "proxy")


class HeldoutCalibration(Record, frozen=True, kw_only=True):
    """How predicted and observed chances agree.

    Attributes
    ----------
    slope, intercept
        Of the logistic regression of the label on the logit; 1 and 0 are perfect, a slope below 1 means
        predictions that are too extreme. Null, with the reason as their method, where they do not exist.
    in_the_large
        The intercept where the slope is held at 1. 0 is perfect; below 0 cases are fewer than predicted.
    """

    slope: IntervalBy
    intercept: IntervalBy
    in_the_large: IntervalBy


class Sensitivity(Record, frozen=True, kw_only=True):
    """Share of cases above the threshold that holds a share of the controls at or below it.

    Attributes
    ----------
    specificity
        The wanted share of controls.
    threshold
        The logit above which a subject is called positive; null where there are too few controls.
    specificity_seen
        Share of controls at or below the threshold; null as above.
    sensitivity
        Share of cases above it; null as above.
    missing
        Why there is none, null where there is.
    """

    specificity: float
    threshold: float | None
    specificity_seen: float | None
    sensitivity: IntervalBy | None
    missing: Missing | None


class EitherWay(Interval, frozen=True, kw_only=True):
    """The AUROC of a score whichever way it points: the larger of a and 1 - a.

    A regression on technical columns may point the other way in other people and tell the label all the same.

    Attributes
    ----------
    value
        max(a, 1 - a).
    low, high
        Its 95 % interval, not below .5; null for a score that is the same for everybody.
    turned
        Whether the score points away from the cases.
    null_high
        95 % quantile of the same under permuted labels.
    p
        (1 + permutations that reach the value) / (1 + permutations).
    """

    value: float
    turned: bool
    null_high: float
    p: float


class HeldoutScore(Record, frozen=True, kw_only=True):
    """One frozen score on the held-out subjects.

    Attributes
    ----------
    auroc
        Its AUROC.
    auroc_caution
        A sentence where the interval may be too narrow, else "".
    auprc
        Area under the precision-recall curve; chance is the share of cases.
    brier
        Brier score.
    calibration
        How predicted and observed chances agree.
    at_specificity
        The sensitivity at each wanted specificity.
    directionless
        Of ``baseline_technical`` alone: its AUROC whichever way it points. ``auroc`` stays as it was fitted.
    """

    auroc: Auroc
    auroc_caution: str
    auprc: float
    brier: float
    calibration: HeldoutCalibration
    at_specificity: tuple[Sensitivity, ...]
    directionless: EitherWay | None


class Permutation(Record, frozen=True, kw_only=True):
    """The test of a score's AUROC against permuted labels.

    Attributes
    ----------
    score
        Which score.
    p
        One-sided p value.
    n
        Number of permutations.
    """

    score: str
    p: float
    n: int


class PairedDifference(AurocDifference, frozen=True, kw_only=True):
    """AUROC of score ``a`` minus AUROC of score ``b`` on the same subjects.

    Attributes
    ----------
    method
        How bounds and test were made.
    a, b
        The scores.
    p_holm
        p adjusted within a family: the model (or its surrogate) against itself without each group, the model
        against the proxy, the proxy against each other baseline, the model against each baseline.
    better
        The score that is better with ``p_holm`` of at most .05, "" where the two are not told apart.
    turned
        Whether ``b`` points away from the cases and was turned round.
    detectable
        The smallest true difference that this cohort finds with a power of 80 % (two-sided 5 %); null where
        the scores never disagree.
    """

    value: float
    low: float
    high: float
    low_one_sided: float
    high_one_sided: float
    p: float
    a: str
    b: str
    p_holm: float
    better: str
    turned: bool
    detectable: float | None


class SmoothCurve(Record, frozen=True, kw_only=True):
    """A smooth calibration curve with its pointwise 95 % band.

    Attributes
    ----------
    predicted, observed, low, high
        Probabilities from the lowest prediction to the highest; empty where there is no curve.
    method
        How it was made.
    missing
        Why there is none, null where there is.
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    method: str
    missing: Missing | None


class Subgroup(Record, frozen=True, kw_only=True):
    """The score among the subjects of one group.

    Attributes
    ----------
    group
        A site, a sex, or the ages from lowest to highest.
    case, control
        Subjects in it.
    auroc
        The AUROC; null where there are too few of a class.
    missing
        Why there is none, null where there is.
    """

    group: str
    case: int
    control: int
    auroc: Auroc | None
    missing: Missing | None


class Untested(Record, frozen=True, kw_only=True):
    """A group that has an AUROC and can't enter the test of one AUROC in all groups.

    Attributes
    ----------
    group
        Its name.
    missing
        Why not.
    """

    group: str
    missing: Missing


class Interaction(Record, frozen=True, kw_only=True):
    """Cochran's test of one AUROC in all groups.

    Attributes
    ----------
    statistic, df, p
        Q, its degrees of freedom and its p value.
    groups, n
        How many groups the test is of, and their subjects.
    p_holm
        p adjusted over the divisions.
    """

    statistic: float
    df: int
    p: float
    groups: int
    n: int
    p_holm: float


class Division(Record, frozen=True, kw_only=True):
    """The held-out subjects divided by site, by sex or into thirds of their ages.

    Attributes
    ----------
    by
        What divides them.
    groups
        The groups.
    unknown
        Subjects of whom it is not known.
    interaction
        The test of one AUROC in all groups; null where ``missing`` says why there is none.
    left_out
        Groups with an AUROC that the test can't use.
    missing
        Why there is no test, null where there is.
    """

    by: Literal["site", "sex", "age"]
    groups: tuple[Subgroup, ...]
    unknown: int
    interaction: Interaction | None
    left_out: tuple[Untested, ...]
    missing: Missing | None


class Detectable(Record, frozen=True, kw_only=True):
    """What the cohort can show at all.

    Attributes
    ----------
    auroc
        The smallest AUROC that is told from .5; null where no AUROC is.
    power, alpha
        With this power, in a two-sided test at this level.
    """

    auroc: float | None
    power: float
    alpha: float


class SurrogateLosses(Record, frozen=True, kw_only=True):
    """What the surrogate of a foreign model loses when it is retrained without a group.

    Attributes
    ----------
    n
        Held-out subjects.
    saturated
        How many of them have a probability of 0 or 1.
    measure
        ``rank correlation`` where any is saturated.
    follows
        That correlation of the surrogate with the model, with its 95 % interval over subjects.
    losses
        Feature group -> drop of the squared correlation, with its 95 % interval over subjects.
    """

    n: int
    saturated: int
    measure: Literal["correlation", "rank correlation"]
    follows: Interval
    losses: dict[str, Interval]


class Repetition(StrEnum):
    """What the held-out subjects make of what discovery said."""

    HOLDS = "holds"
    WEAKER = "weaker"
    REVERSED = "reversed"
    NOT_TOLD = "not told"
    # Discovery said nothing that could be repeated.
    NO_CLAIM = "no claim"


class InBothRoles(Record, frozen=True, kw_only=True):
    """A score's AUROC in discovery and held out.

    Attributes
    ----------
    discovery
        Cross-fitted AUROC, the mean over folds.
    heldout
        AUROC of the frozen score.
    fall
        Discovery less held-out, with its 95 % interval.
    p
        Two-sided test of no difference between two samples of subjects.
    """

    discovery: Auroc
    heldout: Auroc
    fall: Interval
    p: float


class RepeatedScore(InBothRoles, frozen=True, kw_only=True):
    """The model (or its surrogate), or the proxy, in both roles.

    Attributes
    ----------
    word
        What became of it.
    """

    word: Repetition


class Cost(Record, frozen=True, kw_only=True):
    """AUROC that is lost by retraining without a group.

    Attributes
    ----------
    discovery
        Among discovery subjects, cross-fitted.
    heldout
        Among held-out subjects, paired, with its 95 % interval.
    """

    discovery: float
    heldout: Interval


class RepeatedGroup(Record, frozen=True, kw_only=True):
    """A feature group in both roles.

    Attributes
    ----------
    role
        Its role in discovery, as in ``dominance.json``.
    alone
        The AUROC of the model on it alone.
    cost
        What leaving it out costs.
    better_without
        Whether the model is shown to be better without it, held out.
    word
        What became of its role.
    """

    role: Role
    alone: InBothRoles
    cost: Cost
    better_without: bool
    word: Repetition


class ValidationResult(ResultFile, frozen=True, kw_only=True):
    """What the held-out labels say about the frozen scores: one score a subject.

    Attributes
    ----------
    n, discovery
        Held-out subjects and discovery subjects.
    simulated
        Whether the held-out alignments were made by the simulator.
    opening
        Which opening of the held-out labels this is.
    scores
        Score -> its quality.
    permutation
        The model against permuted labels.
    paired
        Differences of AUROC on the same subjects.
    calibration_curve
        Model and proxy -> smooth calibration curve.
    subgroups
        Model and proxy -> AUROC by site, by sex and by age.
    detectable
        What the cohort can show at all.
    fidelity
        How far the proxy says what the model says; null without a proxy.
    surrogate
        What the surrogate of a foreign model loses; null where the model itself was retrained.
    repeated
        Model (or surrogate) and proxy in both roles.
    groups
        Feature group -> its figures in both roles.
    """

    FILE: ClassVar[str] = "validation.json"
    STAGE: ClassVar[str] = "validate"
    FORMAT: ClassVar[int] = 2

    n: Counts
    discovery: Counts
    simulated: bool
    opening: Opening
    scores: dict[str, HeldoutScore]
    permutation: Permutation
    paired: tuple[PairedDifference, ...]
    calibration_curve: dict[str, SmoothCurve]
    subgroups: dict[str, tuple[Division, ...]]
    detectable: Detectable
    fidelity: ProxyFidelity | None
    surrogate: SurrogateLosses | None
    repeated: dict[str, RepeatedScore]
    groups: dict[str, RepeatedGroup]

    def __post_init__(self) -> None:
        if "model" not in self.scores:
            raise ValueError("scores: the model's is missing")
        main = {name for name in MAIN if name in self.scores}
        if self.calibration_curve.keys() != main or self.subgroups.keys() != main:
            raise ValueError(f"calibration_curve and subgroups are not those of {' and '.join(sorted(main))}")
