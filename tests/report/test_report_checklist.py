"""TRIPOD+AI: every item is there, every answer has its words, and what nobody can know is the authors'."""

from __future__ import annotations

import re

from fake_run import Built

from cfdna_interp.report.checklist import answers, checklist, items
from cfdna_interp.report.collect import collect
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
    assert found["6b"].answer == "nobody was left out after enrolment"
    assert found["13"].answer.endswith("share of cases 50 % in discovery, 50 % held-out")
    assert found["14"].answer == "AUROC by site and sex and age, with a test of heterogeneity"
    assert found["17"].answer == ""
    assert found["17"].authors == "all of it"
    assert "first opening" in found["18c"].answer
    assert "made by a program" in found["5a"].answer


def test_answers_of_a_run_without_proxy_and_with_exclusions(bare_run: Built) -> None:
    run = collect(bare_run.config, bare_run.layout)
    found = {item.item: item for item in checklist(run, NAMES)}
    assert found["22"].answer == "there is no proxy: no group is dominant"
    assert found["20a"].answer.endswith("1 sample was left out, each with its reason")
    assert found["20b"].answer.endswith("ages are not known")


def test_links_lead_to_sections_that_the_page_has(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    there = tuple(name for name, _ in sections_of(table=True))
    assert {name for item in checklist(run, there) for name in item.where} <= set(there)
    assert set(NAMES) - set(there) == {"lengths", "calls", "representation"}
