"""Correlation within classes of what single groups say: by hand, copies, and groups that share nothing."""

from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.attribution.alike import within_class_correlations

LABELS = np.repeat([0, 1], 200)
FOLD = np.tile(np.arange(5), 80)


def test_by_hand() -> None:
    # Within controls (-1, 1) beside (-1, 1), within cases the same: 1, whatever the classes' means are.
    labels, fold = np.array([0, 0, 1, 1]), np.zeros(4)
    first, second = np.array([0.0, 2.0, 5.0, 7.0]), np.array([9.0, 11.0, 1.0, 3.0])
    assert within_class_correlations({"a": first, "b": second}, labels, fold)["a:b"] == pytest.approx(1)
    assert within_class_correlations({"a": first, "b": np.ones(4)}, labels, fold)["a:b"] == 0


def test_groups_that_agree_by_the_label_alone_are_not_alike_and_copies_are() -> None:
    rng = np.random.default_rng(1)
    first, second = 3 * LABELS + rng.normal(size=(2, 400))
    third = first + 0.1 * rng.normal(size=400)
    found = within_class_correlations({"a": first, "b": second, "c": third}, LABELS, FOLD)
    assert list(found) == ["a:b", "a:c", "b:c"]
    assert np.corrcoef(first, second)[0, 1] > 0.6
    assert abs(found["a:b"]) < 0.15  # three standard errors of 400 pairs
    assert found["a:c"] > 0.98


def test_scales_of_folds_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(size=400)
    moved = logits * (1 + 9.0 * FOLD) + 100 * FOLD
    found = within_class_correlations({"a": logits, "b": moved}, LABELS, FOLD)
    assert found["a:b"] == pytest.approx(1)
