"""Combinations of intervention and reference in words, and the figure of their shares."""

from __future__ import annotations

import pytest
from fake_run import GROUPS
from made_dominance import around, dominance_record, group_attribution
from made_dominance import intervention_shares as combination
from msgspec.structs import replace

from cfdna_interp.records.attribution_notes import ReferenceName
from cfdna_interp.records.dominance import Diagnostics, Spread
from cfdna_interp.records.values import Interval
from cfdna_interp.report.figures.interventions import intervention_figure
from cfdna_interp.report.interventions import agreement, combinations, diagnostics, refusals

LENGTH_FIRST = {"fragment_length": 0.6, "methylation": 0.3, "tissue_of_origin": 0.1}
TISSUE_SECOND = {"fragment_length": 0.6, "methylation": 0.1, "tissue_of_origin": 0.3}
METHYLATION_FIRST = {"fragment_length": 0.3, "methylation": 0.6, "tissue_of_origin": 0.1}


NULL = {group: group_attribution(around(0.3), null_share_high=0.45, null_max_high=0.55) for group in GROUPS}


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ([LENGTH_FIRST], "Only one combination applies, so there is no other to agree with it."),
        (
            [LENGTH_FIRST, LENGTH_FIRST],
            "Both combinations give the groups in the same order: "
            "fragment length, methylation, tissue of origin.",
        ),
        (
            [LENGTH_FIRST, TISSUE_SECOND, LENGTH_FIRST],
            "All 3 combinations put fragment length first; behind it the order differs.",
        ),
        (
            [LENGTH_FIRST, METHYLATION_FIRST],
            "The combinations don't agree on the first group: fragment length with “Swap, all discovery "
            "subjects”; methylation with “Swap, discovery controls”.",
        ),
    ],
)
def test_agreement_is_one_sentence(shares: list[dict[str, float]], sentence: str) -> None:
    references: tuple[ReferenceName, ...] = ("discovery", "controls", "matched")
    entries = [
        combination("swap", reference, share, 40)
        for reference, share in zip(references, shares, strict=False)
    ]
    assert agreement(entries) == sentence


def test_what_has_no_shares_is_told_with_its_reason() -> None:
    entries = (
        combination("swap", "discovery", LENGTH_FIRST, 40),
        combination("reweight", "discovery", LENGTH_FIRST, 31, of=40),
    )
    found = dominance_record(
        NULL, interventions=entries, not_applicable={"edit": "no bases", "matched": "no age"}
    )
    assert [item.title for item in combinations(entries)] == ["Swap, all discovery subjects"]
    assert refusals(found) == [
        ("Edit", "no bases"),
        ("Reference: controls matched in batch, sex and age", "no age"),
        (
            "Reweight, all discovery subjects",
            "values for 31 of 40 subjects only, and four fifths are needed to speak of the cohort",
        ),
    ]


def test_diagnostics_have_words_and_units() -> None:
    entry = Diagnostics(
        intervention="reweight",
        reference="controls",
        values={
            "effective": Spread(mean=0.5, smallest=0.301, largest=0.9),
            "largest": Spread(mean=6.25, smallest=2.0, largest=19.5),
        },
    )
    rows = diagnostics([entry])
    assert rows == [
        (
            "Reweight, discovery controls",
            "effective sample size of the worst coalition, of the bag",
            "50.0 %",
            "30.1 % to 90.0 %",
        ),
        ("Reweight, discovery controls", "largest weight", "6.25", "2.00 to 19.50"),
    ]


def test_every_share_stands_on_its_null() -> None:
    entries = (
        combination("swap", "discovery", LENGTH_FIRST, 40),
        combination("reweight", "discovery", TISSUE_SECOND, 38),
    )
    figure = intervention_figure(combinations(entries), NULL)
    # A column a group and one for context; the two rows are the two combinations.
    assert [list(trace.x) for trace in figure.data] == [
        pytest.approx([60, 60]),
        pytest.approx([30, 10]),
        pytest.approx([10, 30]),
        pytest.approx([5, 5]),
    ]
    # Shares of .6 [.55, .66].
    assert list(figure.data[0].error_x.array) == pytest.approx([6, 6])
    assert list(figure.data[0].error_x.arrayminus) == pytest.approx([5, 5])
    bands = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert [(band.x0, band.x1) for band in bands] == [(0, 45)] * 3
    lines = [shape.x0 for shape in figure.layout.shapes if shape.type == "line"]
    assert lines == pytest.approx([55, 55, 55, 20])
    assert "n = 38, 5 donors" in figure.layout.yaxis.ticktext[1]


def test_shares_that_are_undefined_are_left_out_of_the_figure() -> None:
    entry = combination("swap", "discovery", LENGTH_FIRST, 40)
    assert entry.shares is not None
    undefined = dict.fromkeys(GROUPS, Interval(value=None, low=None, high=None))
    entry = replace(entry, shares=replace(entry.shares, share=undefined))
    null = {group: replace(one, null_share_high=None, null_max_high=None) for group, one in NULL.items()}
    figure = intervention_figure(combinations([entry]), null)
    assert [list(trace.x) for trace in figure.data[:3]] == [[None]] * 3
    assert [shape.type for shape in figure.layout.shapes] == ["line"]
