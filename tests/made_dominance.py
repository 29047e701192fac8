"""Made-up contents of `dominance.json`, built from its types."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from msgspec.structs import replace

from cfdna_interp.records.attribution_notes import InterventionName, ReferenceName
from cfdna_interp.records.dominance import (
    Dominance,
    FixedShares,
    GroupAttribution,
    InterventionShares,
    Margin,
    Removal,
    RemovalStep,
    Role,
    ShareStability,
    SharesUndefined,
)
from cfdna_interp.records.retraining import Rival, SubsetFidelity, SurrogateFidelity
from cfdna_interp.records.values import Interval


def around(value: float, below: float = 0.05, above: float = 0.06) -> Interval:
    """Return an interval that reaches so far below and above a value."""
    return Interval(value=value, low=value - below, high=value + above)


def surrogate_fidelity(**changes: Any) -> SurrogateFidelity:
    """Return a correlation of .95 that is surely above .9."""
    correlations = dict.fromkeys(("correlation", "rank", "r2", "judged"), 0.95)
    lows = dict.fromkeys(("low", "rank_low", "judged_low"), 0.91)
    highs = dict.fromkeys(("high", "rank_high"), 0.97)
    record = SurrogateFidelity(n=100, saturated=0, **correlations, **lows, **highs)
    return replace(record, **changes)


def subset_fidelity(correlation: float) -> SubsetFidelity:
    """Return how well a subset follows, by one figure."""
    return SubsetFidelity(correlation=correlation, rank=correlation, r2=correlation**2, judged=correlation)


def rival(name: str, low: float) -> Rival:
    """Return a rival that is better than the model by .03 more than a lower bound."""
    return Rival(name=name, auroc=0.9, difference=low + 0.03, low=low, high=low + 0.06, n=80)


def group_attribution(share: Interval, role: Role = "unused", **changes: Any) -> GroupAttribution:
    """Return a group by its share and its role."""
    record = GroupAttribution(
        share=share,
        covariance_share=share,
        null_share_high=0.46,
        null_max_high=0.55,
        mean_phi_case=Interval(value=0.1, low=0.0, high=0.2),
        mean_phi_control=Interval(value=-0.1, low=-0.2, high=0.0),
        role=role,
    )
    return replace(record, **changes)


def intervention_shares(
    intervention: InterventionName,
    reference: ReferenceName,
    shares: dict[str, float],
    n: int,
    of: int | None = None,
) -> InterventionShares:
    """Return one combination; without shares where ``of`` subjects are too many for ``n``."""
    fixed = FixedShares(
        share={group: around(share) for group, share in shares.items()},
        order=tuple(sorted(shares, key=lambda group: -shares[group])),
        context_and_joint=Interval(value=0.05, low=0.02, high=0.09),
        completeness=1e-7,
        donor_error=dict.fromkeys(shares, 0.012),
    )
    return InterventionShares(
        intervention=intervention,
        reference=reference,
        subjects=n,
        of=of or n,
        donors=5,
        shares=fixed if of is None else None,
    )


def dominance_record(groups: dict[str, GroupAttribution], **changes: Any) -> Dominance:
    """Return a record in which nothing but shares and roles of the groups is told, and changes of it."""
    shares = {group: entry.share.value or 0.0 for group, entry in groups.items()}
    order = sorted(shares, key=lambda group: -shares[group])
    steps = range(len(order) + 1)
    none = Interval(value=0.0, low=0.0, high=0.0)
    reached = {"model": 0.9, "model_only_context": 0.5}
    for group in groups:
        reached |= {f"model_without_{group}": 0.9, f"model_only_{group}": 0.52}
    record = Dominance(
        outcome="none",
        group=None,
        finding=SharesUndefined(),
        groups=groups,
        margin=Margin(group=order[0], value=0.05, low=-0.1, high=0.4, needed=0.1, excluded=False),
        context_and_joint=none,
        cross_fitted_auroc=reached,
        within_class_correlation={f"{one}:{other}": 0.0 for one, other in combinations(groups, 2)},
        cross_fitted_fidelity=None,
        fidelity=None,
        rivals=(),
        leave_out_cost=dict.fromkeys(groups, 0.0),
        leave_out_r2=None,
        bootstrap=50,
        permutations=19,
        donors=5,
        subjects=80,
        completeness=3.2e-7,
        intervention="swap",
        reference="discovery",
        interventions=(intervention_shares("swap", "discovery", shares, 80),),
        not_applicable={},
        matching=None,
        diagnostics=(),
        gradients=None,
        randomised=(),
        interactions={f"{one}:{other}": 0.0 for one, other in combinations(groups, 2)},
        performance={group: around(share / 3, 0.02, 0.02) for group, share in shares.items()},
        performance_null_high=0.018,
        removal=Removal(
            deletion=tuple(RemovalStep(groups=tuple(order[i:]), auroc=0.92 - 0.13 * i) for i in steps),
            insertion=tuple(RemovalStep(groups=tuple(order[:i]), auroc=0.52 + 0.13 * i) for i in steps),
        ),
        stability=ShareStability(folds=(dict(shares),) * 5, members=()),
    )
    return replace(record, **changes)
