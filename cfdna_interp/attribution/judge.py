"""The rule that says which group a model rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.lead import LEAD, Lead, lead_of
from cfdna_interp.attribution.roles import Evidence
from cfdna_interp.records.dominance import Outcome, Role

# Of Σ|φ|: a fifth of the attribution may lie with what is in no group.
CONTEXT_LIMIT = 0.20
# A share that no refit exceeds is rounding: the group is not in the bags.
NEGLIGIBLE = 1e-4
# Of the lower bound of the correlation of a surrogate's scores with the model's: below .9 more than
# 1 - .9², a fifth, of their variance is unknown to the surrogate, as much as may lie with context.
FIDELITY = 0.90
# Of Σ|φ|. A pure product of two groups has 1, a sum 0; what noise of fits leaves of it lies far below.
INTERACTS = 0.20
# In AUROC. Two independent groups that reach .65 each (d = .54) reach .71 together (d = .77): without any
# interaction, leaving out one that has no signal alone costs less than .07.
INTERACTION_COST = 0.10


@dataclass(frozen=True)
class Ruling:
    """What the rule says.

    Attributes
    ----------
    outcome, group, reason
        As in ``records.dominance.Dominance``.
    roles
        Group -> what it is to the model.
    lead
        How firmly the largest share leads.
    costs
        Group -> what retraining without it costs: AUROC, or R² with a foreign model's scores.
    excluded
        Whether the figures exclude that a group leads: the largest lead of any group stays below the rule's
        in 95 % of bootstrap refits, and the model doesn't have a single carrier. True of the outcome ``none``
        alone.
    """

    outcome: Outcome
    group: str | None
    reason: str
    roles: dict[str, Role]
    lead: Lead
    costs: dict[str, float]
    excluded: bool = False


def null_ceiling(permuted: np.ndarray) -> float:
    """Return the 95 % quantile of the largest figure over groups; of 19 permutations the largest of all."""
    return float(np.quantile(permuted.max(axis=1), 0.95, method="higher"))


def judge(
    *,
    share: np.ndarray,
    covariance: np.ndarray,
    bootstrap: np.ndarray,
    permuted: np.ndarray,
    performance: np.ndarray,
    permuted_performance: np.ndarray,
    context: float,
    subjects: int,
    cross_fitted: Mapping[str, float],
    necessity_margin: float,
    replaceable_margin: float,
    signal_ceiling: float,
    alike: Mapping[tuple[str, str], float],
    ranks: Mapping[str, Sequence[str]] | None = None,
    interactions: Mapping[tuple[str, str], float] | None = None,
    fidelity: float | None = None,
    followed: Mapping[str, float] | None = None,
    groups: Sequence[str] = BAG_GROUPS,
    obstacle: str | None = None,
) -> Ruling:
    """Apply the rule.

    Parameters
    ----------
    share, covariance
        (groups,) shares and covariance shares of the model.
    bootstrap, permuted
        (refits, groups) shares over bootstraps of subjects and over permuted labels.
    performance, permuted_performance
        (groups,) and (refits, groups) what groups contribute to the cross-fitted log-loss, in nats.
    context
        Share of context and joint dependence.
    subjects, cross_fitted, necessity_margin, replaceable_margin, signal_ceiling
        Number of subjects, cross-fitted AUROC by name, and the margins on it, as in ``roles.Evidence``.
    alike
        Pair of groups -> correlation within classes of what they say alone.
    ranks
        Other intervention that applies -> groups in descending order of share under it.
    interactions
        Pair of groups -> share of the pairwise interaction; empty where it was not measured.
    fidelity
        Of a surrogate: lower bound of the correlation of its scores with the model's; None: no surrogate.
    followed
        Of a surrogate: the same correlation of it and of its subsets, by name; None: no surrogate.
    groups
        Names of the groups.
    obstacle
        Why the model is none to explain, where its stage found it so.
    """
    evidence = Evidence(
        groups=tuple(groups),
        share=share,
        covariance=covariance,
        performance=performance,
        chance=null_ceiling(permuted_performance),
        subjects=subjects,
        cross_fitted=cross_fitted,
        necessity_margin=necessity_margin,
        replaceable_margin=replaceable_margin,
        signal_ceiling=signal_ceiling,
        alike=alike,
        followed=followed,
    )
    lead = lead_of(evidence.groups, share, bootstrap)
    whom = f"In discovery, n = {subjects} subjects: "
    if obstacle is None and (found := _obstacle(evidence, bootstrap, permuted, context, fidelity)):
        obstacle = whom + found
    if obstacle:
        roles: dict[str, Role] = dict.fromkeys(evidence.groups, "unclear")
        return Ruling("can't tell", None, obstacle, roles, lead, evidence.costs)
    outcome = _outcome(evidence, lead, ranks or {}, interactions or {})
    return replace(outcome, reason=whom + outcome.reason)


def _in_words(evidence: Evidence, lead: Lead, group: str) -> str:
    what, dealt = "prediction", "permuted labels"
    if evidence.followed is not None:
        what, dealt = "agreement with the model's score", "permuted scores"
    return (
        f"{group} carries {evidence.share_of(group):.0%} of the attribution; it leads the next group "
        f"by at least {lead.low[group]:.2f} in 99 % of bootstrap refits, and contributes "
        f"{evidence.contributes(group):.3f} nats to the {what} of subjects that the fit never "
        f"saw; with {dealt} no group contributes more than {evidence.chance:.3f} in 95 % of refits."
    )


def _obstacle(
    evidence: Evidence,
    bootstrap: np.ndarray,
    permuted: np.ndarray,
    context: float,
    fidelity: float | None,
) -> str | None:
    """Return why nothing can be said, None where something can."""
    if fidelity is not None and not fidelity >= FIDELITY:
        return (
            f"The surrogate's scores agree with the model's with a correlation of {fidelity:.2f} at the "
            f"lower bound (needed: {FIDELITY:.2f}): what it rests on needn't be what the model rests on."
        )
    figures = (bootstrap, permuted, evidence.share, evidence.covariance)
    if not all(np.isfinite(figure).all() for figure in figures):
        return "A refit gave the same logit to every subject, so shares are undefined."
    if not np.isfinite([*evidence.performance, evidence.chance]).all():
        return "What groups contribute to predictions is undefined in the model or in a refit."
    most = permuted.max(axis=0)
    measured = [group for group, high in zip(evidence.groups, most, strict=True) if high > NEGLIGIBLE]
    if len(measured) < 2:
        return (
            f"Only {measured[0]} varies between these samples, so every fit rests on it, with permuted "
            "labels too: there is no other group to lead."
        )
    if context > CONTEXT_LIMIT:
        return (
            f"Context and joint dependence carry {context:.0%} of the attribution, above "
            f"{CONTEXT_LIMIT:.0%}: what the groups carry by themselves can't be told apart from it."
        )
    return None


def _outcome(
    evidence: Evidence,
    lead: Lead,
    ranks: Mapping[str, Sequence[str]],
    interactions: Mapping[tuple[str, str], float],
) -> Ruling:
    roles = evidence.roles()
    leader = _leader(evidence, lead)
    dissent = "" if leader is None else _dissent(leader, ranks)
    named = leader if not dissent else None
    first, second = evidence.order[:2]

    def ruled(outcome: Outcome, group: str | None, reason: str) -> Ruling:
        return Ruling(outcome, group, reason, roles, lead, evidence.costs)

    suppressors = [group for group in evidence.order if roles[group] == "suppressor"]
    if suppressors:
        # Without the others a suppressor is worth nothing: whatever it leads by, it is not the finding.
        carrier = named if named is not None and evidence.signals(named) else None
        reason = _suppression(evidence, suppressors[0], carrier)
        if carrier is not None:
            reason += f" {_in_words(evidence, lead, carrier)}"
        return ruled("suppressor", carrier, reason)
    if _interact(evidence, roles, interactions):
        reason = (
            f"{first} and {second} carry the signal together: alone they reach "
            f"{evidence.alone_in_words(first)} and {evidence.alone_in_words(second)}, all groups together "
            f"{evidence.in_words(evidence.reaches('model'))}, and retraining without one costs "
            f"{min(evidence.cost(first), evidence.cost(second)):.2f} {evidence.unit} or more."
        )
        return ruled("interaction", None, reason + _additive(first, second, interactions))
    # Before a name: what leads in the attribution by chance of the fit, the other group tells as well.
    if roles[first] == roles[second] == "redundant":
        reason = (
            f"{first} and {second} share the signal: retraining {evidence.whose} without either costs "
            f"{max(evidence.cost(first), evidence.cost(second)):.3f} {evidence.unit} at most, and each alone "
            f"reaches {evidence.in_words(min(evidence.alone(first), evidence.alone(second)))} or more."
        )
        return ruled("redundant", None, reason)
    if leader is not None and not evidence.divisible():
        reason = (
            f"{_in_words(evidence, lead, leader)} But all groups together reach an AUROC of "
            f"{evidence.cross_fitted['model']:.2f} cross-fitted, below {evidence.signal_ceiling:g}: whether "
            "another group would replace it can't be told."
        )
        return ruled("can't tell", None, reason)
    if named is not None:
        return ruled("dominant", named, _in_words(evidence, lead, named))
    if leader is not None:
        return ruled("can't tell", None, _in_words(evidence, lead, leader) + dissent)
    carriers = [group for group in evidence.order if roles[group] == "carrier"]
    reason = _nobody(evidence, lead, carriers)
    # Among many groups noise takes so much of the attribution that the only one that tells anything has no
    # lead of a tenth: that is no proof that nothing leads.
    excluded = lead.excluded and len(carriers) != 1
    return Ruling("none", None, reason, roles, lead, evidence.costs, excluded)


def _leader(evidence: Evidence, lead: Lead) -> str | None:
    """Return the group that leads with certainty and tells the classes apart beyond what chance does.

    The null is on what a group contributes to predictions and not on its share. Heads that learned nothing
    put most of their small logits on one group, since a random direction in a space that varies in three ways
    lies near one of them: the null's shares say how pure a head may be by chance, not whether a group's
    part in a prediction that holds is real.
    """
    for group in evidence.order:
        if lead.low[group] > LEAD and evidence.contributes(group) > evidence.chance:
            return group
    return None


def _dissent(leader: str, ranks: Mapping[str, Sequence[str]]) -> str:
    """Return which intervention ranks another group first, "" where none does."""
    others = [f"{name} ranks {order[0]} first" for name, order in ranks.items() if order[0] != leader]
    return f" But {' and '.join(others)}." if others else ""


def _interact(
    evidence: Evidence, roles: Mapping[str, Role], interactions: Mapping[tuple[str, str], float]
) -> bool:
    """Return whether the two leading groups are partners, and no other pair interacts more."""
    pair = evidence.order[:2]
    if any(roles[group] != "partner" or evidence.cost(group) < INTERACTION_COST for group in pair):
        return False
    measured = [share for share in interactions.values() if share > 0]  # none where a model can have none
    return not measured or set(max(interactions.items(), key=lambda item: item[1])[0]) == set(pair)


def _additive(first: str, second: str, interactions: Mapping[tuple[str, str], float]) -> str:
    """Return what to add where two groups count only together and yet their contributions add up."""
    shares = [share for pair, share in interactions.items() if set(pair) == {first, second}]
    if not shares or shares[0] >= INTERACTS:
        return ""
    return (
        f" Their contributions add up (measured interaction {shares[0]:.0%} of the attribution): each takes "
        "off what both have in common beside the label."
    )


def _suppression(evidence: Evidence, group: str, carrier: str | None) -> str:
    signals = (other for other in evidence.order if other != group and evidence.signals(other))
    if evidence.signals(group):
        alone = f"reaches {evidence.alone_in_words(group)} alone"
    else:
        alone = f"stays below what counts as signal alone ({evidence.alone_in_words(group)})"
    return (
        f"{group} {alone} and by itself contributes "
        f"{evidence.contributes(group):.3f} nats to the prediction, yet retraining without it costs "
        f"{evidence.cost(group):.3f} {evidence.unit}: {evidence.whose} takes off "
        f"{carrier or next(signals)} what the two have in common beside what is predicted."
    )


def _nobody(evidence: Evidence, lead: Lead, carriers: Sequence[str]) -> str:
    leader = lead.group
    reason = (
        f"The largest share, {evidence.share_of(leader):.0%} for {leader}, leads by "
        f"{lead.low[leader]:.2f} at the 1 % quantile of the bootstrap (needed: above {LEAD:.2f}); the "
        f"group contributes {evidence.contributes(leader):.3f} nats, with permuted labels groups reach "
        f"{evidence.chance:.3f}."
    )
    reason += f" At the 95 % quantile no group leads by more than {lead.high:.2f}, " + (
        "below that." if lead.excluded else "which doesn't exclude a leader."
    )
    if len(carriers) > 1:
        reason += f" {' and '.join(carriers)} have signal alone, and the model is worse without any of them."
    return reason
