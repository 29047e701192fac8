"""Sentences on what to test at the bench: assays, sizes, what was held, what would decide."""

from __future__ import annotations

import numpy as np
import pandas as pd
from frozen_run import dominance
from made_dominance import surrogate_fidelity
from sentence import Build, Sentence
from test_hypotheses import redundant, undecided
from test_hypotheses_assays import NAN, size

from cfdna_interp.verdict.assays import assay
from cfdna_interp.verdict.evidence import adjusted_difference
from cfdna_interp.verdict.explanations import explain, handling_explanations
from cfdna_interp.verdict.lengths import Counted, Range
from cfdna_interp.verdict.priority import within_person_size

ASSAYS, SIZES = "cfdna_interp/verdict/assays.py", "cfdna_interp/verdict/priority.py"
REMEDIES, EVIDENCE = "cfdna_interp/verdict/remedies.py", "cfdna_interp/verdict/evidence.py"
MECHANISMS = "cfdna_interp/verdict/explanations.py"


def lengths(low: int, high: int) -> Build:
    return lambda: assay("fragment_length", Counted(Range(low, high), None))


def subjects(auroc: float, **changes: float) -> Build:
    return lambda: size(auroc, **changes)


def remedy(outcome: str, reason: str = "no group is dominant", **changes: object) -> Build:
    return lambda: undecided(dominance(outcome, None, **changes), reason).statement


def experiment(first: str, second: str) -> Build:
    return lambda: redundant(first, second)


def held(column: str, n: int = 40) -> Build:
    """Return why age, a copy of the label or a rare level could be held or not."""
    label = np.repeat([1, 0], n)
    rng = np.random.default_rng(1)
    columns = {
        "age": rng.normal(size=2 * n),
        "label": label.astype(float),
        "rare": np.where(np.arange(2 * n) < 2, "M", "F"),
        "flat": np.ones(2 * n),
    }
    names = [f"P{i:03d}" for i in range(2 * n)]
    frame = pd.DataFrame({"label": label, "age": columns[column]}, index=names)
    values = pd.Series(rng.normal(size=2 * n), index=names)
    return lambda: f"{adjusted_difference(values, frame).reason}."


def fits(low: int, high: int, sign: int) -> Build:
    found = explain("fragment_length", "length_bin", sign, Counted(Range(low, high), None)).cells()
    return lambda: f"fits: {found['mechanisms_for']} against: {found['mechanisms_against']}"


def row(key: str, words: str, made: str, printed: str, absent: str, true: Build, false: Build) -> Sentence:
    return Sentence(key, words, made, printed, absent, true, false)


SENTENCES = (
    row(
        "assay: ratio",
        "(short/long rises with fragments of 100-150 bp)",
        ASSAYS,
        "a range within one nucleosome",
        "a range that ends beside it",
        lengths(100, 150),
        lengths(200, 299),
    ),
    row(
        "assay: no amplicons",
        "no pair of amplicons",
        ASSAYS,
        "a range across the border of a nucleosome",
        "one within",
        lengths(200, 299),
        lengths(100, 150),
    ),
    row(
        "assay: no electrophoresis",
        "no capillary electrophoresis, which does not resolve 5 bp at 304 bp",
        ASSAYS,
        "a range of 5 bp",
        "one of 51 bp",
        lengths(300, 304),
        lengths(100, 150),
    ),
    row(
        "size: no number",
        "no number would do",
        SIZES,
        "the difference is gone held out",
        "AUROC of .60",
        subjects(0.45),
        subjects(0.6),
    ),
    row(
        "size: lower end",
        "no number for the lower end of its interval",
        SIZES,
        "the interval holds .5",
        "it lies above",
        subjects(0.6),
        subjects(0.6, low=0.55),
    ),
    row("size: huge", "more than a million", SIZES, "AUROC of .5001", ".60", subjects(0.5001), subjects(0.6)),
    row(
        "size: not known",
        "the feature could not be measured",
        SIZES,
        "it wasn't measured",
        "it was",
        subjects(NAN, d=NAN),
        subjects(0.6),
    ),
    row(
        "size: persons not known",
        "no difference that one may count on",
        SIZES,
        "a shift of 0",
        "of .5 SD",
        lambda: within_person_size(0.0),
        lambda: within_person_size(0.5),
    ),
    row(
        "remedy: redundant",
        "moves one of the leading groups and holds the other",
        REMEDIES,
        "copies",
        "partners",
        remedy("redundant"),
        remedy("interaction"),
    ),
    row(
        "remedy: size-selected libraries",
        "size-selected libraries of the same plasma; spiked-in DNA of known methylation",
        REMEDIES,
        "length and methylation lead",
        "methylation and tissue lead",
        experiment("fragment_length", "methylation"),
        experiment("methylation", "tissue_of_origin"),
    ),
    row(
        "remedy: suppressor",
        "so that the group whose noise is taken off can be told",
        REMEDIES,
        "a suppressor",
        "copies",
        remedy("suppressor"),
        remedy("redundant"),
    ),
    row(
        "remedy: interaction",
        "moves the two groups one at a time and together",
        REMEDIES,
        "partners",
        "copies",
        remedy("interaction"),
        remedy("redundant"),
    ),
    row(
        "remedy: none",
        "so that one group's lead over the next holds in refits",
        REMEDIES,
        "nobody leads",
        "copies",
        remedy("none"),
        remedy("redundant"),
    ),
    row(
        "remedy: interventions",
        "interventions that agree on the leading group",
        REMEDIES,
        "two interventions differ",
        "nobody leads",
        remedy("can't tell"),
        remedy("none"),
    ),
    row(
        "remedy: context",
        "a model that depends less on context",
        REMEDIES,
        "context of .21",
        ".20",
        remedy("can't tell", context=0.21),
        remedy("can't tell", context=0.20),
    ),
    row(
        "remedy: surrogate",
        "the model itself in place of its scores",
        REMEDIES,
        "lower bound of fidelity .60",
        ".95",
        remedy("can't tell", fidelity=surrogate_fidelity(judged_low=0.6)),
        remedy("can't tell", fidelity=surrogate_fidelity(judged_low=0.95)),
    ),
    row(
        "held: told",
        "not held, since the label or the terms before tell them: age",
        EVIDENCE,
        "age is the label",
        "it is balanced",
        held("label"),
        held("age"),
    ),
    row(
        "held: rare",
        "not held, since a level needs 5 subjects: age=M",
        EVIDENCE,
        "two subjects share the level",
        "numbers",
        held("rare"),
        held("age"),
    ),
    row(
        "held: nothing",
        "the cohort has no age, sex, technical column or site that varies",
        EVIDENCE,
        "age doesn't vary",
        "it does",
        held("flat"),
        held("age"),
    ),
    row(
        "held: too few",
        "measured in 2 cases and 2 controls of discovery",
        EVIDENCE,
        "2 + 2 subjects",
        "40 + 40",
        held("age", 2),
        held("age"),
    ),
    row(
        "mechanism: fits",
        "fits: …less DNASE1L3 activity",
        MECHANISMS,
        "more fragments of 80 to 140 bp in cases",
        "fewer",
        lambda: fits(80, 140, 1)().split("against:")[0],
        lambda: fits(80, 140, -1)().split("against:")[0],
    ),
    row(
        "mechanism: against",
        "against: …less DNASE1L3 activity",
        MECHANISMS,
        "fewer fragments of 80 to 140 bp in cases",
        "more",
        fits(80, 140, -1),
        fits(80, 140, 1),
    ),
    row(
        "mechanism: whose blood",
        "(in the controls' samples)",
        MECHANISMS,
        "handling predicts the opposite of what cases show",
        "no difference is to be explained",
        lambda: " ".join(fits(80, 140, sign)() for sign in (1, -1)),
        lambda: str(handling_explanations().cells()),
    ),
)
