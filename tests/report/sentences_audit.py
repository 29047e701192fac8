"""Sentences on handling and the person: what was held, what came out, what is in the way."""

from __future__ import annotations

from collections.abc import Callable

import made_audit
import numpy as np
import pandas as pd
from frozen_run import dominance
from sentence import Build, Sentence
from test_claims import cohort

from cfdna_interp.audit.claims import Claim, judge_handling, judge_person
from cfdna_interp.records.held import ClaimStatus, ColumnObstacle
from cfdna_interp.records.values import Counts
from cfdna_interp.records.verdict import FewSubjects, Rung, Status, Word
from cfdna_interp.report.handling import COLUMN_WORDS, column_rows, decisions
from cfdna_interp.verdict.claim_words import claim_words, decides_words
from cfdna_interp.verdict.ladder import Judgement, Judgements, judgements

MARGIN = 0.03
Change = Callable[[np.ndarray, pd.DataFrame], pd.DataFrame]


def text(claim: Claim) -> str:
    record = claim.record("proxy")
    return f"{claim.status}: {claim_words(record)}. What would decide: {decides_words(record)}."


def _judged(judge: Callable[..., Claim], seed: int, change: Change | None, world: dict, options: dict) -> str:
    y, score, frame = cohort(seed, **world)
    frame = frame if change is None else change(y, frame)
    options = {"margin": MARGIN, "rng": np.random.default_rng(1)} | options
    return text(judge(y, score, frame, **options))


def handling(
    seed: int = 0, change: Change | None = None, options: dict | None = None, **world: object
) -> Build:
    return lambda: _judged(judge_handling, seed, change, {"n": 100, "label": 1.2} | world, options or {})


def person(
    seed: int = 0, change: Change | None = None, options: dict | None = None, **world: object
) -> Build:
    return lambda: _judged(judge_person, seed, change, {"n": 100, "label": 1.2} | world, options or {})


def one_site(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(site="A", batch="A")


def two_batches(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(site="A")


def nested(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(batch=np.where(y == 1, "p1", "p2"))


def mostly_nested(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    """Return batches of one class each but for the first 30 subjects."""
    own = np.where(y == 1, "p1", "p2")
    return frame.assign(batch=np.where(np.arange(len(y)) < 30, "mixed", own))


def streck(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(technical_tube=np.where(y == 1, "Streck", "EDTA"))


def half_known(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(age=np.where(y == 1, np.nan, frame["age"]))


def apart(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ten subjects of mixed place; all other cases are at B, all other controls at C."""
    places = np.where(np.arange(len(y)) < 10, "A", np.where(y == 1, "B", "C"))
    return frame.assign(site=places, batch=places)


def pure(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(site=np.where(y == 1, "B", "C"), batch=np.where(y == 1, "B", "C"))


def told(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(technical_hours=y.astype(float))


def flat() -> str:
    y, score, frame = cohort(0, n=100)
    rng = np.random.default_rng(1)
    return text(judge_handling(y, np.zeros_like(score), frame, margin=MARGIN, rng=rng))


def nothing(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[]]


def without_age(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="age")


def sexed(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(sex=np.where(np.random.default_rng(1).random(len(y)) < 0.5, "F", "M"))


def many(y: np.ndarray, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a dozen columns that all tell the label: more than the subjects carry."""
    rng = np.random.default_rng(2)
    return frame.assign(**{f"technical_c{i:02d}": 1.2 * y + rng.normal(size=len(y)) for i in range(12)})


def columns(obstacle: ColumnObstacle | None) -> Build:
    handling = made_audit.claim(columns=(made_audit.column("hours", obstacle),))
    person = made_audit.claim("not age or sex")
    return lambda: "; ".join(row.word for row in column_rows(handling, person)) + "."


FEW = FewSubjects(role="heldout", n=Counts(case=14, control=40), needed=15)


def repeated(status: Status, word: Word) -> Build:
    """Return what other sections say of a claim that the ladder has as ``status``, ``word``."""
    audit = made_audit.audit(
        handling=made_audit.claim("not handling"),
        person=made_audit.claim("not age or sex"),
    )
    rungs = [Rung(rung=name, claim="", status=status, word=word, reasons=(FEW,)) for name in ("L4", "L5")]

    def build() -> str:
        judged = judgements(dominance(), audit, rungs)
        return f"{judged.handling} {judged.person}"

    return build


def would_decide(status: ClaimStatus, wanted: str) -> Build:
    judged = Judgements(Judgement(status, "", wanted), Judgement(ClaimStatus.NOT_PERSON, "", ""))
    return lambda: " ".join(" ".join(row) for row in decisions(judged))


def test(name: str) -> str:
    return f"tests/audit/test_claims.py::{name}"


HELD = "cfdna_interp/report/handling.py"


def row(
    key: str,
    words: str,
    printed: str,
    absent: str,
    true: Build | None = None,
    false: Build | None = None,
    test: str = "",
    made: str = "cfdna_interp/verdict/claim_words.py",
) -> Sentence:
    return Sentence(key, words, made, printed, absent, true, false, test)


HOURS = {"label": 0.0, "hours": 1.0, "longer": 1.2}
AGED = {"label": 0.0, "age": 1.0, "older": 1.1}
SITES = {"n": 300, "label": 0.9, "site": 1.2, "rest": 0.65}
OLDER = {"n": 300, "label": 1.2, "age": 0.7, "older": 0.8}
ANSWERS = (
    row(
        "handling: not handling",
        "not handling: …the signal is there among subjects who were handled alike",
        "biology and balanced sites",
        "longer hours in cases and no biology",
        handling(),
        handling(**HOURS),
    ),
    row(
        "handling: attenuated",
        "attenuated: …part of the signal goes along with handling",
        "biology, and sites that shift the score",
        "biology and balanced sites",
        handling(**SITES),
        handling(),
    ),
    row(
        "handling: handling",
        "handling: …none is shown among subjects who were handled alike",
        "the score follows hours, cases waited longer",
        "biology and balanced sites",
        handling(6, **HOURS),
        handling(),
    ),
    row(
        "handling: can't tell",
        "can't tell: …",
        "labels nested in batches",
        "biology and balanced sites",
        handling(change=nested),
        handling(),
    ),
    row(
        "person: not age or sex",
        "not age or sex: …the signal is there among persons who are alike in them",
        "biology and balanced age",
        "the score follows age, cases are older",
        person(),
        person(**AGED),
    ),
    row(
        "person: attenuated",
        "attenuated: …part of the signal goes along with them",
        "biology and older cases",
        "biology and balanced age",
        person(**OLDER),
        person(),
    ),
    row(
        "person: confounded",
        "confounded: …none is shown among persons who are alike in them",
        "the score follows age, cases are older",
        "biology and balanced age",
        person(**AGED),
        person(),
    ),
    row(
        "person: can't tell: not recorded",
        "can't tell: not recorded: …",
        "age isn't recorded",
        "it is",
        person(change=without_age),
        person(),
    ),
    row(
        "person: can't tell",
        "can't tell: …",
        "age is missing for the cases",
        "it is known",
        person(change=half_known),
        person(),
    ),
    row(
        "claim: small fall",
        "but for a fall smaller than the margin",
        "a fall that is shown, below the margin",
        "no fall is shown",
        handling(options={"margin": 0.2}, **SITES),
        handling(),
    ),
    row(
        "claim: chance",
        "chance is not excluded, and no fall is shown",
        "a weak signal in few subjects",
        "a shown signal",
        handling(12, n=40, label=0.4),
        handling(),
    ),
    row(
        "claim: fall not excluded",
        "a fall that matters is not excluded, and none is shown",
        "few subjects, sites with a slight shift",
        "many subjects",
        handling(0, n=40, label=1.0, site=0.5, rest=0.6),
        handling(n=300),
    ),
)
OBSTACLES = (
    row(
        "obstacle: nested",
        "no batch holds both classes",
        "labels nested in batches",
        "mixed batches",
        test=test("test_labels_nested_in_batches_are_never_cleared"),
    ),
    row(
        "obstacle: one place",
        "nothing recorded could have told",
        "one site, a column of noise",
        "two sites",
        test=test("test_one_site_and_a_column_of_noise_tell_nothing"),
    ),
    row(
        "obstacle: columns",
        "not held: tube (the label tells it)",
        "a column is the label",
        "no column is",
        handling(change=streck),
        handling(),
    ),
    row(
        "obstacle: overlap",
        "all but tell the label",
        "hours differ by 5 SD",
        "they are balanced",
        test=test("test_columns_that_all_but_tell_the_label_keep_it_open"),
    ),
    row(
        "obstacle: coarse",
        "most comparisons hold the site and not the batch",
        "few subjects in the mixed batch",
        "all batches are mixed",
        handling(change=mostly_nested),
        handling(),
    ),
    row(
        "obstacle: sites differ",
        "the AUROC differs between sites (p after Holm 0.01)",
        "p of .01",
        "p of .2",
        handling(options={"sites_differ": 0.01}),
        handling(options={"sites_differ": 0.2}),
    ),
    row(
        "obstacle: few",
        "fewer than 10",
        "ten subjects in the mixed place",
        "all places are mixed",
        handling(change=apart),
        handling(),
    ),
    row(
        "obstacle: not recorded",
        "age isn't recorded, or doesn't vary, or isn't to be held",
        "age isn't recorded",
        "it is",
        test=test("test_an_age_that_is_not_recorded_earns_nothing"),
    ),
    row(
        "not held: missing",
        "age (not known for a fifth of a class or more)",
        "age is missing for the cases",
        "it is known",
        person(change=half_known),
        person(),
    ),
    row(
        "not held: too many",
        "(it tells the label, and the subjects carry no further column)",
        "a dozen columns that tell the label",
        "one column",
        handling(n=40, change=many),
        handling(n=40),
    ),
)
FIGURES = (
    row(
        "figures: places",
        "within 2 mixed batches",
        "two mixed batches",
        "one",
        handling(change=two_batches),
        handling(change=one_site),
    ),
    row(
        "figures: one place",
        "within one mixed site",
        "one site",
        "two",
        handling(change=one_site),
        handling(),
    ),
    row(
        "figures: held",
        "with hours held",
        "hours are recorded",
        "nothing is",
        handling(),
        handling(change=nothing),
    ),
    row(
        "figures: nothing",
        "nothing is recorded that can be held",
        "nothing is recorded",
        "hours are",
        handling(change=nothing),
        handling(),
    ),
    row(
        "figures: no AUROC",
        "no AUROC could be measured",
        "the score is the same for all",
        "it varies",
        flat,
        handling(),
    ),
    row(
        "column: not blamed",
        "no batch holds both classes",
        "each place has one class",
        "places are mixed",
        handling(change=pure),
        handling(),
    ),
    row(
        "column: blamed",
        "hours (the label tells it)",
        "hours tell the label completely",
        "no case is compared",
        handling(change=told),
        handling(change=pure),
    ),
    row(
        "mediators",
        "declared mediators, not held: hours",
        "hours are declared",
        "they aren't",
        test=test("test_a_declared_mediator_is_held_nowhere_and_named"),
    ),
    row(
        "sex",
        "sex isn't recorded and isn't held",
        "sex isn't recorded",
        "it is",
        test=test("test_sex_is_said_to_be_missing_only_where_it_is"),
    ),
    row(
        "covariates alone: no better",
        "and the score isn't shown to do better",
        "covariates tell as much",
        "the score is shown better",
        test=test("test_covariates_that_do_as_well_are_said"),
    ),
    row(
        "covariates alone: worse",
        "and the score does worse",
        "covariates tell more",
        "they tell as much",
        test=test("test_covariates_that_do_as_well_are_said"),
    ),
)
WANTED = (
    row(
        "wanted: batches",
        "What would decide: batches that hold both classes",
        "labels nested in batches",
        "mixed batches",
        handling(change=nested),
        handling(),
    ),
    row(
        "wanted: place",
        "a second batch or site that holds both classes, or a technical column",
        "one site",
        "two",
        handling(change=one_site),
        handling(),
    ),
    row(
        "wanted: columns",
        "subjects of both classes of whom these columns are known",
        "age is missing for the cases",
        "it is known",
        person(change=half_known),
        person(),
    ),
    row(
        "wanted: overlap",
        "cases and controls who were handled alike, or are alike",
        "hours differ by 5 SD",
        "balanced",
        handling(longer=5.0),
        handling(),
    ),
    row(
        "wanted: sites",
        "more sites, or what tells them apart",
        "sites differ",
        "they don't",
        handling(options={"sites_differ": 0.01}),
        handling(),
    ),
    row(
        "wanted: ages",
        "the subjects' ages",
        "age isn't recorded",
        "it is",
        person(change=without_age),
        person(),
    ),
    row(
        "wanted: size",
        "cases and … controls who can be compared",
        "chance is not excluded",
        "it is decided",
        test=test("test_what_would_decide_shrinks_with_the_distance"),
    ),
    row(
        "wanted: signal",
        "a cohort in which the score tells the classes apart",
        "no signal at all",
        "a signal",
        handling(3, n=40, label=-0.3),
        handling(),
    ),
    row(
        "wanted: printed",
        "L4…batches that hold both classes",
        "L4 can't tell",
        "it is decided",
        would_decide(ClaimStatus.CANT_TELL, "batches that hold both classes"),
        would_decide(ClaimStatus.NOT_HANDLING, ""),
        made=HELD,
    ),
)
COLUMNS = tuple(
    row(f"column: {name or 'held'}", f"{word}.", f"its obstacle is {name or 'none'}", "it is another",
        columns(name),
        columns(ColumnObstacle.MISSING if name == "label" else ColumnObstacle.LABEL), made=HELD)
    for name, word in COLUMN_WORDS.items()
)  # fmt: skip
REPEATED = (
    row(
        "ladder overrules: handling",
        "not handling: …the signal is there",
        "L4 is earned",
        "the ladder can't tell, for lack of subjects",
        repeated(Status.EARNED, Word.EARNED),
        repeated(Status.CANT_TELL, Word.CANT_TELL),
        made="cfdna_interp/verdict/ladder.py",
    ),
    row(
        "ladder overrules: person",
        "not age or sex: …the signal is there",
        "L5 is earned",
        "the ladder refuses it for a correction",
        repeated(Status.EARNED, Word.EARNED),
        repeated(Status.REFUSED, Word.CORRECTED),
        made="cfdna_interp/verdict/ladder.py",
    ),
    row(
        "column: mediator",
        "not held: declared a mediator",
        "the column is declared",
        "it isn't",
        test="tests/report/test_report_handling.py::test_columns_say_what_became_of_them",
        made=HELD,
    ),
    row(
        "measure: weights",
        "not to be used:",
        "weighted classes are worth little",
        "they are worth enough",
        test="tests/report/test_report_handling.py::test_weights_without_overlap_are_shown_and_marked",
        made=HELD,
    ),
    row(
        "measure: nobody",
        "no case can be compared with a control",
        "labels nested in batches",
        "mixed batches",
        test="tests/report/test_report_handling.py::test_numbers_that_do_not_exist_say_why",
        made=HELD,
    ),
)
SENTENCES = ANSWERS + OBSTACLES + FIGURES + WANTED + COLUMNS + REPEATED
