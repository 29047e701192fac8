"""A second opening of the held-out labels is said wherever held-out numbers stand; the first nowhere."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import Built
from msgspec import structs
from stored import write_json
from test_report_page import Reader, read

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.errors import InputError
from cfdna_interp.records.openings import LABELS, Opening, nth_opening
from cfdna_interp.report.collect import collect
from cfdna_interp.report.marks import lock_changes, lock_sentence, page_marks
from cfdna_interp.report.report import render


def opened(number: int, changed: tuple[str, ...] | None = (), total: int = 0) -> Opening:
    return nth_opening(number, total or number, "ab" * 32, changed)


@pytest.fixture(scope="module")
def again(simulated_run: Built) -> tuple[str, Reader]:
    """The page of the simulated run, had its labels been read under another margin before."""
    run = collect(simulated_run.config, simulated_run.layout)
    validation = structs.replace(run.validation, opening=opened(2, ("margins.necessity_margin",)))
    page = render(replace(run, validation=validation), read_json(simulated_run.layout.file("manifest.json")))
    reader = Reader()
    reader.feed(page)
    return page, reader


def test_the_page_says_so_at_the_top_in_the_title_and_at_the_end(again: tuple[str, Reader]) -> None:
    page, reader = again
    assert "<title>Length world (exploratory) (simulated data)</title>" in page
    outside = reader.sections[""]
    assert outside.index("EXPLORATORY") < outside.index("cfdna-interp")
    assert outside.rindex("EXPLORATORY") > outside.index("seed")
    assert "SIMULATED DATA · EXPLORATORY" in page


def test_each_section_with_heldout_numbers_says_so_and_no_other(again: tuple[str, Reader]) -> None:
    marked = {name for name, text in again[1].sections.items() if name and "EXPLORATORY" in text}
    # By hand: leaks read held-out labels from ids and dates, exclusions show cases by role, the attribution
    # the costs of retraining; Methods and Provenance say it in words.
    assert marked == {
        "verdict",
        "ladder",
        "attribution",
        "heldout",
        "proxy",
        "audit",
        "leakage",
        "hypotheses",
        "excluded",
        "checklist",
    }


def test_verdict_methods_and_provenance_say_what_changed(again: tuple[str, Reader]) -> None:
    sections = again[1].sections
    for name in ("verdict", "provenance"):
        assert "read once before, under another protocol" in sections[name]
        assert "Changed in the protocol since: margins.necessity_margin." in sections[name]
    assert "this is opening 2), so that held-out results are exploratory" in sections["methods"]
    assert "opening 2 of the held-out labels: exploratory" in sections["checklist"]


def test_nothing_was_fixed_beforehand_in_a_second_opening(
    again: tuple[str, Reader], simulated_run: Built
) -> None:
    first = read(simulated_run).sections
    claims = {
        "methods": (
            "before the held-out labels were read in this run's folder",
            "Margins were fixed beforehand",
        ),
        "ladder": ("margins fixed before the held-out labels were opened in this folder",),
        "checklist": ("opened once everything was frozen",),
        "proxy": (),
    }
    for name, sentences in claims.items():
        assert "fixed beforehand" not in again[1].sections[name]
        for sentence in sentences:
            assert sentence in first[name]
            assert sentence not in again[1].sections[name]


def test_a_first_opening_is_marked_nowhere(simulated_run: Built) -> None:
    text = " ".join(read(simulated_run).sections.values())
    assert "xploratory" not in text
    assert "EXPLORATORY" not in text


@pytest.mark.parametrize("stage", ["audit", "verdict"])
def test_files_of_two_openings_make_no_page(simulated_run: Built, tmp_path: Path, stage: str) -> None:
    shutil.copytree(simulated_run.layout.root, tmp_path, dirs_exist_ok=True)
    layout = Layout.of(tmp_path)
    path = layout.file(f"{stage}.json")
    write_json(path, read_json(path) | {"opening": structs.asdict(opened(2))})
    with pytest.raises(InputError, match=rf"{stage}\.json is of another.*run the {stage} stage again"):
        collect(simulated_run.config, layout)


@pytest.mark.parametrize(
    ("name", "key", "stage"),
    [("audit", "handling", "audit"), ("encoder", "kind", "pretrain"), ("proxy", "regression", "proxy")],
)
def test_a_result_of_another_version_makes_no_page(
    simulated_run: Built, tmp_path: Path, name: str, key: str, stage: str
) -> None:
    shutil.copytree(simulated_run.layout.root, tmp_path, dirs_exist_ok=True)
    layout = Layout.of(tmp_path)
    path = layout.file(f"{name}.json")
    write_json(path, {k: value for k, value in read_json(path).items() if k != key})
    with pytest.raises(InputError, match=rf"{name}\.json has no usable '{key}'.*run the {stage} stage again"):
        collect(simulated_run.config, layout)


def test_what_changed_may_not_be_known() -> None:
    assert "read 3 times before, under another protocol" in lock_sentence(opened(4, None))
    assert "no copy of the first protocol is left" in lock_changes(opened(4, None))
    # Three protocols, and back to the second: the labels were read under two others.
    assert "read 2 times before" in lock_sentence(opened(2, ("seed",), total=3))
    assert "since: nothing but how the protocol is written." in lock_changes(opened(2))
    assert "read once before, when others were given" in lock_sentence(opened(2, (LABELS,)))
    assert lock_sentence(opened(1)) == lock_changes(opened(1)) == ""
    assert page_marks(opened(2), simulated=False) == ["EXPLORATORY"]
