"""Numbers and names as a reader sees them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_validation import score as made_score
from made_validation import validation
from msgspec import structs

from cfdna_interp.records.values import Auroc, Interval
from cfdna_interp.records.verdict import HeldEvidence, Rung, SignalEvidence, Status, Word
from cfdna_interp.report import words


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.125, 3, "0.125"),
        (-0.5, 1, "−0.5"),
        (12_345.6, 0, "12,346"),
        (None, 2, "–"),
        (math.nan, 2, "–"),
        (math.inf, 2, "–"),
        (-0.001, 2, "0.00"),
    ],
)
def test_number(value: float | None, digits: int, text: str) -> None:
    assert words.number(value, digits) == text


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_number_reads_back_within_half_a_unit(value: float, digits: int) -> None:
    text = words.number(value, digits).replace("−", "-").replace(",", "")
    assert abs(float(text) - value) <= 0.5 * 10**-digits + 1e-9
    assert text.lstrip("-0.") or not text.startswith("-")


def test_intervals() -> None:
    record = Interval(value=0.9, low=0.85, high=0.951)
    assert words.interval(record) == "0.90 [0.85, 0.95]"
    assert words.interval_percent(record) == "90 % [85, 95]"
    assert words.interval(Interval(value=0.9, low=None, high=None)) == "0.90"
    assert words.interval(Interval(value=None, low=None, high=None)) == "–"
    assert words.interval_percent(None) == "–"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0004, "< 0.001"), (0.0123, "0.012"), (0.5, "0.50"), (1.0, "1.00"), (None, "–")]
)
def test_p_value(value: float | None, text: str) -> None:
    assert words.p_value(value) == text


@pytest.mark.parametrize(
    ("score", "name"),
    [
        ("model", "Model"),
        ("model_without_fragment_length", "Model retrained without fragment length"),
        ("model_only_tissue_of_origin", "Model on tissue of origin only"),
        ("baseline_end_motif", "End motif (logistic)"),
        ("model_only_context", "Model with every group taken out"),
        ("baseline_technical", "Technical columns only"),
    ],
)
def test_score_name(score: str, name: str) -> None:
    assert words.score_name(score) == name


@pytest.mark.parametrize(
    ("score", "name"),
    [
        ("model", "Model"),
        ("surrogate", "Surrogate"),
        ("model_without_fragment_length", "Surrogate retrained without fragment length"),
        ("model_only_tissue_of_origin", "Surrogate on tissue of origin only"),
        ("model_only_context", "Surrogate with every group taken out"),
        ("baseline_end_motif", "End motif (logistic)"),
    ],
)
def test_what_was_retrained_in_place_of_a_model_is_named(score: str, name: str) -> None:
    assert (
        words.score_name(
            score, words.whole_name(validation(scores={"model": made_score(), "surrogate": made_score()}))
        )
        == name
    )


def test_a_model_that_is_at_hand_is_retrained_itself() -> None:
    assert words.whole_name(validation()) == "Model"


def test_the_evidence_of_a_rung_is_written_by_name() -> None:
    rung = Rung(rung="L4", claim="", status=Status.EARNED, word=Word.EARNED, reasons=())
    assert words.evidence_rows(rung) == []
    held = HeldEvidence(crude=0.01234, held=Interval(value=0.5, low=0.4, high=0.6), fall=None)
    rows = words.evidence_rows(structs.replace(rung, evidence=held))
    assert rows == [("crude", "0.012"), ("held", "0.500 [0.400, 0.600]")]
    # 1 of 10,000 permutations: .0001 rounds to 0.000.
    signal = SignalEvidence(auroc=Auroc(value=0.9, low=0.8, high=0.95, method="DeLong"), p=0.0001)
    rows = words.evidence_rows(structs.replace(rung, evidence=signal))
    assert rows == [("auroc", "0.900 [0.800, 0.950]"), ("p", "< 0.001")]


def test_plotly_sees_no_markup() -> None:
    assert words.plotly_text("<a href='x'>&") == "&lt;a href='x'&gt;&amp;"


def test_columns_lose_what_the_matrix_put_before_them() -> None:
    assert words.term_name("technical_mapq_loss") == "Mapq loss"
    assert words.term_name("covariate_smoking") == "Smoking"


def test_a_p_value_stands_in_a_sentence() -> None:
    assert [words.p_phrase(p) for p in (0.04, 0.0001, None)] == ["p = 0.04", "p < 0.001", "p = –"]
