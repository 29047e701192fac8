"""The rule of rung L4, cell by cell, boundaries included."""

import pytest

from cfdna_interp.audit.within_batch import judge


@pytest.mark.parametrize(
    ("low", "high", "crude", "status"),
    [
        (0.55, 0.95, 0.90, "not handling"),
        (0.51, 0.90, 0.90, "not handling"),  # reaches the crude AUROC exactly
        (0.51, 0.89, 0.90, "attenuated"),
        (0.50, 0.89, 0.90, "handling"),  # a lower bound of exactly one half is not above it
        (0.40, 0.60, 0.90, "handling"),
        (0.40, 0.95, 0.90, "can't tell"),
        (0.50, 0.90, 0.90, "can't tell"),
    ],
)
def test_each_cell(low, high, crude, status):
    got = judge({"value": (low + high) / 2, "low": low, "high": high, "crude": crude})
    assert got.status == status
    assert f"crude {crude:.2f}" in got.reason


def test_nested_label_passes_the_words_on():
    got = judge({"value": None, "reason": "no batch holds both classes", "crude": 0.9})
    assert (got.status, got.reason) == ("can't tell", "no batch holds both classes")
