"""Why a rung is earned, refused or open, in words."""

from __future__ import annotations

from cfdna_interp.artifacts.predictions import SURROGATE
from cfdna_interp.config.settings import Corrected
from cfdna_interp.proxy.measure import RETRAINED
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.values import Counts, Interval, IntervalBy
from cfdna_interp.records.verdict import (
    Attributed,
    Audited,
    Bound,
    Compared,
    FewSubjects,
    Followed,
    LabelsInValues,
    LeakBelow,
    Leaking,
    NecessityEvidence,
    NoEffects,
    NoGroup,
    NoScore,
    NoSignal,
    Plan,
    Reason,
    Rung,
    Signal,
    SignalEvidence,
    SignalFinding,
    SufficiencyEvidence,
    SurrogateEvidence,
)
from cfdna_interp.verdict.claim_words import claim_words
from cfdna_interp.verdict.leak_cautions import corrected_words, leak_words
from cfdna_interp.verdict.reliance_words import name_of, reliance_sentence

# What would decide, a sentence by itself.
_APART = (NoSignal, NoEffects, Plan)


def rung_words(rung: Rung, dominance: Dominance, audit: Audit) -> str:
    """Say why a rung is earned, refused or open, with the figures; without a full stop.

    Parameters
    ----------
    rung
        The rung.
    dominance, audit
        The records that rungs L1, and L4 and L5, repeat.
    """
    said = ""
    for reason in rung.reasons:
        words = _words(reason, rung, dominance, audit)
        gap = ". " if isinstance(reason, _APART) else "; "
        said = f"{said}{gap}{words}" if said else words
    return said


def interval_words(interval: Interval) -> str:
    """Return an estimate with its interval, or with why there is none."""
    if interval.value is None:
        return "that can't be told"
    if interval.low is None:
        why = f": {interval.method}" if isinstance(interval, IntervalBy) else ""
        return f"{interval.value:.2f} [no interval{why}]"
    return f"{interval.value:.2f} [{interval.low:.2f} to {interval.high:.2f}]"


def _words(reason: Reason, rung: Rung, dominance: Dominance, audit: Audit) -> str:
    match reason:
        case Signal():
            return _signal(reason, rung)
        case Leaking(breaks=breaks, without=without):
            return leak_words(breaks, without)
        case LeakBelow():
            return "what leaks at L0 may be behind it"
        case FewSubjects(role=role, n=n, needed=needed):
            name = {"discovery": "discovery", "heldout": "held-out"}[role]
            people = f"{n.case} cases and {n.control} controls"
            return f"the {name} cohort has {people}, fewer than {needed} of a class"
        case LabelsInValues(corrected=corrected):
            return _corrected(corrected)
        case Attributed():
            return reliance_sentence(dominance).rstrip(".")
        case NoSignal(word=word):
            return f"No group leads, but that there is a signal is not shown (L0: {word})"
        case NoEffects():
            return (
                "More subjects would tell. How many is not known: the surrogate follows a score, and no "
                "effect is known to plan by"
            )
        case Plan():
            return _plan(reason)
        case NoGroup():
            return "no group is dominant"
        case NoScore(score=score):
            return f"{_other(score)} has no held-out score to compare with"
        case Compared():
            return _compared(reason, rung)
        case Followed():
            return _followed(reason, rung)
        case Audited():
            claim = audit.handling if rung.rung == "L4" else audit.person
            return f"{claim.score}: {claim_words(claim)}"


def _signal(reason: Signal, rung: Rung) -> str:
    assert isinstance(rung.evidence, SignalEvidence)
    auroc, p = rung.evidence.auroc, rung.evidence.p
    seen = f"held-out AUROC {interval_words(auroc)}, n = {_size(reason.n)}, permutation p {p:.2g}"
    match reason.finding:
        case SignalFinding.LEAK:
            return f"over all {seen}"
        case SignalFinding.BELOW_CEILING:
            return f"{seen}: the upper bound is below {reason.ceiling:g}"
        case SignalFinding.OPEN:
            return f"{seen}: not shown, and not excluded up to {reason.ceiling:g}"
        case SignalFinding.SHOWN | SignalFinding.NO_INTERVAL:
            return seen


def _corrected(corrected: Corrected) -> str:
    said = corrected_words(corrected)
    if corrected.over == "discovery":
        return f"{said}, on which this rests"
    return (
        f"{said}: the labels are in the values, so that noise tells them, too (AUROC .85 to .98 where "
        "nothing else does); give values that were corrected without labels, or as they were"
    )


def _plan(plan: Plan) -> str:
    effects = ", ".join(f"{name_of(group)} d = {effect:.2f}" for group, effect in plan.effects)
    seen = f"At the effects seen here ({effects})"
    if plan.size is None:
        return f"{seen} no size up to {plan.most:,} of a class decides with a power of 80 %"
    first, _ = plan.effects[0]
    answer = f"{name_of(first)} is named" if plan.size.named else "that a group leads is excluded"
    return (
        f"{seen} {answer} with a power of 80 % from {plan.size.n.case} cases and {plan.size.n.control} "
        f"controls in discovery on; there are {plan.n.case} and {plan.n.control} (cfdna-interp plan reliance)"
    )


def _compared(reason: Compared, rung: Rung) -> str:
    evidence, margin = rung.evidence, f"{reason.margin:g}"
    assert isinstance(evidence, (NecessityEvidence, SufficiencyEvidence))
    difference = evidence.difference
    # The upper bound of rung L3 is one-sided.
    sided = "one-sided " if isinstance(evidence, SufficiencyEvidence) else ""
    if reason.bound is Bound.LOW_ABOVE:
        why = f"the lower bound is above {margin}"
    elif reason.bound is Bound.HIGH_BELOW:
        why = f"the {sided}upper bound is below {margin}"
    elif sided:
        why = f"the one-sided upper bound is {difference.high:.3f}, not below {margin}"
    else:
        why = f"the interval reaches from {_range(difference)}"
    return (
        f"held-out AUROC (n = {_size(reason.n)}) of the model minus that of {_other(reason.score)}: "
        f"{difference.value:.3f}; {why}"
    )


def _followed(reason: Followed, rung: Rung) -> str:
    assert isinstance(rung.evidence, SurrogateEvidence)
    follows, lost = rung.evidence.follows, rung.evidence.r2_lost
    if reason.bound is None:
        return (
            f"on the {reason.n} held-out subjects the surrogate follows the model's score with a "
            f"{reason.measure} of {interval_words(follows)}, with a lower bound below {reason.margin:.2f}: "
            "what it needs needn't be what the model needs"
        )
    why = {
        Bound.LOW_ABOVE: f"the lower bound is above {reason.margin:g}",
        Bound.HIGH_BELOW: f"the upper bound is below {reason.margin:g}",
        Bound.BETWEEN: f"the interval reaches from {_range(lost)}",
    }[reason.bound]
    return (
        f"R² of the surrogate with the model's score on {reason.n} held-out subjects, minus that of the "
        f"surrogate retrained without {name_of(reason.group)}: {lost.value:.3f}; {why}"
    )


def _other(score: str) -> str:
    """Name the score that the model is compared with."""
    if score == "proxy":
        return "the proxy"
    for prefix, whole in ((RETRAINED, "model"), (f"{SURROGATE}_without_", "surrogate")):
        group = score.removeprefix(prefix)
        if group != score:
            return f"the {whole} retrained without {name_of(group)}"
    return score


def _size(n: Counts) -> str:
    return f"{n.case} cases + {n.control} controls"


def _range(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"
