"""Handling held in several ways: each number with what it rests on, and what decided."""

from __future__ import annotations

from dataclasses import replace

import made_audit
from fake_heldout import HOSTILE_SITE
from fake_run import Built
from msgspec import structs
from stored import stored
from test_report_page import read

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.records.audit import Audit, Places
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.held import ColumnObstacle
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.verdict import Verdict
from cfdna_interp.report.collect import collect
from cfdna_interp.report.handling import column_rows, decisions, measures
from cfdna_interp.report.report import render
from cfdna_interp.verdict.ladder import Judgements, judgements
from cfdna_interp.verdict.missing_words import missing_words


def records(built: Built) -> tuple[Audit, ValidationResult]:
    return stored(Audit, built.config), stored(ValidationResult, built.config)


def judged(built: Built) -> Judgements:
    return judgements(stored(Dominance, built.config), records(built)[0], stored(Verdict, built.config).rungs)


def test_every_measure_has_number_subjects_and_comparison(simulated_run: Built) -> None:
    audit, validation = records(simulated_run)
    rows = measures(audit, validation)
    assert [row.name for row in rows] == [
        "All subjects (crude)",
        "Within batches and sites",
        "Within batches and sites: fall from the crude AUROC",
        "Batches, sites and technical columns held (L4)",
        "Batches, sites and technical columns held (L4): fall from the crude AUROC",
        "Age, sex and further covariates held (L5)",
        "Age, sex and further covariates held (L5): fall from the crude AUROC",
        "Weighted for overlap in technical columns and site",
        "Leaving one site out",
        "Matched in depth",
    ]
    assert all(row.value is not None and row.subjects and row.compare and row.note for row in rows)
    crude = validation.scores["proxy"].auroc.value
    assert rows[1].compare == f"crude {crude:.2f} of the same subjects, chance 0.50"
    # Four batches of 10 + 10 each are worth 40 + 40 together.
    assert rows[1].subjects == "40 cases + 40 controls in 4 strata, worth 40 + 40"
    assert rows[5].note in ("held: age, sex", "held: sex, age") and rows[3].note == "no column was held"
    assert rows[7].subjects == "40 cases + 40 controls, worth 36 + 35 after weighting"
    assert rows[7].note.startswith(
        "largest standardised difference of a column between the classes 0.50 before"
    )
    # Four sites of 20 + 20.
    assert rows[8].subjects == "80 cases + 80 controls of both roles at 4 sites"
    assert "fitted without the site on which it is tested: Aarhus 0.90 (n = 20 + 20)," in rows[8].note
    assert rows[9].subjects == "35 pairs of a case and a control"


def test_numbers_that_do_not_exist_say_why(bare_run: Built) -> None:
    rows = measures(*records(bare_run))
    missing = {row.name: row.note for row in rows if row.value is None}
    none = "no case can be compared with a control"
    assert missing == {
        "Within batches and sites": none,
        "Batches, sites and technical columns held (L4)": none,
        "Weighted for overlap in technical columns and site": missing_words(HOSTILE_SITE),
        "Leaving one site out": missing_words(made_audit.FEW_SITES),
    }


def test_weights_without_overlap_are_shown_and_marked(simulated_run: Built) -> None:
    audit, validation = records(simulated_run)
    little = Missing(why=Cause.LITTLE_WEIGHT, seen=8.2, needed=15)
    audit = structs.replace(audit, overlap_weighted=made_audit.weights(missing=little))
    row = next(row for row in measures(audit, validation) if row.name.startswith("Weighted"))
    assert row.value is not None
    assert row.note.startswith(
        "not to be used: after weighting the smaller class is worth 8 subjects, fewer than 15; "
    )


def test_both_questions_stand_beside_the_verdict(simulated_run: Built, bare_run: Built) -> None:
    verdict = read(simulated_run).sections["verdict"]
    assert "Handling held" in verdict and "Age, sex, covariates held" in verdict
    audit = read(simulated_run).sections["audit"]
    assert "L4: not handling" in audit and "with age and sex held" in audit.replace(
        "sex and age", "age and sex"
    )
    assert "no batch holds both classes" not in audit
    bare = read(bare_run).sections["audit"]
    assert "L4: can" in bare and "no batch holds both classes" in bare and "What would decide" in bare


def test_mixed_batches_are_counted_where_batches_are_named(simulated_run: Built, bare_run: Built) -> None:
    for built, mixed in ((simulated_run, 4), (bare_run, 0)):
        places = records(built)[0].strata
        assert places.mixed == mixed
        count = f"{mixed} of {places.count} {'sites' if places.finest == 'site' else 'batches'}"
        words = f"{count} of held-out subjects hold both cases and controls."
        assert words in read(built).sections["audit"]
    # Where no place is named there is nothing to count.
    run = collect(simulated_run.config, simulated_run.layout)
    nowhere = Places(finest="", nested=False, coarse=0.0, count=0, mixed=0)
    page = render(
        replace(run, audit=structs.replace(run.audit, strata=nowhere)),
        read_json(simulated_run.layout.file("manifest.json")),
    )
    assert "of held-out subjects hold both" not in page


def test_columns_say_what_became_of_them(simulated_run: Built) -> None:
    audit, _ = records(simulated_run)
    assert {(row.rung, row.name, row.word) for row in column_rows(audit.handling, audit.person)} == {
        ("L5", "age", "held"),
        ("L5", "sex", "held"),
    }
    person = made_audit.claim(
        "not age or sex", (made_audit.column("age", ColumnObstacle.MISSING),), mediators=("frailty",)
    )
    words = {row.name: row.word for row in column_rows(audit.handling, person)}
    assert words["frailty"] == "not held: declared a mediator"
    assert "not held: not known for a fifth" in "".join(words.values())


def test_a_category_has_no_standard_deviation(simulated_run: Built) -> None:
    # Indicators enter as 0 and 1 (audit/technical.terms): their log odds are those of the step.
    assert "Log odds per SD; per step for a category (with =)" in read(simulated_run).sections["audit"]


def test_what_would_decide_is_said_only_where_nothing_does(simulated_run: Built, bare_run: Built) -> None:
    audit, _ = records(simulated_run)
    claims = {"L4": audit.handling, "L5": audit.person}
    assert [rung for rung, _, _ in decisions(judged(simulated_run))] == [
        rung for rung, claim in claims.items() if "can't tell" in claim.status
    ]
    said = decisions(judged(bare_run))
    assert [rung for rung, _, _ in said] == ["L4", "L5"]
    assert "batches that hold both classes" in said[0][2]
