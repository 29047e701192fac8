"""The ladder of claims: each rung judged by itself, the headline the highest unbroken one.

Bounds: rung L2 uses the two-sided 95 % interval of the paired difference. Rung L3 is earned by its
one-sided upper 95 % bound, as tests of non-inferiority are, and refused by the two-sided lower one. Where
a rung's conditions for earning and refusing both hold, it is earned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cfdna_interp.artifacts.features import GROUPS
from cfdna_interp.artifacts.predictions import SURROGATE
from cfdna_interp.artifacts.verdict import CANT_TELL, EARNED, REFUSED, Rung, Verdict
from cfdna_interp.attribution.judge import FIDELITY
from cfdna_interp.attribution.planning import MOST, NAMED, size_to_decide
from cfdna_interp.attribution.roles import LOSES, REPLACED, separation
from cfdna_interp.audit.within_batch import ATTENUATED, HANDLING, NOT_HANDLING
from cfdna_interp.config.settings import Validation
from cfdna_interp.stats.caution import difference_caution

FEWEST = 15
SIGNIFICANT = 0.05
Record = Mapping[str, Any]


def climb(dominance: Record, validation: Record, audit: Record, margins: Validation) -> Verdict:
    """Judge all rungs.

    Parameters
    ----------
    dominance, validation, audit
        ``dominance.json``, ``validation.json`` and ``audit.json``.
    margins
        The margins that were fixed in the protocol.
    """
    few = _too_few(validation)
    signal = _signal(validation, margins)
    judged = (
        signal,
        _reliance(dominance, validation, signal),
        _necessity(dominance, validation, margins),
        _sufficiency(dominance, validation, margins),
        _handling(audit),
    )
    # The numbers stay: what cannot be judged can still be read.
    rungs = tuple(
        Rung(rung.rung, rung.claim, CANT_TELL, CANT_TELL, few, rung.numbers) if few else rung
        for rung in judged
    )
    headline = None
    for rung in rungs:
        if rung.status != EARNED:
            break
        headline = rung.rung
    return Verdict(
        headline=headline,
        sentences=(
            _first(headline, rungs[0].status == REFUSED, dominance, validation),
            _second(rungs, headline, validation),
        ),
        simulated=bool(validation["simulated"]),
        group=dominance["group"],
        rungs=rungs,
    )


def _too_few(validation: Record) -> str:
    for role, n in (("discovery", validation["discovery"]), ("held-out", validation["n"])):
        if min(n["case"], n["control"]) < FEWEST:
            return (
                f"the {role} cohort has {n['case']} cases and {n['control']} controls, "
                f"fewer than {FEWEST} of a class"
            )
    return ""


def _signal(validation: Record, margins: Validation) -> Rung:
    p, interval = validation["permutation"]["p"], validation["scores"]["model"]["auroc"]
    seen = f"held-out AUROC {_interval(interval)}, permutation p {p:.2g}"
    if interval["low"] is None:
        status, word, reason = CANT_TELL, CANT_TELL, seen
    elif p <= SIGNIFICANT and interval["low"] > 0.5:
        status, word, reason = EARNED, EARNED, seen
    elif p > SIGNIFICANT and interval["high"] < margins.signal_ceiling:
        status, word = REFUSED, "no signal"
        reason = f"{seen}: the upper bound is below {margins.signal_ceiling:g}"
    else:
        status, word = CANT_TELL, CANT_TELL
        reason = f"{seen}: not shown, and not excluded up to {margins.signal_ceiling:g}"
    return Rung("L0", "there is a signal", status, word, reason, {"auroc": dict(interval), "p": p})


def _reliance(dominance: Record, validation: Record, signal: Rung) -> Rung:
    outcome, group = dominance["outcome"], dominance["group"]
    claim, suppressors = f"the model relies on {_name(group)}", _suppressors(dominance)
    reason = in_words(str(dominance["reason"]), dominance["groups"]).rstrip(".")
    status, word = CANT_TELL, outcome
    if outcome == "none":
        # Where there is no signal to divide, that nothing leads in it refuses nothing.
        if dominance["margin"]["excluded"] and signal.status == EARNED:
            status, word = REFUSED, "no group leads"
        else:
            word = CANT_TELL
            reason += f". {_would_decide(dominance, validation, signal)}"
    elif outcome == "dominant":
        status, word = EARNED, EARNED
    elif outcome == "suppressor" and group is not None:
        status, word = EARNED, "with a suppressor"
        claim += f", and {suppressors} takes noise off it"
    numbers = {}
    if group is not None:
        numbers["share"] = dict(dominance["groups"][group]["share"])
    return Rung("L1", claim, status, word, reason, numbers)


def _would_decide(dominance: Record, validation: Record, signal: Rung) -> str:
    """Return how many discovery subjects would name a group, or exclude that one leads."""
    if dominance["margin"]["excluded"]:
        return f"No group leads, but that there is a signal is not shown (L0: {signal.word})"
    if dominance["fidelity"] is not None:
        return "More subjects would tell, for the surrogate follows a score and no effect is known to plan by"
    reached = dominance["cross_fitted_auroc"]
    effects = {g: max(separation(reached[f"model_only_{g}"]), 0.0) for g in dominance["groups"]}
    ranked = sorted(effects, key=lambda g: -effects[g])
    here = validation["discovery"]
    plan = size_to_decide(
        [effects[g] for g in ranked], controls_per_case=here["control"] / max(here["case"], 1)
    )
    seen = "At the effects seen here (" + ", ".join(f"{_name(g)} d = {effects[g]:.2f}" for g in ranked) + ")"
    if plan is None:
        return f"{seen} no size up to {MOST:,} of a class decides with a power of 80 %"
    answer = f"{_name(ranked[0])} is named" if plan.answer == NAMED else "that a group leads is excluded"
    return (
        f"{seen} {answer} with a power of 80 % from {plan.case} cases and {plan.control} controls in "
        f"discovery on; there are {here['case']} and {here['control']} (cfdna-interp plan reliance)"
    )


def _necessity(dominance: Record, validation: Record, margins: Validation) -> Rung:
    group = dominance["group"]
    if validation.get("surrogate") is not None:
        return _followed(group, validation["surrogate"])
    claim = f"it is necessary: retrained without {_name(group)} the model is worse"

    def decide(pair: Record) -> tuple[str, str, str]:
        if pair["low"] > margins.necessity_margin:
            return EARNED, EARNED, f"the lower bound is above {margins.necessity_margin:g}"
        if pair["high"] < margins.replaceable_margin:
            return REFUSED, "replaceable", f"the upper bound is below {margins.replaceable_margin:g}"
        return CANT_TELL, CANT_TELL, f"the interval reaches from {_range(pair)}"

    return _compared("L2", claim, group, validation, f"model_without_{group}", "low", "high", decide)


def _followed(group: str | None, surrogate: Record) -> Rung:
    """Judge L2 of a model that is known by its scores, by what its surrogate needs to follow it."""
    claim = f"it is necessary: retrained without {_name(group)} the surrogate follows the model's score less"
    if group is None:
        return Rung("L2", claim, CANT_TELL, CANT_TELL, "no group is dominant")
    follows, loss = surrogate["follows"], surrogate["losses"].get(group)
    if loss is None:
        reason = f"the surrogate retrained without {_name(group)} has no held-out score to compare with"
        return Rung("L2", claim, CANT_TELL, CANT_TELL, reason)
    numbers = {"follows": dict(follows), "r2_lost": dict(loss)}
    if not follows["low"] >= FIDELITY:
        reason = (
            f"on the {surrogate['n']} held-out subjects the surrogate follows the model's score with a "
            f"{surrogate['measure']} of {_interval(follows)}, with a lower bound below {FIDELITY:.2f}: "
            "what it needs needn't be what the model needs"
        )
        return Rung("L2", claim, CANT_TELL, CANT_TELL, reason, numbers)
    if loss["low"] > LOSES:
        status, word, why = EARNED, EARNED, f"the lower bound is above {LOSES:g}"
    elif loss["high"] < REPLACED:
        status, word, why = REFUSED, "replaceable", f"the upper bound is below {REPLACED:g}"
    else:
        status, word, why = CANT_TELL, CANT_TELL, f"the interval reaches from {_range(loss)}"
    reason = (
        f"R² of the surrogate with the model's score on {surrogate['n']} held-out subjects, minus that of "
        f"the surrogate retrained without {_name(group)}: {loss['value']:.3f}; {why}"
    )
    return Rung("L2", claim, status, word, reason, numbers)


def _sufficiency(dominance: Record, validation: Record, margins: Validation) -> Rung:
    group = dominance["group"]
    claim = f"it is sufficient: a logistic regression on {_name(group)} does as well as the model"
    margin = margins.sufficiency_margin

    def decide(pair: Record) -> tuple[str, str, str]:
        if pair["high_one_sided"] < margin:
            n, model = validation["n"], validation["scores"]["model"]["auroc"]["value"]
            caution = difference_caution(n["case"], n["control"], model)
            why = f"the one-sided upper bound is below {margin:g}"
            return EARNED, EARNED, f"{why}; {caution}" if caution else why
        if pair["low"] > margin:
            return REFUSED, "not sufficient", f"the lower bound is above {margin:g}"
        return (
            CANT_TELL,
            CANT_TELL,
            f"the one-sided upper bound is {pair['high_one_sided']:.3f}, not below {margin:g}",
        )

    return _compared("L3", claim, group, validation, "proxy", "low", "high_one_sided", decide)


def _compared(
    rung: str,
    claim: str,
    group: str | None,
    validation: Record,
    against: str,
    low: str,
    high: str,
    decide: Callable[[Record], tuple[str, str, str]],
) -> Rung:
    if group is None:
        return Rung(rung, claim, CANT_TELL, CANT_TELL, "no group is dominant")
    pairs = [p for p in validation["paired"] if p["b"] == against]
    other = "the proxy" if against == "proxy" else f"the model retrained without {_name(group)}"
    if not pairs:
        return Rung(rung, claim, CANT_TELL, CANT_TELL, f"{other} has no held-out score to compare with")
    pair = pairs[0]
    status, word, why = decide(pair)
    reason = f"held-out AUROC of the model minus that of {other}: {pair['difference']:.3f}; {why}"
    numbers = {"difference": {"value": pair["difference"], "low": pair[low], "high": pair[high]}}
    return Rung(rung, claim, status, word, reason, numbers)


def _handling(audit: Record) -> Rung:
    handling = audit["handling"]
    outcome = handling["status"]
    status = {NOT_HANDLING: EARNED, ATTENUATED: REFUSED, HANDLING: REFUSED}.get(outcome, CANT_TELL)
    word = EARNED if status == EARNED else outcome
    within = handling["within"]
    numbers: dict[str, Any] = {"crude": handling["crude"]}
    if within["value"] is not None:
        numbers["within_batch"] = {key: within[key] for key in ("value", "low", "high")}
    reason = f"{handling['score']}: {handling['reason']}"
    return Rung("L4", "it is not handling", status, word, reason, numbers)


def _first(headline: str | None, refused: bool, dominance: Record, validation: Record) -> str:
    n, interval = validation["n"], validation["scores"]["model"]["auroc"]
    people = f"On {n['case']} held-out cases and {n['control']} controls"
    if headline is None:
        found = "the model shows no signal" if refused else "whether the model holds a signal cannot be told"
        return f"{people} {found} (AUROC {_interval(interval)})."
    name = _name(dominance["group"])
    if suppressors := _suppressors(dominance):
        name += f" (with {suppressors} taking noise off it)"
    needs, matched = "needs it", "is matched"
    if SURROGATE in validation["scores"]:
        # The model itself was not retrained.
        needs, matched = "its surrogate needs it", "it is matched"
    clauses = {
        "L0": "which feature group it rests on is not shown",
        "L1": f"it relies on {name}",
        "L2": f"it relies on {name} and {needs}",
        "L3": f"it relies on {name}, {needs}, and {matched} by a logistic regression on it",
        "L4": f"it relies on {name}, {needs}, {matched} by logistic regression on it and holds in batches",
    }
    return f"{people} the model tells the classes apart (AUROC {_interval(interval)}); {clauses[headline]}."


def _second(rungs: tuple[Rung, ...], headline: str | None, validation: Record) -> str:
    # Before: under another protocol, or other labels of the same subjects.
    again = "; exploratory, since held-out labels had been read before"
    suffix = again if validation["exploratory"] else ""
    handling = rungs[-1]
    if headline == "L4":
        return f"No rung is broken: what remains is the bench, beginning with the handling control{suffix}."
    broken = next(rung for rung in rungs if rung.status != EARNED)
    sentence = f"The ladder ends before {broken.rung} ({broken.word}): {broken.reason}"
    if broken is not handling and handling.status == REFUSED:
        sentence += f"; and at L4 ({handling.word}), {handling.reason}"
    return f"{sentence}{suffix}."


def in_words(text: str, groups: Iterable[str] = ()) -> str:
    """Return a sentence with the names of these and of the known feature groups written as words."""
    # The longest first: one group's name may begin another's.
    for group in sorted({*GROUPS, *groups}, key=len, reverse=True):
        text = text.replace(group, group.replace("_", " "))
    return text


def _name(group: str | None) -> str:
    return "one feature group" if group is None else in_words(group, [group])


def _suppressors(dominance: Record) -> str:
    """Return the groups that take noise off the others, "" where there is none."""
    groups = [name for name, record in dominance["groups"].items() if record["role"] == "suppressor"]
    return " and ".join(_name(group) for group in groups)


def _interval(interval: Record) -> str:
    if interval["low"] is None:
        return f"{interval['value']:.2f} [no interval: {interval['method']}]"
    return f"{interval['value']:.2f} [{interval['low']:.2f} to {interval['high']:.2f}]"


def _range(pair: Record) -> str:
    return f"{pair['low']:.3f} to {pair['high']:.3f}"
