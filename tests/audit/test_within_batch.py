"""The rule of rung L4, cell by cell, boundaries included, and what further evidence may turn."""

from itertools import product

import numpy as np
import pytest

from cfdna_interp.audit.between import Between, between_batches
from cfdna_interp.audit.overlap import Overlap
from cfdna_interp.audit.within_batch import ANOTHER, judge, per_class
from cfdna_interp.stats.roc import auroc
from cfdna_interp.stats.strata import within_batch

OPEN = {
    "value": 0.7,
    "low": 0.45,
    "high": 0.9,
    "crude": 0.8,
    "batches": [{"case": 5, "control": 15}, {"case": 6, "control": 6}],
}
FALLS, STAYS = Between(0.1, 0.02, 0.18), Between(0.1, 0.0, 0.2)
NESTED = {"value": None, "reason": "no batch holds both classes", "crude": 0.9}


def overlap(high, reason="", low=0.4):
    return Overlap(0.5, low, high, 50.0, 50.0, 0.1, 1.0, 0.1, reason)


@pytest.mark.parametrize(
    ("low", "high", "crude", "status"),
    [
        (0.55, 0.95, 0.90, "not handling"),
        (0.51, 0.90, 0.90, "not handling"),  # reaches the crude AUROC exactly
        (0.51, 0.89, 0.90, "attenuated"),
        (0.50, 0.89, 0.90, "attenuated"),  # a lower bound of exactly one half is not above it
        (0.40, 0.70, 0.90, "attenuated"),  # half of the signal, .5 + .4 / 2, is not excluded
        (0.40, 0.69, 0.90, "handling"),
        (0.40, 0.60, 0.90, "handling"),
        (0.20, 0.39, 0.40, "can't tell"),  # below chance there is no signal to explain
        (0.51, 0.90, 0.45, "not handling"),  # a signal within batches that lies hidden between them
        (0.40, 0.95, 0.90, "can't tell"),
        (0.50, 0.90, 0.90, "can't tell"),
    ],
)
def test_each_cell(low, high, crude, status):
    within = {"value": (low + high) / 2, "low": low, "high": high, "crude": crude}
    got = judge(within)
    assert got.status == status
    assert f"crude {crude:.2f}" in got.reason
    assert got.decided_by == {"measure": "within_batch", **within}
    assert bool(got.would_decide) == (status == "can't tell")
    if status != "can't tell":  # weights never move what batches decide
        assert judge(within, STAYS, overlap(0.6)) == got


def test_a_fall_shown_by_the_narrower_interval_is_no_clearance():
    # 100 + 100 subjects, .097 [.054, .140] of the crude AUROC gone, and a wide interval that reaches it.
    within = {"value": 0.66, "low": 0.54, "high": 0.76, "crude": 0.75}
    got = judge(within, Between(0.097, 0.054, 0.140))
    assert got.status == "attenuated"
    assert got.decided_by["measure"] == "between_batches"
    assert "falls by 0.10 [0.05 to 0.14]: part of the signal is a difference between batches" in got.reason
    assert judge(within, Between(0.03, -0.01, 0.07)).status == "not handling"


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_how_often_a_shift_between_batches_is_cleared(shift):
    # Two sites, cases 75 % of one and 25 % of the other; biology of .8 SD and the site's shift, 100 + 100.
    rng = np.random.default_rng(17)
    labels = np.repeat([1, 0], 100)
    cleared = 0
    for _ in range(100):
        site = (rng.random(200) < np.where(labels == 1, 0.75, 0.25)).astype(int)
        scores = rng.normal(0.8 * labels + shift * site)
        batches = np.array(["a", "b"])[site].tolist()
        within = within_batch(labels, scores, batches, rng)
        entry = {**vars(within.interval), "crude": auroc(labels, scores)}
        cleared += judge(entry, between_batches(labels, scores, batches)).status == "not handling"
    # Without a shift the lower bound of the fall lies above 0 once in 40; with it the fall is .08 at a
    # standard error of .02.
    assert cleared >= 88 if shift == 0 else cleared <= 5


def test_the_reason_says_on_how_many_subjects():
    batches = [{"batch": "a", "case": 5, "control": 7}, {"batch": "b", "case": 6, "control": 5}]
    within = {"value": 0.8, "low": 0.7, "high": 0.9, "crude": 0.8, "batches": batches}
    assert "(11 cases and 12 controls in 2 mixed batches)" in judge(within).reason


def test_one_batch_alone_compares_nothing():
    clear = {"value": 0.8, "low": 0.7, "high": 0.9, "crude": 0.8}
    assert judge(clear).status == "not handling"
    got = judge({**clear, "only": True})
    assert (got.status, got.would_decide) == ("can't tell", ANOTHER)
    assert "no second batch holds subjects enough" in got.reason
    assert judge({**clear, "only": True}, STAYS, overlap(0.9, reason="no overlap")).status == "can't tell"
    # With technical columns held something was compared; where that takes the signal it is not the batch's.
    held = judge({**clear, "only": True}, STAYS, overlap(0.9, low=0.55))
    assert (held.status, held.decided_by["measure"]) == ("not handling", "overlap_weighted")
    assert (
        "weighted for overlap in technical columns and site the AUROC is 0.50 [0.55 to 0.90]" in held.reason
    )
    assert judge({**clear, "only": True}, STAYS, overlap(0.9)).status == "can't tell"  # chance is possible
    assert judge({**clear, "only": True}, STAYS, overlap(0.75)).status == "attenuated"


def test_evidence_turns_an_open_verdict_to_attenuated():
    assert judge(OPEN).status == "can't tell"
    fallen = judge(OPEN, FALLS)
    assert fallen.status == "attenuated"
    assert fallen.decided_by == {
        "measure": "between_batches", "value": 0.1, "low": 0.02, "high": 0.18, "crude": 0.8,
    }  # fmt: skip
    # The crude AUROC is over all subjects, not over those of mixed batches.
    assert "from all subjects to within batches the AUROC falls by 0.10 [0.02 to 0.18]:" in fallen.reason
    weighted = judge(OPEN, STAYS, overlap(0.79))
    assert weighted.status == "attenuated"
    assert weighted.decided_by["measure"] == "overlap_weighted"
    assert judge(OPEN, STAYS, overlap(0.80)).status == "can't tell"
    assert judge(OPEN, STAYS, overlap(0.60, reason="no overlap")).status == "can't tell"


def test_the_weighted_auroc_stands_beside_the_crude_one_whatever_else_is_known():
    unknown = {"value": None, "reason": "the cohort names neither batch nor site", "crude": 0.8}
    assert "to 0.79], crude 0.80: part of the signal" in judge(unknown, None, overlap(0.79)).reason
    below = judge({**OPEN, "crude": 0.45, "only": True}, None, overlap(0.44, low=0.2))
    assert (below.status, below.reason.split(": ")[-1]) == ("can't tell", "no signal is shown with them held")


def test_without_signal_nothing_is_attenuated():
    chance = {**OPEN, "crude": 0.5}
    for between in (STAYS, FALLS):
        assert judge(chance, between, overlap(0.45)).status == "can't tell"
    assert "no signal to explain" in judge(chance).would_decide


def test_nested_label_is_never_told_whatever_else_speaks():
    for between, weighted in product((None, FALLS, STAYS), (None, overlap(0.55), overlap(0.95))):
        got = judge(NESTED, between, weighted)
        assert (got.status, got.reason) == ("can't tell", "no batch holds both classes")
        assert got.decided_by == {
            "measure": "within_batch", "value": None, "low": None, "high": None, "crude": 0.9,
        }  # fmt: skip
        assert "in one batch" in got.would_decide


def test_no_evidence_ever_earns_not_handling():
    for within in (OPEN, {"value": None, "reason": "the cohort names neither batch nor site", "crude": 0.8}):
        for between, weighted in product((None, FALLS, STAYS), (None, overlap(0.55), overlap(0.95))):
            assert judge(within, between, weighted).status in ("attenuated", "can't tell")


@pytest.mark.parametrize(("crude", "n"), [(0.6, 132), (0.8, 16), (0.2, 16)])
def test_how_many_would_decide(crude, n):
    # The smallest n with 2.801585² (2 n + 1) / (12 n²) <= (crude - .5)²: for .6, n = 132 gives .0099473 and
    # n = 131 .010024 against .01; for .8, n = 15 gives .0901 and n = 16 .0843 against .09.
    assert per_class(crude) == n


def test_what_would_decide_counts_what_is_there():
    # 2 * 5 * 15 / 20 = 7.5 and 2 * 6 * 6 / 12 = 6 of each class: 13.5, rounded to even.
    assert "16 cases and 16 controls" in judge(OPEN).would_decide
    assert "worth 14 of each" in judge(OPEN).would_decide
