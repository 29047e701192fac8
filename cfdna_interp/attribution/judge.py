"""The rule that decides which group a model relies on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.attribution.lead import LEAD, Lead, lead_of
from cfdna_interp.attribution.roles import Evidence
from cfdna_interp.records.dominance import (
    ContextTooLarge,
    Finding,
    GroupLeads,
    Leading,
    NobodyLeads,
    OneGroupVaries,
    Outcome,
    Partnership,
    PerformanceUndefined,
    RivalAhead,
    Role,
    SharedSignal,
    SharesUndefined,
    Suppression,
    SurrogateUnfaithful,
)
from cfdna_interp.records.values import known

# Largest share of the attribution Σ|φ| that may lie with context and joint dependence, in no group.
CONTEXT_LIMIT = 0.20
# A group whose share stays below this in every permuted refit is not in the bags. Its share is rounding.
NEGLIGIBLE = 1e-4
# Smallest lower bound of the correlation of a surrogate's scores with the model's. Below it the surrogate
# misses more than 1 - .9² of their variance. That is a fifth, as much as may lie with context.
FIDELITY = 0.90
# Smallest interaction, as a share of Σ|φ|, of two groups that interact. A pure product of two groups has 1
# and a sum has 0. Noise of the fits gives far less than this.
INTERACTS = 0.20
# Smallest cost in AUROC of leaving out either of two groups that interact. Two independent groups that reach
# .65 each (d = .54) reach .71 together (d = .77). Without an interaction, leaving out a group that has no
# signal alone costs less than .07.
INTERACTION_COST = 0.10


@dataclass(frozen=True)
class Ruling:
    """The result of the rule.

    Attributes
    ----------
    outcome, group, finding
        As in ``records.dominance.Dominance``.
    roles
        Group -> its role in the model.
    lead
        How firmly the largest share leads.
    costs
        Group -> loss by retraining without it: AUROC, or R² with a foreign model's scores.
    excluded
        Whether the figures exclude that a group leads. The largest lead of any group stays below the rule's
        in 95 % of bootstrap refits, and the number of carriers isn't one. It is true only of the outcome
        ``none``.
    """

    outcome: Outcome
    group: str | None
    finding: Finding
    roles: dict[str, Role]
    lead: Lead
    costs: dict[str, float]
    excluded: bool = False


def judge(evidence: Evidence) -> Ruling:
    """Apply the rule to the figures of a model and of its refits."""
    lead = lead_of(evidence.groups, evidence.share, evidence.bootstrap)
    obstacle = _obstacle(evidence)
    if obstacle is not None:
        roles: dict[str, Role] = dict.fromkeys(evidence.groups, "unclear")
        return Ruling("can't tell", None, obstacle, roles, lead, evidence.costs)
    return _outcome(evidence, lead)


def _obstacle(evidence: Evidence) -> Finding | None:
    """Return why the rule can't be applied to the figures, or None if it can."""
    if evidence.rival is not None:
        return RivalAhead(rival=evidence.rival)
    fidelity = evidence.fidelity
    if fidelity is not None and not fidelity >= FIDELITY:
        return SurrogateUnfaithful(correlation=known(fidelity), needed=FIDELITY)
    figures = (evidence.bootstrap, evidence.permuted, evidence.share, evidence.covariance)
    if not all(np.isfinite(figure).all() for figure in figures):
        return SharesUndefined()
    if not np.isfinite([*evidence.performance, evidence.chance]).all():
        return PerformanceUndefined()
    most = evidence.permuted.max(axis=0)
    varying = [group for group, high in zip(evidence.groups, most, strict=True) if high > NEGLIGIBLE]
    if len(varying) < 2:
        return OneGroupVaries(group=varying[0])
    if evidence.context > CONTEXT_LIMIT:
        return ContextTooLarge(share=evidence.context, limit=CONTEXT_LIMIT)
    return None


def _outcome(evidence: Evidence, lead: Lead) -> Ruling:
    roles = evidence.roles()
    leader = _leader(evidence, lead)
    dissent = {} if leader is None else _dissent(leader, evidence.ranks)
    named = leader if not dissent else None
    first, second = evidence.order[:2]
    surrogate = evidence.followed is not None

    def ruled(outcome: Outcome, group: str | None, finding: Finding) -> Ruling:
        return Ruling(outcome, group, finding, roles, lead, evidence.costs)

    suppressors = [group for group in evidence.order if roles[group] == "suppressor"]
    if suppressors:
        # A suppressor is worth nothing without the others. It may lead, but it is not the finding.
        carrier = named if named is not None and evidence.signals(named) else None
        return ruled("suppressor", carrier, _suppression(evidence, lead, suppressors[0], carrier))
    if _interact(evidence, roles):
        partnership = Partnership(
            groups=(first, second),
            alone=(evidence.alone(first), evidence.alone(second)),
            together=evidence.reaches("model"),
            cost=min(evidence.cost(first), evidence.cost(second)),
            interaction=_additive(first, second, evidence.interactions),
            surrogate=surrogate,
        )
        return ruled("interaction", None, partnership)
    # This comes before a group is named: one of two groups with the same signal may lead by chance.
    if roles[first] == roles[second] == "redundant":
        shared = SharedSignal(
            groups=(first, second),
            cost=max(evidence.cost(first), evidence.cost(second)),
            alone=min(evidence.alone(first), evidence.alone(second)),
            surrogate=surrogate,
        )
        return ruled("redundant", None, shared)
    if leader is not None and not evidence.divisible():
        weak = GroupLeads(
            leading=_leading(evidence, lead, leader),
            dissent={},
            auroc=evidence.cross_fitted["model"],
            needed=evidence.margins.signal_ceiling,
        )
        return ruled("can't tell", None, weak)
    if leader is not None:
        finding = GroupLeads(leading=_leading(evidence, lead, leader), dissent=dissent)
        return ruled("can't tell" if dissent else "dominant", named, finding)
    carriers = tuple(group for group in evidence.order if roles[group] == "carrier")
    nobody = NobodyLeads(
        largest=_leading(evidence, lead, lead.group), needed=LEAD, high=lead.high, carriers=carriers
    )
    # Among many groups noise takes much of the attribution. The only group with signal may then lead by less
    # than a tenth, which is no proof that nothing leads.
    excluded = lead.excluded and len(carriers) != 1
    return Ruling("none", None, nobody, roles, lead, evidence.costs, excluded)


def _leading(evidence: Evidence, lead: Lead, group: str) -> Leading:
    return Leading(
        group=group,
        share=evidence.share_of(group),
        lead=lead.low[group],
        performance=evidence.contributes(group),
        chance=evidence.chance,
        surrogate=evidence.followed is not None,
    )


def _leader(evidence: Evidence, lead: Lead) -> str | None:
    """Return the group that surely leads and contributes more to predictions than expected by chance.

    The null distribution is that of contributions to predictions. Shares would be a poor null. Heads that
    learned nothing put most of their small logits on one group, since a random direction in a space of three
    groups lies near one of them.
    """
    for group in evidence.order:
        if lead.low[group] > LEAD and evidence.contributes(group) > evidence.chance:
            return group
    return None


def _dissent(leader: str, ranks: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the interventions that rank another group first, each with that group."""
    return {name: order[0] for name, order in ranks.items() if order[0] != leader}


def _interact(evidence: Evidence, roles: Mapping[str, Role]) -> bool:
    """Return whether the two leading groups are partners, and no other pair interacts more."""
    pair = evidence.order[:2]
    if any(roles[group] != "partner" or evidence.cost(group) < INTERACTION_COST for group in pair):
        return False
    # Interactions are 0 for a model that can't have any.
    measured = [share for share in evidence.interactions.values() if share > 0]
    strongest = max(evidence.interactions.items(), key=lambda item: item[1], default=(pair, 0.0))[0]
    return not measured or set(strongest) == set(pair)


def _additive(first: str, second: str, interactions: Mapping[tuple[str, str], float]) -> float | None:
    """Return the interaction of two groups whose contributions add up, or None if they interact."""
    shares = [share for pair, share in interactions.items() if set(pair) == {first, second}]
    return shares[0] if shares and shares[0] < INTERACTS else None


def _suppression(evidence: Evidence, lead: Lead, group: str, carrier: str | None) -> Suppression:
    signals = (other for other in evidence.order if other != group and evidence.signals(other))
    return Suppression(
        suppressor=group,
        helped=carrier or next(signals),
        alone=evidence.alone(group),
        signals=evidence.signals(group),
        performance=evidence.contributes(group),
        cost=evidence.cost(group),
        surrogate=evidence.followed is not None,
        leading=None if carrier is None else _leading(evidence, lead, carrier),
    )
