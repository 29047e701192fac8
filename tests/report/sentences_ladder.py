"""Sentences of the ladder: rungs, headline, and what stands behind the first broken one."""

from __future__ import annotations

from dataclasses import replace

import made_audit
from frozen_run import dominance as dominance_record
from made_dominance import surrogate_fidelity
from msgspec import structs
from sentence import Build, Sentence
from test_ladder import GROUP, MARGINS, foreign_records, leaking, records

from cfdna_interp.config.settings import Corrected
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.held import ColumnObstacle
from cfdna_interp.records.leaks import Leak
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.verdict import CautionKind, Status
from cfdna_interp.verdict.ladder import climb
from cfdna_interp.verdict.rung_words import rung_words

BOTH = Corrected("with labels", "", "both roles")
DISCOVERY = Corrected("with labels", "", "discovery")


def text(
    dominance: Dominance, validation: ValidationResult, audit: Audit, *more: object, **how: object
) -> str:
    """Return what a reader sees: the two sentences, and each rung with its word."""
    verdict = climb(dominance, validation, audit, MARGINS, *more, **how)
    told = list(verdict.sentences)
    for rung in verdict.rungs:
        claim = rung.claim if rung.status is Status.EARNED else f"Not earned: {rung.claim}"
        told.append(f"{rung.rung} {rung.word}: {claim}; {rung_words(rung, dominance, audit)}.")
    return " ".join(told)


def ladder(**changes: object) -> Build:
    return lambda: text(*records(**changes))


def corrected(how: Corrected) -> Build:
    return lambda: text(*records(), how)


def against(*kinds: CautionKind, **changes: object) -> Build:
    return lambda: text(*records(**changes), against=kinds)


def nobody(*, excluded: bool, **changes: object) -> Build:
    """Return a run whose attribution names nobody, with or without proof that none leads."""

    def build() -> str:
        _, validation, audit = records(outcome="none", **changes)
        return text(dominance_record("none", excluded=excluded), validation, audit)

    return build


def follows(low: float, high: float, lowest: float = 0.93) -> Build:
    return lambda: text(*foreign_records(low, high, lowest))


def uncompared() -> str:
    dominance, validation, audit = records()
    return text(dominance, structs.replace(validation, paired=()), audit)


def leak() -> str:
    return text(*leaking(made_audit.broken(Leak.NAME, 1)))


def unheld_sex() -> str:
    dominance, validation, audit = records()
    columns = (made_audit.column("age"), made_audit.column("sex", ColumnObstacle.MISSING))
    audit = structs.replace(audit, person=made_audit.claim("not age or sex", columns))
    return text(dominance, validation, audit)


def foreign_scores() -> str:
    """The size for L1 of a model that is known by its scores."""
    _, validation, audit = records(outcome="none")
    return text(dominance_record("none", fidelity=surrogate_fidelity()), validation, audit)


def other_group() -> str:
    """A suppressor, and no group for certain."""
    _, validation, audit = records(outcome="suppressor")
    return text(dominance_record("suppressor", None), validation, audit)


ALL = ladder()
NO_SIGNAL = {"p": 0.0501, "low": 0.45, "high": 0.6}


def row(
    key: str, words: str, printed: str, absent: str, true: Build, false: Build, test: str = ""
) -> Sentence:
    made = "cfdna_interp/verdict/rung_words.py"
    return Sentence(
        key, words, made, printed, absent, true, false, test and f"tests/verdict/test_ladder.py::{test}"
    )


RUNGS = (
    row(
        "L0: earned",
        "L0 earned: there is a signal; held-out AUROC …, n = 40 cases + 40 controls, permutation p",
        "permutation p at most .05, interval above .5",
        "p of .9",
        ALL,
        ladder(p=0.9),
    ),
    row(
        "L0: no signal",
        "L0 no signal: … the upper bound is below 0.65",
        "p above .05 and the upper bound below the ceiling",
        "the upper bound at the ceiling",
        ladder(**NO_SIGNAL),
        ladder(**NO_SIGNAL | {"high": 0.65}),
    ),
    row(
        "L0: can't tell",
        "L0 can't tell: … not shown, and not excluded up to 0.65",
        "neither shown nor excluded",
        "a signal is shown",
        ladder(p=0.9),
        ALL,
    ),
    row("L0: can't tell: leak", "L0 can't tell: leak: …", "a leak was found", "none was", leak, ALL),
    row(
        "L2 to L5: can't tell: leak",
        "what leaks at L0 may be behind it",
        "a rung on held-out subjects is earned and L0 leaks",
        "nothing leaks",
        leak,
        ALL,
    ),
    row(
        "L1: earned",
        "L1 earned: the model relies on fragment length",
        "a group is dominant",
        "none is",
        ALL,
        ladder(outcome="none"),
    ),
    row(
        "L1: with a suppressor",
        "L1 with a suppressor: … and tissue of origin takes noise off it",
        "a group is named beside a suppressor",
        "there is no suppressor",
        ladder(outcome="suppressor"),
        ALL,
    ),
    row(
        "L1: suppressor",
        "L1 suppressor: Not earned",
        "a suppressor and no group for certain",
        "a group is named",
        other_group,
        ladder(outcome="suppressor"),
    ),
    row(
        "L1: redundant",
        "L1 redundant: Not earned",
        "the leading groups replace each other",
        "one is dominant",
        ladder(outcome="redundant"),
        ALL,
    ),
    row(
        "L1: interaction",
        "L1 interaction: Not earned",
        "groups count only together",
        "one is dominant",
        ladder(outcome="interaction"),
        ALL,
    ),
    row(
        "L1: can't tell",
        "L1 can't tell: Not earned",
        "nothing can be told of the attribution",
        "a group is dominant",
        ladder(outcome="can't tell"),
        ALL,
    ),
    row(
        "L1: no group leads",
        "L1 no group leads: Not earned",
        "a leader is excluded, and there is a signal",
        "refits allow a leader",
        nobody(excluded=True),
        nobody(excluded=False),
    ),
    row(
        "L1: no signal to divide",
        "No group leads, but that there is a signal is not shown (L0: can't tell)",
        "a leader is excluded without a signal",
        "there is a signal",
        nobody(excluded=True, p=0.9),
        nobody(excluded=True),
    ),
    row(
        "L1: size",
        "At the effects seen here (…) …",
        "no group is named and refits allow one",
        "a group is named",
        nobody(excluded=False),
        ALL,
    ),
    row(
        "L1: size of a score",
        "More subjects would tell. How many is not known: the surrogate follows a score",
        "no group is named in a score",
        "the model's own effects are known",
        foreign_scores,
        nobody(excluded=False),
    ),
    row(
        "L2: earned",
        "L2 earned: fragment length is necessary: retrained without it the model loses more than 0.02",
        "the lower bound of the loss above the margin",
        "at the margin",
        ALL,
        ladder(necessity=(0.02, 0.3)),
    ),
    row(
        "L2: replaceable",
        "L2 replaceable: … the upper bound is below 0.05",
        "the upper bound below the margin",
        "at the margin",
        ladder(necessity=(-0.1, 0.049)),
        ladder(necessity=(-0.1, 0.05)),
    ),
    row(
        "L2: can't tell",
        "L2 can't tell: … the interval reaches from",
        "neither",
        "the loss is shown",
        ladder(necessity=(-0.1, 0.1)),
        ALL,
    ),
    row("L2, L3: nobody", "no group is dominant", "no group is named", "one is", ladder(outcome="none"), ALL),
    row(
        "L2, L3: no score",
        "has no held-out score to compare with",
        "the score is missing",
        "it is there",
        uncompared,
        ALL,
    ),
    row(
        "L2: earned, of a score",
        "L2 earned: … the surrogate of the model's score loses more than 0.05 of R²; R² of",
        "the lower bound of what the surrogate loses above the bound",
        "at it",
        follows(0.051, 0.9),
        follows(0.05, 0.9),
    ),
    row(
        "L2: replaceable, of a score",
        "L2 replaceable: … the upper bound is below 0.1",
        "the upper bound below .10",
        "at it",
        follows(-0.01, 0.099),
        follows(-0.01, 0.1),
    ),
    row(
        "L2: surrogate is not the model",
        "what it needs needn't be what the model needs",
        "held out the surrogate follows the score with a lower bound below .90",
        "it follows it",
        follows(0.8, 0.9, 0.89),
        follows(0.8, 0.9),
    ),
    row(
        "L3: earned",
        "L3 earned: fragment length is sufficient: … to within 0.05",
        "one-sided upper bound below the margin",
        "at it",
        ALL,
        ladder(sufficiency=(-0.1, 0.06, 0.05)),
    ),
    row(
        "L3: not sufficient",
        "L3 not sufficient: … the lower bound is above 0.05",
        "the lower bound above the margin",
        "at it",
        ladder(sufficiency=(0.0501, 0.2, 0.18)),
        ladder(sufficiency=(0.05, 0.2, 0.18)),
    ),
    row(
        "L3: can't tell",
        "L3 can't tell: … not below 0.05",
        "neither",
        "it is shown",
        ladder(sufficiency=(-0.1, 0.06, 0.05)),
        ALL,
    ),
    row(
        "L4: earned",
        "L4 earned: it is not handling",
        "the audit says so",
        "the audit can't tell",
        ALL,
        ladder(handling="can't tell"),
    ),
    row(
        "L4: attenuated",
        "L4 attenuated: Not earned",
        "part of the signal goes with handling",
        "it doesn't",
        ladder(handling="attenuated"),
        ALL,
    ),
    row(
        "L4: handling",
        "L4 handling: Not earned",
        "nothing is left of the signal",
        "it is there",
        ladder(handling="handling"),
        ALL,
    ),
    row(
        "L4: can't tell",
        "L4 can't tell: Not earned",
        "the audit can't tell",
        "it can",
        ladder(handling="can't tell"),
        ALL,
    ),
    row(
        "L5: earned",
        "L5 earned: it is not the person: the signal holds with age and sex held",
        "the audit says so",
        "the audit can't tell",
        ALL,
        ladder(person="can't tell"),
    ),
    row(
        "L5: attenuated",
        "L5 attenuated: Not earned",
        "part of the signal goes with the person",
        "it doesn't",
        ladder(person="attenuated"),
        ALL,
    ),
    row(
        "L5: confounded",
        "L5 confounded: Not earned",
        "nothing is left of the signal",
        "it is there",
        ladder(person="confounded"),
        ALL,
    ),
    row(
        "L5: can't tell",
        "L5 can't tell: Not earned",
        "the audit can't tell",
        "it can",
        ladder(person="can't tell"),
        ALL,
    ),
    row(
        "L5: can't tell: not recorded",
        "L5 can't tell: not recorded: Not earned",
        "age isn't recorded",
        "it is",
        ladder(person="can't tell: not recorded"),
        ALL,
    ),
    row(
        "L5: what was held",
        "with age and sex held",
        "both were held",
        "sex could not be held",
        ALL,
        unheld_sex,
    ),
    row(
        "all: corrected with labels",
        "L4 corrected with labels: Not earned",
        "values were corrected with labels over both",
        "over discovery alone",
        corrected(BOTH),
        corrected(DISCOVERY),
    ),
    row(
        "L1 to L3: corrected",
        "with labels over discovery, on which this rests",
        "discovery was corrected with labels",
        "nothing was corrected",
        corrected(DISCOVERY),
        ALL,
    ),
    row(
        "all: few",
        "the held-out cohort has 14 cases and 40 controls, fewer than 15 of a class",
        "fewer than 15",
        "15",
        ladder(n=(14, 40)),
        ladder(n=(15, 40)),
    ),
)

HEADLINE = (
    row(
        "headline: none",
        "whether the model holds a signal cannot be told",
        "L0 can't tell",
        "L0 is earned",
        ladder(p=0.9),
        ALL,
    ),
    row(
        "headline: no signal",
        "the model shows no signal",
        "L0 is refused",
        "L0 can't tell",
        ladder(**NO_SIGNAL),
        ladder(p=0.9),
    ),
    row(
        "headline: corrected",
        "nothing can be said of the model, since labels had a part in the values",
        "every rung is refused for a correction",
        "L0 is refused for lack of signal",
        corrected(BOTH),
        ladder(**NO_SIGNAL),
    ),
    row(
        "headline: signal",
        "the model tells the classes apart",
        "L0 is earned",
        "it isn't",
        ALL,
        ladder(p=0.9),
    ),
    row(
        "headline: L0",
        "which feature group it rests on is not shown",
        "L1 isn't earned",
        "it is",
        ladder(outcome="none"),
        ALL,
    ),
    row(
        "headline: L1",
        "it relies on fragment length",
        "L1 is earned",
        "it isn't",
        ladder(necessity=(-0.1, 0.1)),
        ladder(outcome="none"),
    ),
    row(
        "headline: L2",
        "and needs it.",
        "L2 is earned",
        "it isn't",
        ladder(sufficiency=(0.06, 0.2, 0.18)),
        ladder(necessity=(-0.1, 0.1)),
    ),
    row(
        "headline: L2, of a score",
        "its surrogate needs it",
        "the model is known by its scores",
        "it was retrained itself",
        ladder(),
        ladder(),
        "test_the_headline_doesnt_say_that_a_model_was_retrained_that_could_not_be",
    ),
    row(
        "headline: L3",
        "is matched by a logistic regression on it.",
        "L3 is earned",
        "it isn't",
        ladder(handling="attenuated"),
        ladder(sufficiency=(0.06, 0.2, 0.18)),
    ),
    row(
        "headline: L4",
        "and isn't handling as far as that is recorded",
        "L4 is earned",
        "it isn't",
        ladder(person="confounded"),
        ladder(handling="attenuated"),
    ),
    row(
        "headline: L5",
        "is neither handling nor the person as far as these are recorded",
        "L5 is earned",
        "it isn't",
        ALL,
        ladder(person="confounded"),
    ),
    row(
        "second: unbroken",
        "No rung is broken: what remains is the bench",
        "all rungs earned, nothing against them",
        "something stands against the verdict",
        ALL,
        against(CautionKind.CALIBRATION_OFF),
    ),
    row(
        "second: against",
        "No rung is broken, but something stands against it: calibration off.",
        "a caution speaks against",
        "a rung is broken",
        against(CautionKind.CALIBRATION_OFF),
        against(CautionKind.CALIBRATION_OFF, person="attenuated"),
    ),
    row(
        "second: ends",
        "The ladder ends before L2 (can't tell)",
        "L2 is the first that isn't earned",
        "L2 is earned",
        ladder(necessity=(-0.1, 0.1)),
        ALL,
    ),
    row(
        "second: handling",
        "; and at L4 (handling)",
        "L4 is refused above the broken rung",
        "L4 is earned",
        ladder(necessity=(-0.1, 0.1), handling="handling"),
        ladder(necessity=(-0.1, 0.1)),
    ),
    row(
        "second: person",
        "; and at L5 (confounded)",
        "L5 is refused above the broken rung",
        "L5 is earned",
        ladder(necessity=(-0.1, 0.1), person="confounded"),
        ladder(necessity=(-0.1, 0.1)),
    ),
    row(
        "second: exploratory",
        "exploratory, since the held-out labels had been opened before",
        "a second opening",
        "the first",
        ladder(exploratory=True),
        ALL,
    ),
)
# The older test asks both of one sentence.
HEADLINE = tuple(replace(one, true=None, false=None) if one.test else one for one in HEADLINE)
SENTENCES = RUNGS + HEADLINE
__all__ = ["GROUP", "SENTENCES"]
