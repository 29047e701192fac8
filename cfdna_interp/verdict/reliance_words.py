"""The finding of ``dominance.json`` in a sentence."""

from __future__ import annotations

from typing import assert_never

from cfdna_interp.attribution.lead import HIGH, LOW
from cfdna_interp.attribution.roles import CEILING
from cfdna_interp.attribution.tabular.rivals import PLAIN
from cfdna_interp.records.dominance import (
    ContextTooLarge,
    Dominance,
    Finding,
    GroupLeads,
    Leading,
    NobodyLeads,
    OneGroupVaries,
    Partnership,
    PerformanceUndefined,
    RivalAhead,
    SharedSignal,
    SharesUndefined,
    Suppression,
    SurrogateUnfaithful,
)


def reliance_sentence(dominance: Dominance) -> str:
    """Return what decided, with its figures and the number of subjects that they rest on."""
    return f"In discovery, n = {dominance.subjects} subjects: {finding_sentence(dominance.finding)}"


def finding_sentence(finding: Finding) -> str:
    """Return a finding in one or more sentences, each with its full stop."""
    match finding:
        case SurrogateUnfaithful():
            return _surrogate_unfaithful(finding)
        case SharesUndefined():
            return "A refit gave the same logit to every subject, so shares are undefined."
        case PerformanceUndefined():
            return "What groups contribute to predictions is undefined in the model or in a refit."
        case OneGroupVaries():
            return _one_group_varies(finding)
        case ContextTooLarge():
            return _context_too_large(finding)
        case RivalAhead():
            return _rival_ahead(finding)
        case GroupLeads():
            return _group_leads(finding)
        case Suppression():
            return _suppression(finding)
        case Partnership():
            return _partnership(finding)
        case SharedSignal():
            return _shared_signal(finding)
        case NobodyLeads():
            return _nobody_leads(finding)
    assert_never(finding)


def name_of(group: str) -> str:
    """Return a feature group as it stands in a sentence."""
    return group.replace("_", " ")


def rival_words(name: str) -> str:
    """Return what a rival is: ``plain``, or a model on one group."""
    if name == PLAIN:
        return "a plain ridge regression on all standardised features"
    return f"the same model on {name_of(name.removeprefix('model_only_'))} alone"


def _reached(value: float, surrogate: bool) -> str:
    return f"a correlation of {value:.2f} with the model's score" if surrogate else f"an AUROC of {value:.2f}"


def _unit(surrogate: bool) -> str:
    return "R² with the model's score" if surrogate else "AUROC"


def _whose(surrogate: bool) -> str:
    return "the surrogate" if surrogate else "the model"


def _level(level: float) -> str:
    """Write a share of refits as ``99 %``."""
    return f"{100 * level:g} %"


def _listed(groups: tuple[str, ...]) -> str:
    return " and ".join(map(name_of, groups))


def _surrogate_unfaithful(finding: SurrogateUnfaithful) -> str:
    correlation = "undefined" if finding.correlation is None else f"{finding.correlation:.2f}"
    return (
        "The surrogate doesn't follow the model closely enough. The lower bound of the correlation of their "
        f"scores is {correlation} (needed: {finding.needed:.2f}). The model may rest on something else."
    )


def _one_group_varies(finding: OneGroupVaries) -> str:
    return (
        f"Only {name_of(finding.group)} varies between these samples. Every fit rests on it, with permuted "
        "labels too, and no other group can lead."
    )


def _context_too_large(finding: ContextTooLarge) -> str:
    return (
        f"Context and joint dependence carry {finding.share:.0%} of the attribution, more than "
        f"{finding.limit:.0%}. What the groups carry by themselves can't be told apart from it."
    )


def _rival_ahead(finding: RivalAhead) -> str:
    rival = finding.rival
    return (
        f"The model is worse than {rival_words(rival.name)}, on the same n = {rival.n} discovery "
        f"subjects and folds: that reaches an AUROC of {rival.auroc:.3f}, "
        f"{rival.difference:.3f} [{rival.low:.3f}, {rival.high:.3f}] more. It is no model to explain."
    )


def _leading(leading: Leading) -> str:
    what, permuted = "prediction", "permuted labels"
    if leading.surrogate:
        what, permuted = "agreement with the model's score", "permuted scores"
    return (
        f"{_capital(name_of(leading.group))} carries {leading.share:.0%} of the attribution. It leads the "
        f"next group by at least {leading.lead:.2f} in {_level(1 - LOW)} of bootstrap refits. It "
        f"contributes {leading.performance:.3f} nats to the {what} of subjects that the fit never saw. With "
        f"{permuted} no group contributes more than {leading.chance:.3f} in {_level(CEILING)} of refits."
    )


def _group_leads(finding: GroupLeads) -> str:
    sentence = _leading(finding.leading)
    if finding.auroc is not None and finding.needed is not None:
        return (
            f"{sentence} But all groups together reach a cross-fitted AUROC of {finding.auroc:.2f}, below "
            f"{finding.needed:g}. Whether another group would replace it can't be told."
        )
    if finding.dissent:
        others = [f"{name} ranks {name_of(group)} first" for name, group in finding.dissent.items()]
        return f"{sentence} But {' and '.join(others)}."
    return sentence


def _suppression(finding: Suppression) -> str:
    group = _capital(name_of(finding.suppressor))
    alone = _reached(finding.alone, finding.surrogate)
    if finding.signals:
        reaches = f"{group} reaches {alone} alone"
    else:
        reaches = f"{group} has no signal alone ({alone})"
    sentence = (
        f"{reaches} and contributes {finding.performance:.3f} nats to the prediction by itself. Yet "
        f"retraining without it costs {finding.cost:.3f} {_unit(finding.surrogate)}. "
        f"{_capital(_whose(finding.surrogate))} uses it to remove noise from {name_of(finding.helped)} that "
        "both groups share."
    )
    return sentence if finding.leading is None else f"{sentence} {_leading(finding.leading)}"


def _partnership(finding: Partnership) -> str:
    first, second = (_reached(value, finding.surrogate) for value in finding.alone)
    sentence = (
        f"{_capital(_listed(finding.groups))} carry the signal together. Alone they reach {first} and "
        f"{second}. All groups together reach {_reached(finding.together, finding.surrogate)}. Retraining "
        f"without one of the two costs {finding.cost:.2f} {_unit(finding.surrogate)} or more."
    )
    if finding.interaction is None:
        return sentence
    return (
        f"{sentence} Their contributions add up: the measured interaction is {finding.interaction:.0%} of "
        "the attribution. Each group removes noise from the other that both share."
    )


def _shared_signal(finding: SharedSignal) -> str:
    return (
        f"{_capital(_listed(finding.groups))} share the signal. Retraining {_whose(finding.surrogate)} "
        f"without either of them costs at most {finding.cost:.3f} {_unit(finding.surrogate)}. Each alone "
        f"reaches {_reached(finding.alone, finding.surrogate)} or more."
    )


def _nobody_leads(finding: NobodyLeads) -> str:
    largest = finding.largest
    sentence = (
        f"The largest share is {largest.share:.0%}, of {name_of(largest.group)}. Its lead is "
        f"{largest.lead:.2f} at the {_level(LOW)} quantile of the bootstrap (needed: above "
        f"{finding.needed:.2f}). The group contributes {largest.performance:.3f} nats. With permuted labels "
        f"groups reach {largest.chance:.3f}. At the {_level(HIGH)} quantile of the bootstrap no group leads "
        f"by more than {finding.high:.2f}, "
    )
    sentence += "below that." if finding.high < finding.needed else "which doesn't exclude a leader."
    if len(finding.carriers) > 1:
        carriers = _capital(_listed(finding.carriers))
        sentence += f" {carriers} have signal alone, and the model is worse without any of them."
    return sentence


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
