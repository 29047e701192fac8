"""``audit.json``: biology or handling, and what could have leaked."""

from __future__ import annotations

from typing import ClassVar, Literal

from cfdna_interp.artifacts.sheet import Role
from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.held import HeldClaim, HeldMeasure
from cfdna_interp.records.leaks import Leakage
from cfdna_interp.records.missing import Missing
from cfdna_interp.records.openings import Opening
from cfdna_interp.records.values import Auroc, Interval


class Baseline(Record, frozen=True, kw_only=True):
    """What a logistic regression on columns beside the features reaches on the held-out subjects.

    Attributes
    ----------
    auroc
        Its AUROC, null where there is no such regression.
    missing
        Why there is none, null where there is.
    directionless
        max(a, 1 − a) of its AUROC a: such a regression may point the other way in other people and tells the
        label all the same. Of technical columns alone, null elsewhere.
    """

    auroc: Auroc | None
    missing: Missing | None
    directionless: Interval | None


class AdjustedEffect(Record, frozen=True, kw_only=True):
    """A log odds ratio on the held-out label, adjusted for the other terms.

    Attributes
    ----------
    term
        A score, a column, or ``column=level``.
    coefficient, low, high
        Per standard deviation, per step for an indicator, with its 95 % Wald interval.
    p
        Of Wald's test.
    """

    term: str
    coefficient: float
    low: float
    high: float
    p: float


class AdjustedEffects(Record, frozen=True, kw_only=True):
    """Label ~ score + age + sex + further covariates + technical columns, on the held-out subjects.

    Attributes
    ----------
    effects
        The score's effect first, with the errors of the likelihood. Empty where nothing can be estimated.
    robust
        The same coefficients with errors that don't trust the likelihood.
    errors
        How those were made: clustered by site or batch, or robust to unequal variance alone.
    missing
        Why nothing can be estimated, null where something is.
    left_out
        Columns that are left out, by what stands in the way.
    """

    effects: tuple[AdjustedEffect, ...]
    robust: tuple[AdjustedEffect, ...]
    errors: str
    missing: Missing | None = None
    left_out: tuple[Missing, ...] = ()


class DepthCorrelation(Record, frozen=True, kw_only=True):
    """How a feature goes along with the number of fragments.

    Attributes
    ----------
    feature, group
        The feature and its group.
    spearman
        Rank correlation over discovery controls, one value a subject.
    q
        Of its test, after Benjamini and Hochberg over the features.
    """

    feature: str
    group: str
    spearman: float
    q: float


class DepthCorrelations(Record, frozen=True, kw_only=True):
    """Which features go along with sequencing depth among the discovery controls.

    Attributes
    ----------
    correlations
        All that could be tested, strongest first.
    missing
        Why there is none, null where there is.
    """

    correlations: tuple[DepthCorrelation, ...]
    missing: Missing | None


class DepthMatched(Interval, frozen=True, kw_only=True):
    """The judged score's held-out AUROC among pairs of a case and a control of one depth.

    Attributes
    ----------
    value, low, high
        The AUROC with its 95 % interval, null where nothing could be matched.
    pairs
        Matched pairs.
    depth_before, depth_after
        AUROC of depth itself over all subjects, and over the matched ones: .5 where depth tells nothing of
        the label.
    missing
        Why there is no number, null where there is.
    """

    pairs: int
    depth_before: float | None
    depth_after: float | None
    missing: Missing | None


class BatchReading(Record, frozen=True, kw_only=True):
    """How well the batch is read from a feature group among the discovery controls.

    Attributes
    ----------
    accuracy
        Cross-validated balanced accuracy, null where it can't be judged.
    chance
        Its mean under permuted batches.
    p
        One-sided permutation p value.
    subjects, batches
        Controls, and batches with enough of them.
    missing
        Why it can't be judged, null where it can.
    """

    accuracy: float | None
    chance: float | None
    p: float | None
    subjects: int
    batches: int
    missing: Missing | None


class Places(Record, frozen=True, kw_only=True):
    """How the held-out subjects are divided by place.

    Attributes
    ----------
    finest
        The finest place that the cohort names, "" where it names none.
    nested
        Whether places are named and none of the finest holds both classes.
    coarse
        Share of the comparisons, by their weight, that hold the site and not the batch.
    count, mixed
        Number of the finest places, and of those that hold both cases and controls.
    """

    finest: Literal["batch", "site", ""]
    nested: bool
    coarse: float
    count: int
    mixed: int


class Overlap(Interval, frozen=True, kw_only=True):
    """The judged score's held-out AUROC, weighted for overlap in technical columns and site.

    Attributes
    ----------
    value, low, high
        The AUROC with its bootstrap 95 % interval, null where nothing could be weighted.
    effective_case, effective_control
        Effective sample sizes (Σw)² / Σw² of the classes.
    outside
        Share of subjects whose propensity lies outside .05 to .95.
    imbalance, imbalance_weighted
        Largest absolute standardised difference of a technical term between the classes, before and after
        weighting; null where a term divides them completely.
    terms
        Columns, and ``column=level``, that the propensity rests on.
    missing
        Why there is no number, or why it must not be used. Null where it may be used.
    """

    effective_case: float | None
    effective_control: float | None
    outside: float | None
    imbalance: float | None
    imbalance_weighted: float | None
    terms: tuple[str, ...]
    missing: Missing | None


class SiteAuroc(Record, frozen=True, kw_only=True):
    """A regression's AUROC at a site that it never saw.

    Attributes
    ----------
    site
        The site.
    case, control
        Subjects of both roles there.
    auroc
        The AUROC.
    """

    site: str
    case: int
    control: int
    auroc: float


class LeaveOneSiteOut(Interval, frozen=True, kw_only=True):
    """The mean AUROC at sites that the regression never saw, weighted by n1·n0 / (n1 + n0).

    Attributes
    ----------
    value, low, high
        The AUROC with its 95 % interval, null where no site could be left out.
    groups
        Feature groups that the regression rests on.
    method
        How the interval was made, "" where there is none.
    sites
        The AUROC at each site.
    missing
        Why there is no number, null where there is.
    """

    groups: tuple[str, ...]
    method: str
    sites: tuple[SiteAuroc, ...]
    missing: Missing | None


class FeatureShift(Record, frozen=True, kw_only=True):
    """How a feature differs between the controls of the roles.

    Attributes
    ----------
    feature, group
        The feature and its group.
    difference
        Held-out minus discovery mean, in pooled standard deviations.
    q
        Of Welch's test, after Benjamini and Hochberg.
    """

    feature: str
    group: str
    difference: float
    q: float


class RoleShift(Record, frozen=True, kw_only=True):
    """Whether held-out controls are like discovery controls.

    Attributes
    ----------
    auroc
        Cross-fitted AUROC of reading the role from all features, null where it can't be told.
    chance
        Its mean under permuted roles.
    p
        One-sided permutation p value.
    discovery, heldout
        Controls of each role.
    features
        Each feature by itself, strongest first.
    missing
        Why it can't be told, null where it can.
    """

    auroc: float | None
    chance: float | None
    p: float | None
    discovery: int
    heldout: int
    features: tuple[FeatureShift, ...]
    missing: Missing | None


class MissingCells(Record, frozen=True, kw_only=True):
    """How much is missing of the subjects of one label.

    Attributes
    ----------
    missing
        Share of their cells, null without subjects.
    n
        Subjects.
    """

    missing: float | None
    n: int


class WidestGap(Record, frozen=True, kw_only=True):
    """The column of a group whose gaps differ most between the labels.

    Attributes
    ----------
    column
        Its name.
    case, control
        Share of missing cells by label.
    """

    column: str
    case: float
    control: float


class MissingShare(Record, frozen=True, kw_only=True):
    """How much is missing of a feature group or a column in one role; a subject's first sample counts.

    Attributes
    ----------
    name
        The group, or the column.
    kind
        Which of the two it is.
    role
        Whose cells.
    columns
        Number of columns.
    case, control
        The share by label.
    p
        Of Fisher's test for the numbers of subjects with any gap, null where nobody or everybody has one.
    p_holm
        The same after Holm over the role.
    worst
        Of a group the column whose gaps differ most, null without gaps and of a column.
    """

    name: str
    kind: Literal["features", "column"]
    role: Role
    columns: int
    case: MissingCells
    control: MissingCells
    p: float | None
    p_holm: float | None
    worst: WidestGap | None


class Audit(ResultFile, frozen=True, kw_only=True):
    """Whether the signal is biology or handling, and what could have leaked.

    Attributes
    ----------
    opening
        Which opening of the held-out labels this is.
    technical, covariates
        What technical columns, and covariates, reach alone.
    adjusted
        Whether the judged score tells the label beside covariates and technical columns.
    depth
        Which features go along with sequencing depth.
    depth_matched
        The judged score at equal depth.
    batch_from_groups
        Feature group -> how well it tells the batch.
    within_strata
        The judged score with places held and no column; null where no case can be compared with a control.
    strata
        The places.
    overlap_weighted
        The judged score, weighted for overlap in handling.
    leave_one_site_out
        The proxy's regression, or one on all groups, at sites that it never saw.
    shift
        Whether the controls of the roles are alike.
    leakage
        What could have told the label or the held-out subjects.
    missing
        Missing cells of each feature group and column, by role.
    handling
        Rung L4.
    person
        Rung L5.
    """

    FILE: ClassVar[str] = "audit.json"
    STAGE: ClassVar[str] = "audit"
    FORMAT: ClassVar[int] = 2

    opening: Opening
    technical: Baseline
    covariates: Baseline
    adjusted: AdjustedEffects
    depth: DepthCorrelations
    depth_matched: DepthMatched
    batch_from_groups: dict[str, BatchReading]
    within_strata: HeldMeasure | None
    strata: Places
    overlap_weighted: Overlap
    leave_one_site_out: LeaveOneSiteOut
    shift: RoleShift
    leakage: Leakage
    missing: tuple[MissingShare, ...]
    handling: HeldClaim
    person: HeldClaim
