"""What the page says of tissue of origin: counted by hand, open where the atlas doesn't explain a sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from quality import FEW_BLOCKS, quality, tissue

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.records.base import save_record
from cfdna_interp.report.figures.tissue import residual_figure
from cfdna_interp.report.tissue import (
    SampleTissue,
    load_tissues,
    residual_rows,
    tissue_sentences,
    type_rows,
    unexplained,
)


def one(name: str, label: int, found, role: str = "discovery") -> SampleTissue:
    return SampleTissue(name, f"P{name}", role, label, found)


def test_samples_without_an_atlas_are_left_out(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    save_record(quality("A", tissue=tissue(1.2)), layout.qc("A"))
    save_record(quality("B"), layout.qc("B"))
    save_record(quality("C", tissue=tissue(4.0, explained=False)), layout.qc("C"))
    samples = {
        "discovery": [Sample(name, f"P{name}", "b", 1, "discovery") for name in "AB"],
        "heldout": [Sample("C", "PC", "b", None, "heldout")],
    }
    found = load_tissues(samples, {"PA": 1, "PB": 1, "PC": 0}, layout)
    assert [(row.sample, row.role, row.label) for row in found] == [
        ("A", "discovery", 1),
        ("C", "heldout", 0),
    ]
    # Extraction's record comes back whole.
    assert found[1].tissue == tissue(4.0, explained=False)


def test_residuals_and_answers_by_hand() -> None:
    cohort = [
        one("A", 1, tissue(1.0)),
        one("B", 1, tissue(5.0, explained=False)),
        one("C", 1, tissue(2.0)),
        one("D", 0, tissue(1.5)),
        one("E", 0, tissue(obstacle=FEW_BLOCKS)),
        one("F", 0, tissue(7.0, explained=False), "heldout"),
    ]
    rows = [
        (row.role, row.label, row.samples, row.explained, row.low, row.median, row.high)
        for row in residual_rows(cohort)
    ]
    assert rows == [
        ("discovery", 1, 3, 2, 1.0, 2.0, 5.0),
        ("discovery", 0, 1, 1, 1.5, 1.5, 1.5),
        ("heldout", 0, 1, 0, 7.0, 7.0, 7.0),
    ]
    assert [row.sample for row in unexplained(cohort)] == ["F", "B"]
    first, second = type_rows(cohort)
    assert (first.name, dict(first.cases), dict(first.controls)) == (
        "Granulocyte",
        {"present": 2, "cannot_tell": 1},
        {"present": 1, "cannot_tell": 1},
    )
    assert (second.name, dict(second.cases)) == ("<Liver>", {"absent": 2, "cannot_tell": 1})
    figure = residual_figure(cohort)
    assert [list(trace.y) for trace in figure.data] == [[1.0, 2.0, 5.0], [1.5], [7.0]]
    assert figure.data[0].marker.symbol == ("circle", "circle", "circle-open")
    assert figure.data[2].marker.symbol == ("circle-open",)


def said(*cohort: SampleTissue) -> str:
    return " ".join(tissue_sentences(cohort))


def test_what_is_said_of_the_fit() -> None:
    good, bad = one("A", 1, tissue()), one("B", 0, tissue(6.0, explained=False))
    refusal = "Can't tell: the atlas does not explain 1 of 2 samples"
    assert refusal in said(good, bad)
    assert "`cfdna-interp atlas unknown`" in said(good, bad)
    assert "explains all" not in said(good, bad)
    assert said(good) == "The atlas explains all 1 samples with shares."
    # A fit that can't be judged is neither.
    open_one = one("C", 1, tissue(explained=None))
    assert "explain" not in said(open_one)
    missing = one("D", 1, tissue(obstacle=FEW_BLOCKS))
    assert said(missing) == "1 of 1 samples have no shares: they cover too few blocks of the atlas."
    joined = one("E", 1, tissue(merged=3))
    assert "3 were joined to another one at the same place, and 0 were left out" in said(joined)
    assert "overlap" not in said(good)


@pytest.mark.parametrize(("shift", "expected"), [(0.0, False), (3.0, True)])
def test_residuals_that_follow_the_label_are_said(shift: float, expected: bool) -> None:
    # Ten and ten subjects. Shifted, all cases lie above all controls: p = 2 / C(20, 10) = 1e-5.
    cohort = [one(f"C{i}", 1, tissue(1 + 0.02 * i + shift)) for i in range(10)]
    cohort += [one(f"D{i}", 0, tissue(1.01 + 0.02 * i)) for i in range(10)]
    text = said(*cohort)
    assert ("Discovery: residuals differ between cases" in text) is expected
    assert ("The atlas fits cases less well" in text) is expected
