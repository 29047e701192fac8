"""The ladder of claims: each rung judged by itself, the headline the highest unbroken one.

Bounds: rung L2 uses the two-sided 95 % interval of the paired difference. Rung L3 is earned by its
one-sided upper 95 % bound, as tests of non-inferiority are, and refused by the two-sided lower one. Where
a rung's conditions for earning and refusing both hold, it is earned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from msgspec.structs import asdict

from cfdna_interp.artifacts.features import GROUPS
from cfdna_interp.artifacts.predictions import SURROGATE
from cfdna_interp.artifacts.verdict import CANT_TELL, EARNED, REFUSED, Rung, Verdict
from cfdna_interp.attribution.judge import FIDELITY
from cfdna_interp.attribution.planning import MOST, NAMED, size_to_decide
from cfdna_interp.attribution.roles import LOSES, REPLACED, separation
from cfdna_interp.audit.claims import CONFOUNDED, HANDLING, NOT_HANDLING, NOT_PERSON
from cfdna_interp.audit.hold import ATTENUATED
from cfdna_interp.config.settings import Corrected, Validation
from cfdna_interp.records.validation import PairedDifference, SurrogateLosses, ValidationResult
from cfdna_interp.records.values import Interval, IntervalBy
from cfdna_interp.verdict.leak_cautions import LEAK, corrected_words, leak_words

FEWEST = 15
SIGNIFICANT = 0.05
NO_SIGNAL, CORRECTED = "no signal", "corrected with labels"
WITH_LABELS = "with labels"  # of `corrected.how`
NOT_SAID = Corrected("unknown")
FITTED = ("L1", "L2", "L3")  # rungs that rest on what was fitted in discovery
HELD_OUT = ("L2", "L3", "L4", "L5")  # rungs that rest on held-out subjects
Record = Mapping[str, Any]


def climb(
    dominance: Record,
    validation: ValidationResult,
    audit: Record,
    margins: Validation,
    corrected: Corrected = NOT_SAID,
    against: Sequence[str] = (),
) -> Verdict:
    """Judge all rungs.

    Parameters
    ----------
    dominance, validation, audit
        ``dominance.json``, ``validation.json`` and ``audit.json``.
    margins
        The margins that were fixed in the protocol.
    corrected
        The earlier correction that the protocol names.
    against
        Kinds of the cautions that speak against what the rungs say.
    """
    few = _too_few(validation)
    signal = _signal(validation, audit, margins)
    judged = (
        signal,
        _reliance(dominance, validation, signal),
        _necessity(dominance, validation, margins),
        _sufficiency(dominance, validation, margins),
        _held("L4", "it is not handling", audit["handling"], earned=NOT_HANDLING),
        _held("L5", _person_claim(audit["person"]), audit["person"], earned=NOT_PERSON),
    )
    # The numbers stay: what cannot be judged can still be read.
    rungs = tuple(_unjudged(rung, few) if few else rung for rung in judged)
    rungs = _corrected(_leaked(rungs), corrected)
    headline = None
    for rung in rungs:
        if rung.status != EARNED:
            break
        headline = rung.rung
    return Verdict(
        headline=headline,
        sentences=(
            _first(headline, rungs[0].word, dominance, validation),
            _second(rungs, headline, validation, against),
        ),
        simulated=validation.simulated,
        group=dominance["group"],
        rungs=rungs,
    )


def as_judged(audit: dict[str, Any], rungs: Iterable[Record]) -> dict[str, Any]:
    """Return the audit with the word that the ladder has for handling and the person, for all who repeat it.

    The ladder overrules the audit where too few subjects, or an earlier correction, leave nothing to judge.

    Parameters
    ----------
    audit
        The content of ``audit.json``.
    rungs
        The ladder, as in ``verdict.json``.
    """
    told = {rung["rung"]: rung for rung in rungs}
    for name, key in (("L4", "handling"), ("L5", "person")):
        rung = told[name]
        if rung["status"] != EARNED and rung["word"] != audit[key]["status"]:
            audit = audit | {
                key: audit[key] | {"status": rung["word"], "reason": rung["reason"], "would_decide": ""}
            }
    return audit


def _too_few(validation: ValidationResult) -> str:
    for role, n in (("discovery", validation.discovery), ("held-out", validation.n)):
        if min(n.case, n.control) < FEWEST:
            return (
                f"the {role} cohort has {n.case} cases and {n.control} controls, "
                f"fewer than {FEWEST} of a class"
            )
    return ""


def _unjudged(rung: Rung, few: str) -> Rung:
    if rung.word == LEAK:  # more subjects of this kind would not help
        return replace(rung, reason=f"{few}; {rung.reason}")
    return Rung(rung.rung, rung.claim, CANT_TELL, CANT_TELL, few, rung.numbers)


def _leaked(rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    """Take back what rests on held-out subjects where L0 leaks: they may be known, or their labels read."""
    if rungs[0].word != LEAK:
        return rungs
    return tuple(
        replace(rung, status=CANT_TELL, word=LEAK, reason=f"{rung.reason}; what leaks at L0 may be behind it")
        if rung.status == EARNED and rung.rung in HELD_OUT
        else rung
        for rung in rungs
    )


def _corrected(rungs: tuple[Rung, ...], corrected: Corrected) -> tuple[Rung, ...]:
    """Refuse every rung where held-out labels had a part in the values; mark what rests on discovery ones."""
    if corrected.how != WITH_LABELS:
        return rungs
    said = corrected_words(corrected)
    if corrected.over != "discovery":
        reason = (
            f"{said}: the labels are in the values, so that noise tells them, too (AUROC .85 to .98 where "
            "nothing else does); give values that were corrected without labels, or as they were"
        )
        return tuple(Rung(rung.rung, rung.claim, REFUSED, CORRECTED, reason, rung.numbers) for rung in rungs)
    return tuple(
        replace(rung, reason=f"{rung.reason}; {said}, on which this rests") if rung.rung in FITTED else rung
        for rung in rungs
    )


def _signal(validation: ValidationResult, audit: Record, margins: Validation) -> Rung:
    p, interval = validation.permutation.p, validation.scores["model"].auroc
    seen = f"held-out AUROC {_interval(interval)}, n = {_size(validation)}, permutation p {p:.2g}"
    if leak := leak_words(audit["leakage"]):
        status, word, reason = CANT_TELL, LEAK, f"{leak}; over all {seen}"
    elif interval.low is None or interval.high is None:
        status, word, reason = CANT_TELL, CANT_TELL, seen
    elif p <= SIGNIFICANT and interval.low > 0.5:
        status, word, reason = EARNED, EARNED, seen
    elif p > SIGNIFICANT and interval.high < margins.signal_ceiling:
        status, word = REFUSED, NO_SIGNAL
        reason = f"{seen}: the upper bound is below {margins.signal_ceiling:g}"
    else:
        status, word = CANT_TELL, CANT_TELL
        reason = f"{seen}: not shown, and not excluded up to {margins.signal_ceiling:g}"
    return Rung("L0", "there is a signal", status, word, reason, {"auroc": asdict(interval), "p": p})


def _reliance(dominance: Record, validation: ValidationResult, signal: Rung) -> Rung:
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


def _would_decide(dominance: Record, validation: ValidationResult, signal: Rung) -> str:
    """Return how many discovery subjects would name a group, or exclude that one leads."""
    if dominance["margin"]["excluded"]:
        return f"No group leads, but that there is a signal is not shown (L0: {signal.word})"
    if dominance["fidelity"] is not None:
        return "More subjects would tell, for the surrogate follows a score and no effect is known to plan by"
    reached = dominance["cross_fitted_auroc"]
    effects = {g: max(separation(reached[f"model_only_{g}"]), 0.0) for g in dominance["groups"]}
    ranked = sorted(effects, key=lambda g: -effects[g])
    here = validation.discovery
    plan = size_to_decide([effects[g] for g in ranked], controls_per_case=here.control / max(here.case, 1))
    seen = "At the effects seen here (" + ", ".join(f"{_name(g)} d = {effects[g]:.2f}" for g in ranked) + ")"
    if plan is None:
        return f"{seen} no size up to {MOST:,} of a class decides with a power of 80 %"
    answer = f"{_name(ranked[0])} is named" if plan.answer == NAMED else "that a group leads is excluded"
    return (
        f"{seen} {answer} with a power of 80 % from {plan.case} cases and {plan.control} controls in "
        f"discovery on; there are {here.case} and {here.control} (cfdna-interp plan reliance)"
    )


def _necessity(dominance: Record, validation: ValidationResult, margins: Validation) -> Rung:
    group = dominance["group"]
    if validation.surrogate is not None:
        return _followed(group, validation.surrogate)
    margin = f"{margins.necessity_margin:g}"
    claim = f"{_name(group)} is necessary: retrained without it the model loses more than {margin} of AUROC"

    def decide(pair: PairedDifference) -> tuple[str, str, str]:
        if pair.low > margins.necessity_margin:
            return EARNED, EARNED, f"the lower bound is above {margins.necessity_margin:g}"
        if pair.high < margins.replaceable_margin:
            return REFUSED, "replaceable", f"the upper bound is below {margins.replaceable_margin:g}"
        return CANT_TELL, CANT_TELL, f"the interval reaches from {_range(pair)}"

    return _compared("L2", claim, group, validation, f"model_without_{group}", decide)


def _followed(group: str | None, surrogate: SurrogateLosses) -> Rung:
    """Judge L2 of a model that is known by its scores, by what its surrogate needs to follow it."""
    claim = (
        f"{_name(group)} is necessary: retrained without it the surrogate of the model's score loses more "
        f"than {LOSES:g} of R²"
    )
    if group is None:
        return Rung("L2", claim, CANT_TELL, CANT_TELL, "no group is dominant")
    follows, loss = surrogate.follows, surrogate.losses.get(group)
    if loss is None:
        reason = f"the surrogate retrained without {_name(group)} has no held-out score to compare with"
        return Rung("L2", claim, CANT_TELL, CANT_TELL, reason)
    numbers = {"follows": asdict(follows), "r2_lost": asdict(loss)}
    if follows.low is None or follows.low < FIDELITY:
        reason = (
            f"on the {surrogate.n} held-out subjects the surrogate follows the model's score with a "
            f"{surrogate.measure} of {_interval(follows)}, with a lower bound below {FIDELITY:.2f}: "
            "what it needs needn't be what the model needs"
        )
        return Rung("L2", claim, CANT_TELL, CANT_TELL, reason, numbers)
    if loss.low is not None and loss.low > LOSES:
        status, word, why = EARNED, EARNED, f"the lower bound is above {LOSES:g}"
    elif loss.high is not None and loss.high < REPLACED:
        status, word, why = REFUSED, "replaceable", f"the upper bound is below {REPLACED:g}"
    else:
        status, word, why = CANT_TELL, CANT_TELL, f"the interval reaches from {_range(loss)}"
    reason = (
        f"R² of the surrogate with the model's score on {surrogate.n} held-out subjects, minus that of "
        f"the surrogate retrained without {_name(group)}: {loss.value:.3f}; {why}"
    )
    return Rung("L2", claim, status, word, reason, numbers)


def _sufficiency(dominance: Record, validation: ValidationResult, margins: Validation) -> Rung:
    group = dominance["group"]
    margin = margins.sufficiency_margin
    claim = (
        f"{_name(group)} is sufficient: a logistic regression on it reaches the model's AUROC to within "
        f"{margin:g}"
    )

    def decide(pair: PairedDifference) -> tuple[str, str, str]:
        if pair.high_one_sided < margin:
            return EARNED, EARNED, f"the one-sided upper bound is below {margin:g}"
        if pair.low > margin:
            return REFUSED, "not sufficient", f"the lower bound is above {margin:g}"
        return (
            CANT_TELL,
            CANT_TELL,
            f"the one-sided upper bound is {pair.high_one_sided:.3f}, not below {margin:g}",
        )

    return _compared("L3", claim, group, validation, "proxy", decide)


def _compared(
    rung: str,
    claim: str,
    group: str | None,
    validation: ValidationResult,
    against: str,
    decide: Callable[[PairedDifference], tuple[str, str, str]],
) -> Rung:
    if group is None:
        return Rung(rung, claim, CANT_TELL, CANT_TELL, "no group is dominant")
    pairs = [pair for pair in validation.paired if pair.b == against]
    other = "the proxy" if against == "proxy" else f"the model retrained without {_name(group)}"
    if not pairs:
        return Rung(rung, claim, CANT_TELL, CANT_TELL, f"{other} has no held-out score to compare with")
    pair = pairs[0]
    status, word, why = decide(pair)
    reason = (
        f"held-out AUROC (n = {_size(validation)}) of the model minus that of {other}: "
        f"{pair.value:.3f}; {why}"
    )
    # The bounds that decide: L3 is earned by the one-sided one.
    high = pair.high_one_sided if rung == "L3" else pair.high
    numbers = {"difference": {"value": pair.value, "low": pair.low, "high": high}}
    return Rung(rung, claim, status, word, reason, numbers)


def _held(rung: str, claim: str, record: Record, *, earned: str) -> Rung:
    """Judge a rung by what the audit says of it."""
    outcome = record["status"]
    status = CANT_TELL
    if outcome == earned:
        status = EARNED
    elif outcome in (ATTENUATED, HANDLING, CONFOUNDED):
        status = REFUSED
    numbers: dict[str, Any] = {"crude": record["crude"]}
    if (measure := record["measure"]) is not None:
        numbers["held"] = {key: measure["auroc"][key] for key in ("value", "low", "high")}
        numbers["fall"] = {key: measure["fall"][key] for key in ("value", "low", "high")}
    word = EARNED if status == EARNED else outcome
    return Rung(rung, claim, status, word, f"{record['score']}: {record['reason']}", numbers)


def _person_claim(record: Record) -> str:
    """Name what was held: without a column for sex nothing is claimed of sex."""
    held = [column["name"] for column in record["columns"] if not column["obstacle"]]
    return f"it is not the person: the signal holds with {_listed(held) if held else 'age and sex'} held"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _first(headline: str | None, signal: str, dominance: Record, validation: ValidationResult) -> str:
    n, interval = validation.n, validation.scores["model"].auroc
    people = f"On {n.case} held-out cases and {n.control} controls"
    if headline is None:
        found = {
            NO_SIGNAL: "the model shows no signal",
            CORRECTED: "nothing can be said of the model, since labels had a part in the values",
        }.get(signal, "whether the model holds a signal cannot be told")
        return f"{people} {found} (AUROC {_interval(interval)})."
    name = _name(dominance["group"])
    if suppressors := _suppressors(dominance):
        name += f" (with {suppressors} taking noise off it)"
    needs, matched = "needs it", "is matched"
    if SURROGATE in validation.scores:
        # The model itself was not retrained.
        needs, matched = "its surrogate needs it", "it is matched"
    clauses = {
        "L0": "which feature group it rests on is not shown",
        "L1": f"it relies on {name}",
        "L2": f"it relies on {name} and {needs}",
        "L3": f"it relies on {name}, {needs}, and {matched} by a logistic regression on it",
        # No more is excluded than what the cohort records.
        "L4": (
            f"it relies on {name}, {needs}, {matched} by logistic regression on it, and isn't handling as "
            "far as that is recorded"
        ),
        "L5": (
            f"it relies on {name}, {needs}, {matched} by logistic regression on it, and is neither handling "
            "nor the person as far as these are recorded"
        ),
    }
    return f"{people} the model tells the classes apart (AUROC {_interval(interval)}); {clauses[headline]}."


def _second(
    rungs: tuple[Rung, ...], headline: str | None, validation: ValidationResult, against: Sequence[str]
) -> str:
    # Before: under another protocol, or other labels of the same subjects.
    again = "; exploratory, since held-out labels had been read before"
    suffix = again if validation.opening.exploratory else ""
    if headline == rungs[-1].rung and against:
        return f"No rung is broken, but something stands against it: {', '.join(against)}{suffix}."
    if headline == rungs[-1].rung:
        return f"No rung is broken: what remains is the bench, beginning with the handling control{suffix}."
    broken = next(rung for rung in rungs if rung.status != EARNED)
    sentence = f"The ladder ends before {broken.rung} ({broken.word}): {broken.reason}"
    for rung in rungs[-2:]:
        # What imitates biology is said wherever the ladder ends.
        if rung is not broken and rung.status == REFUSED:
            sentence += f"; and at {rung.rung} ({rung.word}), {rung.reason}"
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


def _interval(interval: Interval) -> str:
    if interval.value is None:
        return "that can't be told"
    if interval.low is None:
        why = f": {interval.method}" if isinstance(interval, IntervalBy) else ""
        return f"{interval.value:.2f} [no interval{why}]"
    return f"{interval.value:.2f} [{interval.low:.2f} to {interval.high:.2f}]"


def _size(validation: ValidationResult) -> str:
    return f"{validation.n.case} cases + {validation.n.control} controls"


def _range(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"
