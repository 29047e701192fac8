"""``dominance.json``: how the prediction divides over the groups, and which one the model rests on."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Literal

from cfdna_interp.records.attribution_notes import (
    DiagnosticName,
    InterventionName,
    Matching,
    RandomisedDepth,
    ReferenceName,
)
from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.retraining import Rival, SubsetFidelity, SurrogateFidelity
from cfdna_interp.records.values import Interval

Outcome = Literal["dominant", "redundant", "suppressor", "interaction", "none", "can't tell"]
Role = Literal["carrier", "redundant", "suppressor", "partner", "unused", "unclear"]


class Leading(Record, frozen=True, kw_only=True):
    """How firmly a group leads.

    Attributes
    ----------
    group
        Its name.
    share
        Its share of the attribution.
    lead
        1 % quantile, over bootstrap refits, of its share less the largest share of the others.
    performance
        What it contributes to the cross-fitted log-loss, in nats a subject.
    chance
        95 % quantile, over refits on permuted labels, of the largest such contribution of any group.
    surrogate
        Whether the figures are of a surrogate, fitted to a foreign model's scores.
    """

    group: str
    share: float
    lead: float
    performance: float
    chance: float
    surrogate: bool


class SurrogateUnfaithful(Record, frozen=True, kw_only=True, tag="surrogate unfaithful"):
    """The surrogate doesn't follow its model closely enough.

    Attributes
    ----------
    correlation, needed
        Lower bound of the correlation of the two scores, null where it is undefined, and what the rule asks
        for.
    """

    correlation: float | None
    needed: float


class SharesUndefined(Record, frozen=True, kw_only=True, tag="shares undefined"):
    """A refit gave the same logit to every subject."""


class PerformanceUndefined(Record, frozen=True, kw_only=True, tag="performance undefined"):
    """What groups contribute to predictions is undefined in the model or in a refit."""


class OneGroupVaries(Record, frozen=True, kw_only=True, tag="one group varies"):
    """Every fit rests on the only group that varies.

    Attributes
    ----------
    group
        Its name.
    """

    group: str


class ContextTooLarge(Record, frozen=True, kw_only=True, tag="context too large"):
    """Too much of the attribution lies with no group.

    Attributes
    ----------
    share, limit
        Share of context and joint dependence, and the most that the rule allows.
    """

    share: float
    limit: float


class RivalAhead(Record, frozen=True, kw_only=True, tag="rival ahead"):
    """A simpler model is surely better, so this one is none to explain.

    Attributes
    ----------
    rival
        That model.
    """

    rival: Rival


class GroupLeads(Record, frozen=True, kw_only=True, tag="group leads"):
    """One group leads. It is dominant unless something below stands against it.

    Attributes
    ----------
    leading
        The group and its figures.
    dissent
        Other intervention -> the group that it ranks first, where that is another one.
    auroc, needed
        Cross-fitted AUROC of a model that is too weak for its groups to be compared, and what the rule asks
        for; null where it is strong enough.
    """

    leading: Leading
    dissent: dict[str, str]
    auroc: float | None = None
    needed: float | None = None


class Suppression(Record, frozen=True, kw_only=True, tag="suppression"):
    """A group helps only by taking noise off another one.

    Attributes
    ----------
    suppressor, helped
        The two groups.
    alone
        What the suppressor reaches alone: AUROC, or the correlation with a foreign model's score.
    signals
        Whether that counts as signal.
    performance
        What the suppressor contributes by itself, in nats a subject.
    cost
        What retraining without it costs: AUROC, or R² with a foreign model's score.
    surrogate
        Whether the figures are of a surrogate.
    leading
        The group that is helped, where it leads and has signal alone; null otherwise.
    """

    suppressor: str
    helped: str
    alone: float
    signals: bool
    performance: float
    cost: float
    surrogate: bool
    leading: Leading | None


class Partnership(Record, frozen=True, kw_only=True, tag="partnership"):
    """Two groups carry the signal together, and neither does alone.

    Attributes
    ----------
    groups, alone
        The two groups, and what each reaches alone.
    together
        What all groups reach together.
    cost
        The smaller of the costs of retraining without one of them.
    interaction
        Measured interaction as a share of the attribution, where their contributions add up all the same;
        null where they interact or where it was not measured.
    surrogate
        Whether the figures are of a surrogate.
    """

    groups: tuple[str, str]
    alone: tuple[float, float]
    together: float
    cost: float
    interaction: float | None
    surrogate: bool


class SharedSignal(Record, frozen=True, kw_only=True, tag="shared signal"):
    """Two groups carry the same signal, and each replaces the other.

    Attributes
    ----------
    groups
        The two groups.
    cost
        The larger of the costs of retraining without one of them.
    alone
        The smaller of what each reaches alone.
    surrogate
        Whether the figures are of a surrogate.
    """

    groups: tuple[str, str]
    cost: float
    alone: float
    surrogate: bool


class NobodyLeads(Record, frozen=True, kw_only=True, tag="nobody leads"):
    """No group leads by as much as the rule asks for, or the one that does contributes no more than chance.

    Attributes
    ----------
    largest
        The group with the largest share, and its figures.
    needed
        The lead that the rule asks for.
    high
        95 % quantile, over bootstrap refits, of the largest lead of any group.
    carriers
        Groups that have signal alone and that the model is worse without.
    """

    largest: Leading
    needed: float
    high: float
    carriers: tuple[str, ...]


Finding = (
    SurrogateUnfaithful
    | SharesUndefined
    | PerformanceUndefined
    | OneGroupVaries
    | ContextTooLarge
    | RivalAhead
    | GroupLeads
    | Suppression
    | Partnership
    | SharedSignal
    | NobodyLeads
)


class GroupAttribution(Record, frozen=True, kw_only=True):
    """What one feature group is to the model.

    Attributes
    ----------
    share
        Its share of the attribution, Σ|φ| of the group over Σ|φ| of all groups. The interval is over
        bootstrap refits, and null where a refit says the same of every subject.
    covariance_share
        Cov(φ, logit) / Var(logit), with its interval over bootstrap refits. It is about zero for an unused
        group, and zero or below for a suppressor.
    null_share_high
        95 % quantile of the group's share over refits on permuted labels; null where a refit has no shares.
    null_max_high
        95 % quantile of the largest share of any group over the same refits.
    mean_phi_case, mean_phi_control
        Mean contribution φ to the logit among cases and among controls of discovery, with Student's interval
        over subjects, the model as it is.
    role
        ``carrier`` has signal alone, and leaving it out costs; ``redundant`` has signal alone, and others
        that are used as well replace it; ``suppressor`` has no signal, and others are better with it;
        ``partner`` has signal only together with others; ``unused`` has hardly a share, and leaving it out
        costs nothing; ``unclear`` is everything else.
    """

    share: Interval
    covariance_share: Interval
    null_share_high: float | None
    null_max_high: float | None
    mean_phi_case: Interval
    mean_phi_control: Interval
    role: Role


class Margin(Record, frozen=True, kw_only=True):
    """How firmly the largest share leads. Figures are null where a refit has no shares.

    Attributes
    ----------
    group
        The group with the largest share.
    value
        Its share less the next one's.
    low
        1 % quantile of that lead over bootstrap refits.
    high
        95 % quantile, over bootstrap refits, of the largest lead of any group.
    needed
        The lead that the rule asks for.
    excluded
        Whether the figures show that no group leads; true of the outcome ``none`` alone.
    """

    group: str
    value: float | None
    low: float | None
    high: float | None
    needed: float
    excluded: bool


class FixedShares(Record, frozen=True, kw_only=True):
    """Shares under one intervention and reference, the model as it is.

    Attributes
    ----------
    share
        Feature group -> its share, with an interval over bootstraps of subjects.
    order
        The groups, the largest share first.
    context_and_joint
        Share of context and of joint dependence, which belong to no group.
    completeness
        Largest gap between the sum of a subject's contributions and its logit.
    donor_error
        Feature group -> standard error of its share over donor pools; null where only one pool has values.
        It is 0 for a table, which uses all donors.
    """

    share: dict[str, Interval]
    order: tuple[str, ...]
    context_and_joint: Interval
    completeness: float
    donor_error: dict[str, float | None]


class InterventionShares(Record, frozen=True, kw_only=True):
    """What one intervention with one reference gives.

    Attributes
    ----------
    intervention
        How a group is taken out.
    reference
        Who donates in its place.
    subjects
        Number of subjects with values.
    of
        Number of discovery subjects.
    donors
        The fewest donor pools with values of any of these subjects.
    shares
        Shares of the groups; null where fewer than four fifths of the subjects have values.
    """

    intervention: InterventionName
    reference: ReferenceName
    subjects: int
    of: int
    donors: int
    shares: FixedShares | None


class Spread(Record, frozen=True, kw_only=True):
    """How a figure spreads over samples.

    Attributes
    ----------
    mean, smallest, largest
        Its mean, its smallest and its largest value.
    """

    mean: float
    smallest: float
    largest: float


class Diagnostics(Record, frozen=True, kw_only=True):
    """How well an intervention with one reference held, over samples.

    Attributes
    ----------
    intervention, reference
        What was done, and who donated.
    values
        Diagnostic -> its spread over samples; ``attributed/{chunk}.json`` says what each is. A diagnostic
        that is defined in no sample is left out.
    """

    intervention: InterventionName
    reference: ReferenceName
    values: dict[DiagnosticName, Spread]


class GradientShares(Record, frozen=True, kw_only=True):
    """Shares by integrated gradients, a second route to the same question.

    Attributes
    ----------
    share
        Feature group -> its share, with an interval over bootstraps of subjects, the heads as they are.
    subjects
        Number of discovery subjects.
    completeness
        Largest gap, over samples, between the sum of the contributions and the difference of the logits.
    infidelity
        Mean squared error of what contributions foretell when random halves of a bag are replaced by their
        donors, the mean over samples.
    infidelity_null
        The same with the contributions dealt out anew among fragments.
    """

    share: dict[str, Interval]
    subjects: int
    completeness: float
    infidelity: float
    infidelity_null: float


class RemovalStep(Record, frozen=True, kw_only=True):
    """One step of a removal curve.

    Attributes
    ----------
    groups
        The groups that are there.
    auroc
        AUROC in discovery, the mean over folds; null where no fold holds both classes.
    """

    groups: tuple[str, ...]
    auroc: float | None


class Removal(Record, frozen=True, kw_only=True):
    """AUROC while groups are taken away or put back, the one with the largest share first.

    Attributes
    ----------
    deletion
        From all groups to none.
    insertion
        From no group to all.
    """

    deletion: tuple[RemovalStep, ...]
    insertion: tuple[RemovalStep, ...]


class ShareStability(Record, frozen=True, kw_only=True):
    """Shares of parts of the cohort and of single heads; their scatter says how firm a share is.

    Attributes
    ----------
    folds
        Feature group -> share, among the subjects of each fold; null where the model says the same of all.
    members
        Feature group -> share, by each member of the ensemble of heads; empty for a table.
    """

    folds: tuple[dict[str, float | None], ...]
    members: tuple[dict[str, float | None], ...]


class Dominance(ResultFile, frozen=True, kw_only=True):
    """How the prediction divides over the feature groups in discovery, and which group the model rests on.

    Attributes
    ----------
    outcome
        What the rule says of the model.
    group
        The dominant group; with the outcome ``suppressor`` the group that is helped, where it passes the
        rule for dominant. Null otherwise.
    finding
        What decided, with its figures.
    groups
        Feature group -> what it is to the model.
    margin
        How firmly the largest share leads.
    context_and_joint
        Share of context and of joint dependence, which belong to no group, with its interval over bootstrap
        refits. It is 0 by construction for a table.
    cross_fitted_auroc, within_class_correlation, cross_fitted_fidelity, fidelity, rivals
        As in ``retraining.json``.
    leave_out_cost
        Feature group -> drop of the cross-fitted AUROC when the model is retrained without it.
    leave_out_r2
        Feature group -> drop of R² with the foreign model's score when the surrogate is retrained without
        it; null for a model that was made here.
    bootstrap, permutations
        Number of refits on bootstrap samples of subjects, and on permuted labels.
    donors
        Number of donor pools; for a table the number of discovery subjects.
    subjects
        Number of discovery subjects.
    completeness
        Largest gap between the sum of a subject's contributions and its logit.
    intervention, reference
        How groups were taken out for the rule, and who donated.
    interventions
        Shares under every combination of intervention and reference.
    not_applicable
        Intervention or reference -> why it doesn't apply.
    matching
        How near the donors of the reference ``matched`` are; null where it wasn't asked for, doesn't apply,
        or the cohort is a table.
    diagnostics
        How well interventions held; empty for a table.
    gradients
        Shares by integrated gradients; null for a table.
    randomised
        Attributions under random weights, from the top layer down; empty for a table.
    interactions
        ``first:second`` -> pairwise interaction as a share of the attribution: 0 where two groups add up, by
        construction for a table. Null where no group moves any logit.
    performance
        Feature group -> what it contributes to the cross-fitted log-loss, in nats a subject, with an
        interval over bootstraps of subjects.
    performance_null_high
        95 % quantile, over refits on permuted labels, of the largest such contribution of any group; null
        where it is undefined in a refit.
    removal
        AUROC while groups are taken away or put back.
    stability
        Shares of parts of the cohort and of single heads.
    """

    FILE: ClassVar[str] = "dominance.json"
    STAGE: ClassVar[str] = "dominance"
    FORMAT: ClassVar[int] = 2

    outcome: Outcome
    group: str | None
    finding: Finding
    groups: dict[str, GroupAttribution]
    margin: Margin
    context_and_joint: Interval
    cross_fitted_auroc: dict[str, float]
    within_class_correlation: dict[str, float]
    cross_fitted_fidelity: dict[str, SubsetFidelity] | None
    fidelity: SurrogateFidelity | None
    rivals: tuple[Rival, ...]
    leave_out_cost: dict[str, float]
    leave_out_r2: dict[str, float] | None
    bootstrap: int
    permutations: int
    donors: int
    subjects: int
    completeness: float
    intervention: InterventionName
    reference: ReferenceName
    interventions: tuple[InterventionShares, ...]
    not_applicable: dict[InterventionName | ReferenceName, str]
    matching: Matching | None
    diagnostics: tuple[Diagnostics, ...]
    gradients: GradientShares | None
    randomised: tuple[RandomisedDepth, ...]
    interactions: dict[str, float | None]
    performance: dict[str, Interval]
    performance_null_high: float | None
    removal: Removal
    stability: ShareStability

    def __post_init__(self) -> None:
        """Check that whatever is told by group, or by subset of the groups, is told of the same groups."""
        groups, subsets = set(self.groups), {"model", "model_only_context"}
        subsets |= {f"model_{part}_{group}" for group in groups for part in ("without", "only")}
        fixed = [entry.shares for entry in self.interventions if entry.shares is not None]
        by_group: dict[str, list[Collection[str] | None]] = {
            "leave_out_cost": [self.leave_out_cost],
            "leave_out_r2": [self.leave_out_r2],
            "performance": [self.performance],
            "interventions": [keys for shares in fixed for keys in (shares.share, shares.donor_error)],
            "gradients": [None if self.gradients is None else self.gradients.share],
            "stability": [*self.stability.folds, *self.stability.members],
        }
        by_subset: dict[str, list[Collection[str] | None]] = {
            "cross_fitted_auroc": [self.cross_fitted_auroc],
            "cross_fitted_fidelity": [self.cross_fitted_fidelity],
        }
        for fields, expected in ((by_group, groups), (by_subset, subsets)):
            for field, tables in fields.items():
                if any(keys is not None and set(keys) != expected for keys in tables):
                    raise ValueError(f"{field} isn't of the groups {', '.join(sorted(groups))}")
