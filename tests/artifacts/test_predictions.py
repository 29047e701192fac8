"""Logits of samples survive the disk exactly, and damage is named."""

import math

import pytest

from cfdna_interp.artifacts.predictions import (
    Prediction,
    Score,
    load_predictions,
    load_scores,
    save_predictions,
    save_scores,
)
from cfdna_interp.errors import InputError


def test_scores_come_back_exactly(tmp_path):
    scores = [Score("S2", "P2", "model", 0.1 + 0.2), Score("S1", "P1", "proxy", -1e-300)]
    save_scores(scores, tmp_path / "scores.model.parquet")
    assert load_scores(tmp_path / "scores.model.parquet") == scores


def test_predictions_come_back_exactly(tmp_path):
    predictions = [Prediction("S1", "P1", 1, 0, 1 / 3, 0.0), Prediction("S2", "P2", 0, 4, -2.0, 1e-9)]
    save_predictions(predictions, tmp_path / "p.parquet")
    assert load_predictions(tmp_path / "p.parquet") == predictions


def test_no_rows_are_a_valid_table(tmp_path):
    save_scores([], tmp_path / "s.parquet")
    assert load_scores(tmp_path / "s.parquet") == []


def test_same_rows_give_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_scores([Score("S1", "P1", "model", 0.5)], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_logit_that_is_not_finite_is_refused_and_nothing_is_written(tmp_path, value):
    with pytest.raises(ValueError, match="sample S1"):
        save_scores([Score("S1", "P1", "model", value)], tmp_path / "s.parquet")
    assert list(tmp_path.iterdir()) == []


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_scores(tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match=r"bad\.parquet is not a table of logits"):
        load_predictions(tmp_path / "bad.parquet")
