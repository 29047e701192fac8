"""Missing values on the page: every column counts, by label and role."""

from __future__ import annotations

from fake_run import Built
from test_report_page import read

from cfdna_interp.records.audit import MissingCells, MissingShare, WidestGap
from cfdna_interp.records.protocol import ColumnKnown
from cfdna_interp.report.missing import missing_rows, missing_sentence


def row(name, role="discovery", case=0.0, control=0.0, kind="column", columns=1, worst=None):
    p = None if case == control == 0 else 0.01
    return MissingShare(
        name=name,
        kind=kind,
        role=role,
        columns=columns,
        case=MissingCells(missing=case, n=56),
        control=MissingCells(missing=control, n=60),
        p=p,
        p_holm=p,
        worst=worst,
    )


COMPLETE = [row("sizes", kind="features", columns=9), row("sizes", "heldout", kind="features", columns=9)]


def test_covariates_that_are_empty_for_all_cases_are_told() -> None:
    said = missing_sentence([*COMPLETE, row("covariate_bmi", case=1.0), row("covariate_bmi", "heldout")])
    assert "No value is missing" not in said
    assert said.startswith(
        "Missing values: bmi 100.0 % of discovery cases and 0.0 % of controls, 0.0 % of held-out cases and "
        "0.0 % of controls."
    )


def test_only_where_nothing_is_missing_it_is_said() -> None:
    assert missing_sentence(COMPLETE) == "No value is missing in any column that holds one."
    # A column without any value is in no matrix; the table's settings name it.
    assert missing_sentence(COMPLETE, ("bmi",)).endswith(" Columns without any value: bmi.")


def test_of_many_the_emptiest_are_named_and_the_rest_counted() -> None:
    said = missing_sentence([row(f"technical_c{i}", control=i / 10) for i in range(1, 10)])
    assert said.index("c9 ") < said.index("c4 ")
    assert "c3 " not in said and "; and 3 more." in said


def test_a_column_in_no_baseline_says_why() -> None:
    worst = WidestGap(column="s_3", case=0.5, control=0.1)
    groups = row("sizes", kind="features", columns=9, case=0.1, worst=worst)
    rows = missing_rows(
        [groups, row("covariate_bmi", case=1.0)],
        {"covariate_bmi": ColumnKnown(who="discovery cases", known=0, of=56)},
    )
    assert [found.name for found in rows] == ["Sizes", "Bmi"]
    assert rows[0].note == "differs most in s_3: 50.0 % of cases, 10.0 % of controls"
    assert rows[1].note == "in no baseline: known of 0 of 56 discovery cases"


def test_alignments_have_the_table_too(simulated_run: Built) -> None:
    text = read(simulated_run).sections["excluded"]
    assert "age 0.0 % of discovery cases and 0.0 % of controls, 25.0 % of held-out cases" in text
    assert "No value is missing" not in read(simulated_run).sections["checklist"]
