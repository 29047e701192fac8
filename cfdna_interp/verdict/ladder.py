"""The ladder of claims: each rung judged by itself, the headline the highest unbroken one.

Bounds: rung L2 uses the two-sided 95 % interval of the paired difference. Rung L3 is earned by its
one-sided upper 95 % bound, as tests of non-inferiority are, and refused by the two-sided lower one. Where
a rung's conditions for earning and refusing both hold, it is earned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from cfdna_interp.artifacts.predictions import SURROGATE
from cfdna_interp.artifacts.sheet import Role
from cfdna_interp.attribution.judge import FIDELITY
from cfdna_interp.attribution.planning import MOST, NAMED, size_to_decide
from cfdna_interp.attribution.roles import LOSES, REPLACED, separation
from cfdna_interp.config.settings import Corrected, Validation
from cfdna_interp.proxy.measure import RETRAINED
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.dominance import Dominance, GroupAttribution
from cfdna_interp.records.held import ClaimStatus, HeldClaim
from cfdna_interp.records.leaks import Leakage
from cfdna_interp.records.validation import PairedDifference, SurrogateLosses, ValidationResult
from cfdna_interp.records.values import Counts, Interval, interval_of
from cfdna_interp.records.verdict import (
    Attributed,
    Audited,
    Bound,
    CautionKind,
    Compared,
    DecidingSize,
    FewSubjects,
    Followed,
    HeldEvidence,
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
    RelianceEvidence,
    Rung,
    RungName,
    Signal,
    SignalEvidence,
    SignalFinding,
    Status,
    SufficiencyEvidence,
    SurrogateEvidence,
    Word,
)
from cfdna_interp.verdict.claim_words import claim_words, decides_words, series
from cfdna_interp.verdict.reliance_words import name_of
from cfdna_interp.verdict.rung_words import interval_words, rung_words

FEWEST = 15
SIGNIFICANT = 0.05
WITH_LABELS = "with labels"  # of `corrected.how`
NOT_SAID = Corrected("unknown")
FITTED = ("L1", "L2", "L3")  # rungs that rest on what was fitted in discovery
HELD_OUT = ("L2", "L3", "L4", "L5")  # rungs that rest on held-out subjects
# What the audit says of handling and of the person, as the word of a rung that isn't earned.
WORDS = {
    ClaimStatus.ATTENUATED: Word.ATTENUATED,
    ClaimStatus.HANDLING: Word.HANDLING,
    ClaimStatus.CONFOUNDED: Word.CONFOUNDED,
    ClaimStatus.CANT_TELL: Word.CANT_TELL,
    ClaimStatus.NOT_RECORDED: Word.NOT_RECORDED,
}


@dataclass(frozen=True)
class Ladder:
    """The rungs, and what they come to.

    Attributes
    ----------
    headline
        The highest unbroken rung, None where L0 isn't earned.
    sentences
        The verdict in two sentences.
    rungs
        From L0 to L5.
    """

    headline: RungName | None
    sentences: tuple[str, str]
    rungs: tuple[Rung, ...]


@dataclass(frozen=True)
class Judgement:
    """What the ladder has for handling or for the person.

    Attributes
    ----------
    word
        The word of the audit, or of the rung where that overrules the audit.
    reason
        Why, a sentence.
    would_decide
        Which data would decide, "" where it is decided or the ladder says what is missing.
    """

    word: ClaimStatus | Word
    reason: str
    would_decide: str

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


@dataclass(frozen=True)
class Judgements:
    """What all who repeat the audit say of rungs L4 and L5."""

    handling: Judgement
    person: Judgement


def climb(
    dominance: Dominance,
    validation: ValidationResult,
    audit: Audit,
    margins: Validation,
    corrected: Corrected = NOT_SAID,
    against: Sequence[CautionKind] = (),
) -> Ladder:
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
    signal = _signal(validation, audit.leakage, margins)
    judged = (
        signal,
        _reliance(dominance, validation, signal),
        _necessity(dominance.group, validation, margins),
        _sufficiency(dominance.group, validation, margins),
        _held("L4", "it is not handling", audit.handling, earned=ClaimStatus.NOT_HANDLING),
        _held("L5", _person_claim(audit.person), audit.person, earned=ClaimStatus.NOT_PERSON),
    )
    # The numbers stay: what cannot be judged can still be read.
    rungs = tuple(_unjudged(rung, few) if few else rung for rung in judged)
    rungs = _corrected(_leaked(rungs), corrected)
    headline: RungName | None = None
    for rung in rungs:
        if rung.status is not Status.EARNED:
            break
        headline = rung.rung
    return Ladder(
        headline=headline,
        sentences=(
            _first(headline, rungs[0].word, dominance, validation),
            _second(rungs, headline, dominance, validation, audit, against),
        ),
        rungs=rungs,
    )


def judgements(dominance: Dominance, audit: Audit, rungs: Iterable[Rung]) -> Judgements:
    """Return what is to be said of handling and of the person, for all who repeat it.

    The ladder overrules the audit where too few subjects, a leak, or an earlier correction leave nothing to
    judge.

    Parameters
    ----------
    dominance, audit
        ``dominance.json`` and ``audit.json``.
    rungs
        The ladder, as in ``verdict.json``.
    """
    rung = {rung.rung: rung for rung in rungs}
    return Judgements(
        _judgement(audit.handling, rung["L4"], dominance, audit),
        _judgement(audit.person, rung["L5"], dominance, audit),
    )


def _judgement(claim: HeldClaim, rung: Rung, dominance: Dominance, audit: Audit) -> Judgement:
    if rung.status is Status.EARNED or rung.word is WORDS.get(claim.status):
        return Judgement(claim.status, claim_words(claim), decides_words(claim))
    return Judgement(rung.word, rung_words(rung, dominance, audit), "")


def _too_few(validation: ValidationResult) -> FewSubjects | None:
    roles: tuple[tuple[Role, Counts], ...] = (("discovery", validation.discovery), ("heldout", validation.n))
    for role, n in roles:
        if min(n.case, n.control) < FEWEST:
            return FewSubjects(role=role, n=n, needed=FEWEST)
    return None


def _unjudged(rung: Rung, few: FewSubjects) -> Rung:
    if rung.word is Word.LEAK:  # more subjects of this kind would not help
        return replace(rung, reasons=(few, *rung.reasons))
    return replace(rung, status=Status.CANT_TELL, word=Word.CANT_TELL, reasons=(few,))


def _leaked(rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    """Take back what rests on held-out subjects where L0 leaks: they may be known, or their labels read."""
    if rungs[0].word is not Word.LEAK:
        return rungs
    return tuple(
        replace(rung, status=Status.CANT_TELL, word=Word.LEAK, reasons=(*rung.reasons, LeakBelow()))
        if rung.status is Status.EARNED and rung.rung in HELD_OUT
        else rung
        for rung in rungs
    )


def _corrected(rungs: tuple[Rung, ...], corrected: Corrected) -> tuple[Rung, ...]:
    """Refuse every rung where held-out labels had a part in the values; mark what rests on discovery ones."""
    if corrected.how != WITH_LABELS:
        return rungs
    labels = LabelsInValues(corrected=corrected)
    if corrected.over != "discovery":
        return tuple(
            replace(rung, status=Status.REFUSED, word=Word.CORRECTED, reasons=(labels,)) for rung in rungs
        )
    return tuple(
        replace(rung, reasons=(*rung.reasons, labels)) if rung.rung in FITTED else rung for rung in rungs
    )


def _signal(validation: ValidationResult, leakage: Leakage, margins: Validation) -> Rung:
    p, auroc = validation.permutation.p, validation.scores["model"].auroc
    status, word, finding = Status.CANT_TELL, Word.CANT_TELL, SignalFinding.OPEN
    leaks: tuple[Reason, ...] = ()
    if leakage.breaks:
        leaks = (Leaking(breaks=leakage.breaks, without=leakage.without),)
        word, finding = Word.LEAK, SignalFinding.LEAK
    elif auroc.low is None or auroc.high is None:
        finding = SignalFinding.NO_INTERVAL
    elif p <= SIGNIFICANT and auroc.low > 0.5:
        status, word, finding = Status.EARNED, Word.EARNED, SignalFinding.SHOWN
    elif p > SIGNIFICANT and auroc.high < margins.signal_ceiling:
        status, word, finding = Status.REFUSED, Word.NO_SIGNAL, SignalFinding.BELOW_CEILING
    return Rung(
        rung="L0",
        claim="there is a signal",
        status=status,
        word=word,
        reasons=(*leaks, Signal(finding=finding, n=validation.n, ceiling=margins.signal_ceiling)),
        evidence=SignalEvidence(auroc=auroc, p=p),
    )


def _reliance(dominance: Dominance, validation: ValidationResult, signal: Rung) -> Rung:
    outcome, group = dominance.outcome, dominance.group
    claim, suppressors = f"the model relies on {_name(group)}", _suppressors(dominance.groups)
    reasons: tuple[Reason, ...] = (Attributed(),)
    if outcome == "none":
        status, word = Status.CANT_TELL, Word.CANT_TELL
        # Where there is no signal to divide, that nothing leads in it refuses nothing.
        if dominance.margin.excluded and signal.status is Status.EARNED:
            status, word = Status.REFUSED, Word.NO_LEADER
        else:
            reasons += (_would_decide(dominance, validation, signal),)
    elif outcome == "dominant":
        status, word = Status.EARNED, Word.EARNED
    elif outcome == "suppressor" and group is not None:
        status, word = Status.EARNED, Word.WITH_SUPPRESSOR
        claim += f", and {suppressors} takes noise off it"
    else:
        status, word = Status.CANT_TELL, Word(outcome)
    evidence = None
    if group is not None:
        evidence = RelianceEvidence(share=dominance.groups[group].share)
    return Rung(rung="L1", claim=claim, status=status, word=word, reasons=reasons, evidence=evidence)


def _would_decide(dominance: Dominance, validation: ValidationResult, signal: Rung) -> Reason:
    """Return how many discovery subjects would name a group, or exclude that one leads."""
    if dominance.margin.excluded:
        return NoSignal(word=signal.word)
    if dominance.fidelity is not None:
        return NoEffects()
    reached = dominance.cross_fitted_auroc
    effects = {g: max(separation(reached[f"model_only_{g}"]), 0.0) for g in dominance.groups}
    ranked = sorted(effects.items(), key=lambda effect: -effect[1])
    here = validation.discovery
    plan = size_to_decide(
        [effect for _, effect in ranked], controls_per_case=here.control / max(here.case, 1)
    )
    size = None
    if plan is not None:
        n = Counts(case=plan.case, control=plan.control)
        size = DecidingSize(n=n, named=plan.answer == NAMED)
    return Plan(effects=tuple(ranked), size=size, most=MOST, n=here)


def _necessity(group: str | None, validation: ValidationResult, margins: Validation) -> Rung:
    if validation.surrogate is not None:
        return _followed(group, validation.surrogate)
    margin = f"{margins.necessity_margin:g}"
    claim = f"{_name(group)} is necessary: retrained without it the model loses more than {margin} of AUROC"

    def decide(pair: PairedDifference) -> tuple[Status, Word, Bound, float]:
        if pair.low > margins.necessity_margin:
            return Status.EARNED, Word.EARNED, Bound.LOW_ABOVE, margins.necessity_margin
        if pair.high < margins.replaceable_margin:
            return Status.REFUSED, Word.REPLACEABLE, Bound.HIGH_BELOW, margins.replaceable_margin
        return Status.CANT_TELL, Word.CANT_TELL, Bound.BETWEEN, margins.necessity_margin

    rung, pair = _compared("L2", claim, group, validation, f"{RETRAINED}{group}", decide)
    return rung if pair is None else replace(rung, evidence=NecessityEvidence(difference=interval_of(pair)))


def _followed(group: str | None, surrogate: SurrogateLosses) -> Rung:
    """Judge L2 of a model that is known by its scores, by what its surrogate needs to follow it."""
    claim = (
        f"{_name(group)} is necessary: retrained without it the surrogate of the model's score loses more "
        f"than {LOSES:g} of R²"
    )
    if group is None:
        return _open("L2", claim, NoGroup())
    follows, loss = surrogate.follows, surrogate.losses.get(group)
    if loss is None:
        return _open("L2", claim, NoScore(score=f"{SURROGATE}_without_{group}"))
    status, word, margin = Status.CANT_TELL, Word.CANT_TELL, LOSES
    bound: Bound | None = Bound.BETWEEN
    if follows.low is None or follows.low < FIDELITY:
        bound, margin = None, FIDELITY
    elif loss.low is not None and loss.low > LOSES:
        status, word, bound = Status.EARNED, Word.EARNED, Bound.LOW_ABOVE
    elif loss.high is not None and loss.high < REPLACED:
        status, word, bound, margin = Status.REFUSED, Word.REPLACEABLE, Bound.HIGH_BELOW, REPLACED
    reason = Followed(group=group, n=surrogate.n, measure=surrogate.measure, bound=bound, margin=margin)
    evidence = SurrogateEvidence(follows=follows, r2_lost=loss)
    return Rung(rung="L2", claim=claim, status=status, word=word, reasons=(reason,), evidence=evidence)


def _sufficiency(group: str | None, validation: ValidationResult, margins: Validation) -> Rung:
    margin = margins.sufficiency_margin
    claim = (
        f"{_name(group)} is sufficient: a logistic regression on it reaches the model's AUROC to within "
        f"{margin:g}"
    )

    def decide(pair: PairedDifference) -> tuple[Status, Word, Bound, float]:
        if pair.high_one_sided < margin:
            return Status.EARNED, Word.EARNED, Bound.HIGH_BELOW, margin
        if pair.low > margin:
            return Status.REFUSED, Word.NOT_SUFFICIENT, Bound.LOW_ABOVE, margin
        return Status.CANT_TELL, Word.CANT_TELL, Bound.BETWEEN, margin

    rung, pair = _compared("L3", claim, group, validation, "proxy", decide)
    if pair is None:
        return rung
    difference = Interval(value=pair.value, low=pair.low, high=pair.high_one_sided)
    return replace(rung, evidence=SufficiencyEvidence(difference=difference))


def _compared(
    rung: RungName,
    claim: str,
    group: str | None,
    validation: ValidationResult,
    score: str,
    decide: Callable[[PairedDifference], tuple[Status, Word, Bound, float]],
) -> tuple[Rung, PairedDifference | None]:
    """Judge the model's AUROC less that of another score; return the pair, None where there is none."""
    if group is None:
        return _open(rung, claim, NoGroup()), None
    pairs = [pair for pair in validation.paired if pair.b == score]
    if not pairs:
        return _open(rung, claim, NoScore(score=score)), None
    status, word, bound, margin = decide(pairs[0])
    reason = Compared(score=score, n=validation.n, bound=bound, margin=margin)
    return Rung(rung=rung, claim=claim, status=status, word=word, reasons=(reason,)), pairs[0]


def _open(rung: RungName, claim: str, reason: Reason) -> Rung:
    return Rung(rung=rung, claim=claim, status=Status.CANT_TELL, word=Word.CANT_TELL, reasons=(reason,))


def _held(rung: RungName, claim: str, judged: HeldClaim, *, earned: ClaimStatus) -> Rung:
    """Judge a rung by what the audit says of it."""
    status = Status.CANT_TELL
    if judged.status is earned:
        status = Status.EARNED
    elif judged.status in (ClaimStatus.ATTENUATED, ClaimStatus.HANDLING, ClaimStatus.CONFOUNDED):
        status = Status.REFUSED
    measure = judged.measure
    return Rung(
        rung=rung,
        claim=claim,
        status=status,
        word=Word.EARNED if status is Status.EARNED else WORDS[judged.status],
        reasons=(Audited(),),
        evidence=HeldEvidence(
            crude=judged.crude,
            held=None if measure is None else interval_of(measure.auroc),
            fall=None if measure is None else interval_of(measure.fall),
        ),
    )


def _person_claim(claim: HeldClaim) -> str:
    """Name what was held: without a column for sex nothing is claimed of sex."""
    held = series(claim.held) if claim.held else "age and sex"
    return f"it is not the person: the signal holds with {held} held"


def _first(
    headline: RungName | None, signal: Word, dominance: Dominance, validation: ValidationResult
) -> str:
    n, auroc = validation.n, validation.scores["model"].auroc
    people = f"On {n.case} held-out cases and {n.control} controls"
    if headline is None:
        found = {
            Word.NO_SIGNAL: "the model shows no signal",
            Word.CORRECTED: "nothing can be said of the model, since labels had a part in the values",
        }.get(signal, "whether the model holds a signal cannot be told")
        return f"{people} {found} (AUROC {interval_words(auroc)})."
    name = _name(dominance.group)
    if suppressors := _suppressors(dominance.groups):
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
    return f"{people} the model tells the classes apart (AUROC {interval_words(auroc)}); {clauses[headline]}."


def _second(
    rungs: tuple[Rung, ...],
    headline: RungName | None,
    dominance: Dominance,
    validation: ValidationResult,
    audit: Audit,
    against: Sequence[CautionKind],
) -> str:
    # The labels were opened before, under another protocol or with other labels of the same subjects.
    again = "; exploratory, since the held-out labels had been opened before"
    suffix = again if validation.opening.exploratory else ""
    if headline == rungs[-1].rung and against:
        return f"No rung is broken, but something stands against it: {', '.join(against)}{suffix}."
    if headline == rungs[-1].rung:
        return f"No rung is broken: what remains is the bench, beginning with the handling control{suffix}."
    broken = next(rung for rung in rungs if rung.status is not Status.EARNED)
    why = rung_words(broken, dominance, audit)
    sentence = f"The ladder ends before {broken.rung} ({broken.word}): {why}"
    for rung in rungs[-2:]:
        # What imitates biology is said wherever the ladder ends.
        if rung is not broken and rung.status is Status.REFUSED:
            sentence += f"; and at {rung.rung} ({rung.word}), {rung_words(rung, dominance, audit)}"
    return f"{sentence}{suffix}."


def _name(group: str | None) -> str:
    return "one feature group" if group is None else name_of(group)


def _suppressors(attributed: Mapping[str, GroupAttribution]) -> str:
    """Return the groups that take noise off the others, "" where there is none."""
    groups = [name for name, record in attributed.items() if record.role == "suppressor"]
    return " and ".join(_name(group) for group in groups)
