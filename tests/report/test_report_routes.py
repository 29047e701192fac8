"""Features of the embeddings beside interventions: agree, differ, or can't tell, and why."""

from __future__ import annotations

import pytest
from fake_representation import funnel
from msgspec.structs import replace

from cfdna_interp.records.dominance import Outcome
from cfdna_interp.records.funnel import FeatureFunnel
from cfdna_interp.report.routes import AGREE, DIFFER, OPEN, compare_routes, leading_family

LENGTH, METHYLATION, NONE = "fragment_length", "methylation", "none"


def found(*carriers: str, null_high: float = 0.0) -> FeatureFunnel:
    record = funnel(carriers)
    return replace(record, null=replace(record.null, survived_high=null_high))


def outcome(name: Outcome, group: str | None = None) -> tuple[Outcome, str | None]:
    return name, group


@pytest.mark.parametrize(
    ("features", "interventions", "title", "words"),
    [
        (found(LENGTH, LENGTH, NONE), outcome("dominant", LENGTH), AGREE, "different assumptions"),
        # Two open answers agree on nothing: "both routes agree" needs a survivor.
        (found(), outcome("none"), OPEN, "Neither route names a group"),
        (found(LENGTH), outcome("dominant", METHYLATION), DIFFER, "The verdict rests on the interventions"),
        (found(LENGTH), outcome("none"), DIFFER, "a lead to follow up, not a finding"),
        (found(), outcome("dominant", LENGTH), OPEN, "speaks for nothing"),
        (found(LENGTH, METHYLATION), outcome("dominant", LENGTH), OPEN, "No family carries more than half"),
        (found("context"), outcome("dominant", LENGTH), OPEN, "CpG count and locus, which no intervention"),
        (found(LENGTH), outcome("redundant"), OPEN, "name no single group (redundant groups)"),
        # As many as heads with permuted labels leave.
        (found(LENGTH, null_high=1.0), outcome("dominant", LENGTH), OPEN, "Permuted labels leave as many"),
    ],
)
def test_both_answers_are_held_against_each_other(
    features: FeatureFunnel, interventions: dict[str, object], title: str, words: str
) -> None:
    routes = compare_routes(features, *interventions)
    assert routes.title == title
    assert words in routes.meaning


def test_half_of_the_survivors_is_not_more_than_half() -> None:
    assert leading_family(found(LENGTH, LENGTH, METHYLATION).survivors) == LENGTH
    assert leading_family(found(LENGTH, LENGTH, METHYLATION, NONE).survivors) is None
    assert leading_family(found(NONE, NONE, LENGTH).survivors) is None
    assert leading_family([]) is None


def test_the_answer_of_the_features_has_its_null() -> None:
    sentence = compare_routes(found(LENGTH, NONE, LENGTH), *outcome("none")).found
    assert sentence == (
        "Of 256 sparse features of the embeddings 11 tell cases from controls beyond permuted labels, and 3 "
        "survive resampling of subjects: 2 differ with fragment length; 1 differs with no single family. "
        "With permuted labels 0 of them survive on average, at most 0 in 95 % of 19 heads "
        "(n = 80 discovery subjects)."
    )
    assert "and none survives resampling of subjects. With" in compare_routes(found(), *outcome("none")).found
