"""Every sentence that can be false stands in a record where it is true and in none where it isn't."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import sentences_ladder
import sentences_page
from fake_run import Built
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from made_validation import SECOND
from msgspec import structs
from sentence import Sentence, as_markdown, exists
from sentence_list import PAGE, PARTS, SENTENCES
from test_ladder import MARGINS, records
from test_report_page import Reader, read

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.audit import claims
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.held import ClaimObstacle, ClaimStatus, ColumnObstacle
from cfdna_interp.records.leaks import Leak
from cfdna_interp.records.values import Counts
from cfdna_interp.records.verdict import CautionKind, FewSubjects, Status, Verdict, Word
from cfdna_interp.report import routes
from cfdna_interp.report.answers import answers
from cfdna_interp.report.collect import Run, collect
from cfdna_interp.report.handling import COLUMN_WORDS
from cfdna_interp.report.heldout import REPEATED
from cfdna_interp.report.methods import methods_paragraphs
from cfdna_interp.report.model import KINDS, TABLE_KINDS
from cfdna_interp.report.proxy import CONCLUSIONS
from cfdna_interp.report.report import TEMPLATES, render
from cfdna_interp.report.roles import ROLES
from cfdna_interp.report.words import percent
from cfdna_interp.verdict.ladder import climb
from cfdna_interp.verdict.remedies import REMEDIES

BUILT = [sentence for sentence in SENTENCES if sentence.true is not None]
TESTED = [sentence for sentence in SENTENCES if sentence.test]


def keys(prefix: str) -> set[str]:
    """Return what the list holds under a prefix, without it."""
    return {one.key.removeprefix(f"{prefix}: ") for one in SENTENCES if one.key.startswith(f"{prefix}: ")}


@pytest.mark.parametrize("sentence", BUILT, ids=lambda sentence: sentence.key)
def test_a_sentence_stands_where_it_is_true_and_nowhere_else(sentence: Sentence) -> None:
    assert sentence.true is not None and sentence.false is not None
    true, false = sentence.true(), sentence.false()
    assert sentence.stands_in(true), true
    assert not sentence.stands_in(false), false


def test_tests_that_the_list_names_are_there() -> None:
    assert [one.key for one in TESTED if not exists(one.test)] == []
    assert [one.key for one in SENTENCES if not one.test and one.true is None] == []
    assert [key for key, count in Counter(one.key for one in SENTENCES).items() if count > 1] == []
    assert [one.made for one in SENTENCES if not (PAGE.parents[1] / one.made).is_file()] == []


def test_no_word_of_the_product_is_missing_from_the_list() -> None:
    assert keys("role") == set(ROLES)
    assert keys("column") >= {name or "held" for name in COLUMN_WORDS}
    assert set(COLUMN_WORDS) == {None, *ColumnObstacle}
    assert keys("proxy") >= set(CONCLUSIONS)
    assert keys("obstacle") == set(ClaimObstacle)
    assert keys("handling") == set(claims.ANSWERS["handling"].values())
    assert keys("person") == {*claims.ANSWERS["person"].values(), ClaimStatus.NOT_RECORDED}
    assert keys("held out") >= set(REPEATED)
    assert keys("leak") >= set(Leak)
    assert keys("title") >= {"dominant", *REMEDIES}
    assert keys("routes") >= {routes.AGREE, routes.DIFFER, routes.OPEN}
    assert keys("model") >= {*KINDS, *TABLE_KINDS}
    assert keys("caution") >= set(CautionKind)


@pytest.mark.parametrize("name", ["L0", "L1", "L2", "L3", "L4", "L5"])
def test_every_word_of_a_rung_is_in_the_list(name: str) -> None:
    outcomes = ("dominant", "redundant", "interaction", "none", "suppressor", "can't tell")
    changes = [
        *({"outcome": outcome} for outcome in outcomes),
        *({"handling": status} for status in claims.ANSWERS["handling"].values()),
        *({"person": status} for status in (*claims.ANSWERS["person"].values(), ClaimStatus.NOT_RECORDED)),
        *({"necessity": pair} for pair in ((0.1, 0.3), (-0.1, 0.1), (-0.1, 0.0))),
        *({"sufficiency": bounds} for bounds in ((0, 0.03, 0.02), (0, 0.1, 0.1), (0.1, 0.2, 0.2))),
        *({"p": p, "low": 0.45, "high": high} for p in (0.01, 0.9) for high in (0.6, 0.9)),
        {"n": (14, 40)},
    ]
    place = int(name[1])
    words = {climb(*records(**change), MARGINS).rungs[place].word for change in changes}
    assert words <= keys(name)


def test_the_page_of_the_list_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == as_markdown(PARTS), "run python tests/report/sentence_list.py"


def shown(run: Run, built: Built) -> dict[str, str]:
    reader = Reader()
    reader.feed(render(run, read_json(built.layout.file("manifest.json"))))
    return reader.sections


def overruled(built: Built, folder: Path) -> Run:
    """Return the run, had it too few subjects: the ladder can't tell L1, L4 and L5, whatever others say."""
    shutil.copytree(built.layout.root, folder, dirs_exist_ok=True)
    layout = Layout.of(folder)
    verdict = load_record(Verdict, layout.file(Verdict.FILE))
    few = {
        "status": Status.CANT_TELL,
        "word": Word.CANT_TELL,
        "reasons": (FewSubjects(role="heldout", n=Counts(case=14, control=40), needed=15),),
    }
    rungs = tuple(
        structs.replace(rung, **few) if rung.rung in ("L1", "L4", "L5") else rung for rung in verdict.rungs
    )
    save_record(structs.replace(verdict, rungs=rungs), layout.file(Verdict.FILE))
    run = collect(built.config, layout)
    # The verdict stage writes the ladder's word there, too (tests/verdict/test_decide.py).
    return replace(run, hypotheses=[row | {"handling": "can't tell: 14 cases"} for row in run.hypotheses])


def test_no_section_clears_handling_or_the_person_where_the_ladder_does_not(
    simulated_run: Built, tmp_path: Path
) -> None:
    cleared = shown(collect(simulated_run.config, simulated_run.layout), simulated_run)
    assert "L4: not handling" in cleared["audit"]
    assert "Not earned: it is not handling" not in cleared["ladder"]
    sections = shown(overruled(simulated_run, tmp_path), simulated_run)
    for name, text in sections.items():
        said = " ".join(text.split())
        for claim in ("it is not handling", "it is not the person"):
            said = said.replace(f"Not earned: {claim}", "")
        for words in ("not handling", "not the person", "not age or sex", "who were handled alike"):
            assert words not in said, (name, words)
    assert "Not earned: it is not handling" in sections["ladder"]
    assert "L4: can't tell the held-out cohort has 14 cases" in " ".join(sections["audit"].split())
    assert (
        "The ladder doesn't earn this, L1 is can't tell: the held-out cohort has 14 cases"
        in sections["attribution"]
    )
    assert "The ladder doesn't earn this" not in cleared["attribution"]


@pytest.mark.parametrize("sentence", sentences_page.SENTENCES, ids=lambda sentence: sentence.key)
def test_a_page_says_so_only_where_it_is_true(sentence: Sentence, request: pytest.FixtureRequest) -> None:
    true, false = (request.getfixturevalue(name) for name in sentences_page.PAGES[sentence.key])
    assert sentence.stands_in(" ".join(read(true).sections.values()))
    assert not sentence.stands_in(" ".join(read(false).sections.values()))


def test_what_was_not_earned_is_listed_in_the_checklist(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)

    def limits(status: Status) -> str:
        rungs = tuple(structs.replace(rung, status=status) for rung in run.verdict.rungs)
        return answers(replace(run, verdict=structs.replace(run.verdict, rungs=rungs)))["limits"]

    earned, refused = limits(Status.EARNED), limits(Status.REFUSED)
    assert earned.startswith("every rung was earned") and "not earned" not in earned
    assert refused.startswith("not earned: L0, L1") and "every rung" not in refused


def test_declared_mediators_are_named_in_the_methods(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    person = structs.replace(run.audit.person, mediators=("frailty",))
    said = methods_paragraphs(replace(run, audit=structs.replace(run.audit, person=person)))[-1]
    assert "Declared mediators were not held: frailty." in said and "L4 held no column" in said
    assert "mediators" not in methods_paragraphs(run)[-1]


def test_calls_are_said_to_be_sound_only_as_far_as_they_were_measured() -> None:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters["percent"] = percent
    template = environment.get_template("sections/calls.html")

    def said(*, measured: bool, conversion: dict[str, tuple[float, float, float, int]]) -> str:
        calls = SimpleNamespace(
            measured=measured, conversion=conversion, spike_ins=(), flagged=(), samples=("A",)
        )
        figures = {"m-bias": {"height": 300, "json": "{}"}}
        return template.render(
            run=SimpleNamespace(calls=calls),
            figures=figures,
            role_names={"discovery": "Discovery"},
            flagged_rows=5,
        )

    both = said(measured=True, conversion={"discovery": (0.99, 0.99, 0.99, 1)})
    assert "No sample has ends to leave out beyond the settings, or a measured conversion under 98 %." in both
    ends = said(measured=True, conversion={})
    assert "No sample has ends to leave out beyond the settings." in ends and "98 %" not in ends
    none = said(measured=False, conversion={})
    assert "No methylation calls were read." in none and "No sample has ends" not in none
    assert "No methylation calls were read." not in both


def test_the_first_opening_is_that_of_this_folder(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    assert answers(run)["opening"] == "the first opening of the held-out labels in this folder"
    again = answers(replace(run, validation=structs.replace(run.validation, opening=SECOND)))["opening"]
    assert again == "opening 2 of the held-out labels: exploratory"


def test_whatever_the_rule_says_it_says_of_discovery() -> None:
    """Reasons of the attribution name the role and the subjects, and so do the roles and the two routes."""
    for one in SENTENCES:
        if one.key.startswith("rule: ") and one.true is not None:
            assert "discovery" in one.true().lower() and "n = " in one.true(), one.key
        if one.key.startswith("routes: ") and one.true is not None:
            assert "(n = 80 discovery subjects)" in one.true(), one.key


def test_each_rung_of_the_headline_has_its_clause() -> None:
    assert keys("headline") >= {"L0", "L1", "L2", "L3", "L4", "L5", "none"}
    assert asdict(climb(*records(), MARGINS))["headline"] == "L5"
    assert sentences_ladder.SENTENCES
