"""Sentences on leaks and shifts: what breaks rung L0, what was looked for, and whether controls are alike."""

from __future__ import annotations

from typing import Literal

import made_audit
from sentence import Build, Sentence

from cfdna_interp.records.leaks import FollowedSource, Leak, SourceKind
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.report.leakage import checks, leak_sentence, shift_sentences, sources
from cfdna_interp.verdict.leak_cautions import leak_words, without_words

Looked = Missing | Literal["found", "nothing"]
FEW = Missing(why=Cause.FEW_CONTROLS_OF_A_ROLE, seen=4, needed=10)
ORDER = {
    "source_kind": SourceKind.ORDER,
    "source": "order of the rows",
    "auroc": 0.9,
    "correlation": 0.5,
    "p": 0.001,
}


def leaks(*kinds: Leak) -> Build:
    record = made_audit.leakage(breaks=tuple(made_audit.broken(kind, 2, **ORDER) for kind in kinds))
    return lambda: f"{leak_words(record.breaks, record.without)} {leak_sentence(record)}"


def without(*, missing: Missing | None = None, known: bool = True) -> Build:
    left = made_audit.without(2, 30, {"model": made_audit.auroc(0.5)}, missing)
    return lambda: without_words(left if known else None)


def looked(
    subjects: tuple[str, ...] = (),
    *,
    molecules: Looked = "nothing",
    twins: Looked = "nothing",
    readable: bool | None = False,
) -> Build:
    """Return the four checks: found, nothing found, or not looked for where something is missing."""
    record = made_audit.leakage(
        shared_subjects=subjects,
        near=(made_audit.twins("S1", "T1"),) if twins == "found" else (),
        near_missing=twins if isinstance(twins, Missing) else None,
        shared=(made_audit.molecules("S1", "T1"),) if molecules == "found" else (),
        shared_missing=molecules if isinstance(molecules, Missing) else None,
        readable_labels=() if readable is None else (made_audit.source(tells=readable),),
    )
    return lambda: " ".join(f"{check.name}: {check.status}. {check.sentence}" for check in checks(record))


def shift(p: float | None) -> Build:
    record = made_audit.shift(p=p) if p is not None else made_audit.shift(auroc=None, missing=FEW)
    return lambda: " ".join(shift_sentences(record))


def followed(correlation: float | None, *, asked: bool = True) -> Build:
    asks = (FollowedSource(source="order of the rows", correlation=correlation, p_holm=0.3),) if asked else ()
    record = made_audit.leakage(readable_labels=(made_audit.source(),), followed=asks)
    return lambda: " ".join(one.followed for one in sources(record))


def row(
    key: str,
    words: str,
    printed: str,
    absent: str,
    true: Build,
    false: Build,
    made: str = "cfdna_interp/report/leakage.py",
) -> Sentence:
    return Sentence(key, words, made, printed, absent, true, false)


WORDS = "cfdna_interp/verdict/leak_cautions.py"
CLEAN = looked()
BREAKS = (
    row(
        f"leak: {Leak.NAME}",
        "have a name that stands in discovery, too",
        "a subject is in both roles",
        "only twins are",
        leaks(Leak.NAME),
        leaks(Leak.TWIN),
        WORDS,
    ),
    row(
        f"leak: {Leak.TWIN}",
        "are near-duplicates of discovery subjects by their features",
        "twins across roles",
        "only names are shared",
        leaks(Leak.TWIN),
        leaks(Leak.NAME),
        WORDS,
    ),
    row(
        f"leak: {Leak.MOLECULES}",
        "hold the molecules of discovery subjects",
        "shared molecules",
        "only names are shared",
        leaks(Leak.MOLECULES),
        leaks(Leak.NAME),
        WORDS,
    ),
    row(
        f"leak: {Leak.FOLLOWED}",
        "the score follows the order of the rows among subjects of one label and batch",
        "the score follows the order",
        "gaps tell the label",
        leaks(Leak.FOLLOWED),
        leaks(Leak.GAPS),
        WORDS,
    ),
    row(
        f"leak: {Leak.GAPS}",
        "alone tell the label with AUROC",
        "gaps tell the label",
        "the score follows the order",
        leaks(Leak.GAPS),
        leaks(Leak.FOLLOWED),
        WORDS,
    ),
    row(
        "leak: without",
        "without these 2 subjects the AUROC is: model 0.50",
        "subjects could be left out",
        "they could not",
        without(),
        without(known=False),
        WORDS,
    ),
    row(
        "leak: nobody left",
        "there is no AUROC: a class has 2 subjects, fewer than 5",
        "too few are left",
        "enough are",
        without(missing=Missing(why=Cause.FEW_OF_A_CLASS, seen=2, needed=5)),
        without(),
        WORDS,
    ),
    row(
        "leak: none",
        "Nothing of what was found breaks rung L0.",
        "no leak",
        "a subject in both roles",
        leaks(),
        leaks(Leak.NAME),
    ),
    row(
        "leak: some", "This breaks rung L0:", "a subject in both roles", "no leak", leaks(Leak.NAME), leaks()
    ),
)
CHECKS = (
    row(
        "check: subjects, found",
        "Subjects in both roles: found.",
        "a name in both roles",
        "none",
        looked(("S1",)),
        CLEAN,
    ),
    row(
        "check: subjects, nothing",
        "No name of a subject occurs in both roles",
        "none",
        "a name in both roles",
        CLEAN,
        looked(("S1",)),
    ),
    row(
        "check: molecules, found",
        "The same molecules in two samples: found.",
        "a pair",
        "none",
        looked(molecules="found"),
        CLEAN,
    ),
    row(
        "check: molecules, nothing",
        "No two samples of different subjects share more than others do",
        "none",
        "they weren't looked for",
        CLEAN,
        looked(molecules=Missing(why=Cause.NO_FRAGMENTS)),
    ),
    row(
        "check: molecules, not looked for",
        "The same molecules in two samples: not checked.",
        "a table has no fragments",
        "they were looked for",
        looked(molecules=Missing(why=Cause.NO_FRAGMENTS)),
        CLEAN,
    ),
    row(
        "check: twins, found",
        "Near-duplicates by their features: found.",
        "a pair",
        "none",
        looked(twins="found"),
        CLEAN,
    ),
    row(
        "check: twins, nothing",
        "lie nearer than chance makes them",
        "none",
        "they weren't looked for",
        CLEAN,
        looked(twins=Missing(why=Cause.FEW_SUBJECTS, needed=20)),
    ),
    row(
        "check: twins, not looked for",
        "Near-duplicates by their features: not checked.",
        "too few subjects",
        "enough",
        looked(twins=Missing(why=Cause.FEW_SUBJECTS, needed=20)),
        CLEAN,
    ),
    row(
        "check: label, found",
        "The label can be read",
        "the order tells the label",
        "it doesn't",
        looked(readable=True),
        CLEAN,
    ),
    row(
        "check: label, nothing",
        "Nothing of the kind tells the label",
        "nothing does",
        "the order does",
        CLEAN,
        looked(readable=True),
    ),
    row(
        "check: label, not looked for",
        "Nothing of the kind varies enough",
        "no source varies",
        "one does",
        looked(readable=None),
        CLEAN,
    ),
    row(
        "source: not asked",
        "not asked",
        "the source tells nothing",
        "it was asked",
        followed(None, asked=False),
        followed(0.1),
    ),
    row(
        "source: can't be told",
        "nothing varies within label and batch",
        "it doesn't vary",
        "it does",
        followed(None),
        followed(0.1),
    ),
    row(
        "source: followed",
        "correlation 0.10",
        "it was asked",
        "it wasn't",
        followed(0.1),
        followed(None, asked=False),
    ),
)
SHIFT = (
    row(
        "shift: shown",
        "The held-out controls are other people",
        "p of .01",
        "p of .2",
        shift(0.01),
        shift(0.2),
    ),
    row(
        "shift: none", "No difference between them is shown.", "p of .2", "p of .01", shift(0.2), shift(0.01)
    ),
    row(
        "shift: can't be told",
        "Whether the controls of the roles are alike can't be told",
        "4 controls, fewer than 10",
        "40",
        shift(None),
        shift(0.2),
    ),
)
SENTENCES = BREAKS + CHECKS + SHIFT
