"""TRIPOD+AI: every item is there, every answer has its words, and what nobody can know is the authors'."""

from __future__ import annotations

import re
from dataclasses import replace

import made_audit
import pytest
from fake_run import Built
from made_validation import SECOND, auroc
from msgspec import structs

from cfdna_interp.records.validation import Division, Subgroup
from cfdna_interp.report.answers import answers
from cfdna_interp.report.checklist import checklist, items
from cfdna_interp.report.collect import collect
from cfdna_interp.report.methods import methods_paragraphs
from cfdna_interp.report.sections import SECTIONS, sections_of

# The statement's items with their parts (Collins et al. 2024, table 2): 52 of them, numbers 1 to 27.
PARTS = {
    3: "abc",
    5: "ab",
    6: "abc",
    8: "abc",
    9: "abc",
    12: "abcdefg",
    18: "abcdef",
    20: "abc",
    23: "ab",
    27: "abc",
}
NAMES = tuple(name for name, _ in SECTIONS)


def test_every_item_of_the_statement_is_there_once_and_in_order() -> None:
    wanted = [f"{number}{part}" for number in range(1, 28) for part in PARTS.get(number, " ")]
    assert [entry["item"] for entry in items()] == [item.strip() for item in wanted]
    assert len(wanted) == 52


def test_each_item_is_answered_or_left_to_the_authors() -> None:
    for entry in items():
        assert set(entry) <= {"item", "topic", "asks", "answer", "where", "authors"}
        assert entry.get("answer") or entry.get("authors"), entry["item"]
        assert set(entry.get("where", ())) <= set(NAMES)
        # Where more stands is told only of what is answered.
        assert "answer" in entry or "where" not in entry


def test_no_name_is_asked_for_that_is_not_known_and_none_is_known_in_vain(simulated_run: Built) -> None:
    known = answers(collect(simulated_run.config, simulated_run.layout))
    asked = {
        name
        for entry in items()
        for key in ("answer", "authors")
        for name in re.findall(r"{(\w+)}", entry.get(key, ""))
    }
    assert asked == set(known)


def test_answers_hold_the_numbers_of_the_run(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    found = {item.item: item for item in checklist(run, NAMES)}
    # 40 + 40 subjects a role, four sites, nothing excluded, by construction.
    assert found["21"].answer.startswith("model and proxy: 40 cases + 40 controls")
    assert found["6a"].answer == "4 sites: Aarhus, Bergen, Cork, Delft"
    assert found["6b"].answer == "no row was left out by this run"
    assert found["13"].answer.endswith("share of cases 50 % in discovery, 50 % held-out")
    assert (
        found["14"].answer
        == "AUROC by site and sex and age, with a test of heterogeneity by site and sex and age"
    )
    assert found["17"].answer == ""
    assert found["17"].authors == "all of it"
    assert "first opening" in found["18c"].answer
    assert "made by a program" in found["5a"].answer


def test_answers_of_a_run_without_proxy_and_with_exclusions(bare_run: Built) -> None:
    run = collect(bare_run.config, bare_run.layout)
    found = {item.item: item for item in checklist(run, NAMES)}
    assert found["22"].answer.startswith("there is no proxy: no group is dominant: In discovery")
    assert found["20a"].answer.endswith("1 sample was left out, each with its reason")
    assert found["20b"].answer.endswith("ages are not known")


@pytest.mark.parametrize(
    ("kind", "route", "subjects"), [("table", "simulated_run", 40), ("scores", "table_run", 20)]
)
def test_of_a_foreign_model_it_is_the_authors_who_know_whom_it_saw(
    kind: str, route: str, subjects: int, request: pytest.FixtureRequest
) -> None:
    built = request.getfixturevalue(route)
    run = collect(built.config, built.layout)
    foreign = replace(run, model=structs.replace(run.model, kind=kind))
    found = {item.item: item for item in checklist(foreign, NAMES)}
    assert "everything that is fitted here" in found["12a"].answer
    for name in ("12a", "12c", "21"):
        assert "whom the model under study was fitted on" in found[name].authors
    assert found["12c"].answer.startswith("of the model under study only scores are known")
    assert found["21"].answer.startswith(
        f"surrogate and proxy: {subjects} cases + {subjects} controls; the model itself: not"
    )
    assert "in the model under study: not known" in found["12b"].answer
    assert (found["9c"].answer, found["9c"].authors) == ("", "whether people judged any")


def test_what_labels_chose_is_said(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    assert answers(run)["predictors"].endswith("discovery labels enter the choice of the proxy's group")
    for penalty, said in (("l1", "the L1 penalty of proxy and baselines selects"), ("auto", "where L1 or")):
        config = structs.replace(run.config, proxy=structs.replace(run.config.proxy, penalty=penalty))
        assert said in answers(replace(run, config=config))["predictors"]
    assert "choice of the proxy's group" not in answers(replace(run, proxy=None))["predictors"]
    assert "nested cross-validation judges it and chooses nothing" in answers(run)["model"]


def test_forms_are_those_of_the_recipe(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    assert run.proxy is not None
    assert "attention heads that are not linear; in the proxy: standardised, linear" in answers(run)["form"]
    ilr = structs.replace(run.proxy, recipe=structs.replace(run.proxy.recipe, basis="ilr"))
    assert "parts of a whole as log-ratios, one common scale" in answers(replace(run, proxy=ilr))["form"]


def test_only_what_was_looked_at_and_compared_is_claimed(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    assert answers(run)["clusters"].startswith("AUROC within batches")
    audit = structs.replace(
        run.audit,
        overlap_weighted=made_audit.weights(value=None, missing=made_audit.NO_INPUT),
        leave_one_site_out=made_audit.left_out(),
        handling=structs.replace(run.audit.handling, measure=None),
    )
    untested = tuple(
        Division(
            by=by,
            groups=(Subgroup(group=name, case=9, control=9, auroc=area, missing=None),),
            unknown=0,
            interaction=None,
            left_out=(),
            missing=None,
        )
        for by, name, area in (("site", "A", None), ("sex", "F", auroc()))
    )
    pairs = tuple(pair for pair in run.validation.paired if pair.b == "proxy")
    validation = structs.replace(
        run.validation, subgroups=run.validation.subgroups | {"model": untested}, paired=pairs
    )
    known = answers(replace(run, audit=audit, validation=validation))
    assert known["clusters"].startswith("no way of holding batch or site gave a number")
    assert known["fairness"] == "AUROC by sex, not tested"
    # The dominant group's own baseline is the proxy itself and is not compared.
    assert "with Holm against: proxy; a signal" in known["measures"]


def test_rows_without_a_role_are_counted_and_a_table_leaves_its_making_to_the_authors(
    table_run: Built,
) -> None:
    run = collect(table_run.config, table_run.layout)
    assert run.table is not None
    found = {item.item: item for item in checklist(run, NAMES)}
    assert found["6b"].answer == "no row was left out by this run"
    assert "not known" not in found["7"].answer
    assert found["7"].authors.startswith("what was done before the table")
    assert found["9c"].answer == ""
    assert "the sheet or table holds held-out labels, but no stage before validate" in found["9b"].answer
    record = structs.replace(run.table.record, left_out=3)
    dropped = answers(replace(run, table=replace(run.table, record=record)))["excluded"]
    assert dropped == "rows of the table without a role were not used: 3"


def test_without_a_proxy_nothing_is_said_of_scoring(bare_run: Built) -> None:
    known = answers(collect(bare_run.config, bare_run.layout))
    assert known["poor"] == "no new sample can be scored: there is no proxy"
    assert known["model"].endswith("there is no proxy")


def test_a_second_opening_is_no_opening_once_everything_was_frozen(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    assert answers(run)["opened"] == "was opened once everything was frozen in this folder"
    again = answers(replace(run, validation=structs.replace(run.validation, opening=SECOND)))["opened"]
    assert again == "had been opened before (this is opening 2)"


def test_both_conditions_of_a_signal_are_told(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    # verdict/ladder: permutation p <= .05 and the lower end above .5.
    told = (
        (methods_paragraphs(run)[-1], "was at most 0.05 and the 95 % interval of the model's AUROC lay"),
        (answers(run)["measures"], "p is at most 0.05 and the 95 % interval of the AUROC lies above 0.50"),
        (answers(run)["detectable"], "the interval lies above 0.50, and a permutation p of at most 0.05"),
    )
    for text, both in told:
        assert both in text


def test_links_lead_to_sections_that_the_page_has(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    there = tuple(name for name, _ in sections_of(table=True, tissue=False))
    assert {name for item in checklist(run, there) for name in item.where} <= set(there)
    assert set(NAMES) - set(there) == {"lengths", "calls", "representation", "tissue"}
