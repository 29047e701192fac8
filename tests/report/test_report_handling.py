"""Handling held in several ways: each number with what it rests on, and what decided."""

from __future__ import annotations

from copy import deepcopy

from fake_heldout import HOSTILE
from fake_run import Built
from test_report_page import read

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.report.handling import decision, measures


def records(built: Built) -> tuple[dict, dict]:
    return read_json(built.layout.file("audit.json")), read_json(built.layout.file("validation.json"))


def test_every_measure_has_number_subjects_and_comparison(simulated_run: Built) -> None:
    audit, validation = records(simulated_run)
    rows = measures(audit, validation)
    assert [row.name for row in rows] == [
        "All subjects (crude)",
        "Within batches",
        "Crude less within batches",
        "Weighted for overlap in technical columns and site",
        "Leaving one site out",
        "Matched in depth",
    ]
    assert all(row.value and row.subjects and row.compare and row.note for row in rows)
    crude = validation["scores"]["proxy"]["auroc"]["value"]
    assert rows[1].compare == f"crude {crude:.2f}, chance 0.50"
    assert rows[1].subjects == "40 cases + 40 controls in 4 batches"
    assert rows[3].subjects == "40 cases + 40 controls, worth 36 + 35 after weighting"
    assert rows[3].note.startswith(
        "largest standardised difference of a column between the classes 0.50 before"
    )
    # Four sites of 20 + 20.
    assert rows[4].subjects == "80 cases + 80 controls of both roles at 4 sites"
    assert "fitted without the site on which it is tested: Aarhus 0.90 (n = 20 + 20)," in rows[4].note
    assert rows[5].subjects == "35 pairs of a case and a control"


def test_numbers_that_do_not_exist_say_why(bare_run: Built) -> None:
    rows = measures(*records(bare_run))
    missing = {row.name: row.note for row in rows if row.value is None}
    assert missing == {
        "Within batches": "no batch holds both classes",
        "Crude less within batches": "no batch holds enough of both classes",
        "Weighted for overlap in technical columns and site": HOSTILE,
        "Leaving one site out": "fewer than 3 sites hold both classes",
    }


def test_weights_without_overlap_are_shown_and_marked(simulated_run: Built) -> None:
    audit, validation = records(simulated_run)
    audit = deepcopy(audit)
    audit["overlap_weighted"]["reason"] = "the weighted classes are worth 9 cases and 8 controls"
    row = measures(audit, validation)[3]
    assert row.value is not None
    assert row.note.startswith("not to be used: the weighted classes are worth 9 cases and 8 controls; ")


def test_batches_are_counted_that_entered(simulated_run: Built) -> None:
    sections = read(simulated_run).sections
    assert "4 batches have at least 5 cases + 5 controls" in sections["verdict"]
    assert "hold both classes" not in sections["verdict"]


def test_a_category_has_no_standard_deviation(simulated_run: Built) -> None:
    # Indicators enter as 0 and 1 (audit/technical.terms): their log odds are those of the step.
    assert "Log odds per SD; per step for a category (with =)" in read(simulated_run).sections["audit"]


def test_what_decided_is_said_or_what_would() -> None:
    number = {"measure": "between_batches", "value": 0.2, "low": 0.1, "high": 0.3, "crude": 0.8}
    assert decision({"decided_by": number, "would_decide": ""}) == [
        "What decided: the fall of the AUROC from all subjects to within batches, 0.20 [0.10, 0.30], beside "
        "a crude AUROC of 0.80."
    ]
    nothing = {"measure": "within_batch", "value": None, "low": None, "high": None, "crude": 0.8}
    assert decision({"decided_by": nothing, "would_decide": "9 cases in one batch"}) == [
        "Nothing decides in this cohort. What would: 9 cases in one batch."
    ]
