"""A score that says the same of everybody has no interval, and nothing is concluded from it."""

from dataclasses import asdict

import made_audit
import numpy as np
import pandas as pd
import pytest

from cfdna_interp.artifacts.files import plain
from cfdna_interp.audit.claims import judge_handling, judge_person
from cfdna_interp.config.settings import Validation
from cfdna_interp.proxy.fidelity import fidelity
from cfdna_interp.report.proxy import agreements
from cfdna_interp.report.words import interval
from cfdna_interp.stats.roc import auroc_interval
from cfdna_interp.stats.strata import within_batch
from cfdna_interp.verdict.ladder import _signal

Y = np.tile([1, 0], 40)
SITE = ["a"] * 40 + ["b"] * 40


def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize("n", [10, 80])
def test_no_interval_whatever_the_size(n):
    found = plain(asdict(auroc_interval(Y[:n], np.zeros(n), rng())))
    assert found == {"value": 0.5, "low": None, "high": None, "method": "constant score"}
    assert interval(found) == "0.50"


def test_no_interval_within_batches_where_the_score_is_the_batch():
    within = plain(asdict(within_batch(Y, np.array(SITE) == "a", SITE, rng()).interval))
    assert within == {"value": 0.5, "low": None, "high": None, "method": "constant score"}
    # One that varies in one batch only has an interval.
    assert np.isfinite(within_batch(Y, Y * (np.array(SITE) == "a"), SITE, rng()).interval.low)


def test_a_score_that_is_the_same_for_everybody_is_cleared_of_nothing():
    frame = pd.DataFrame({"site": SITE, "batch": SITE, "age": np.arange(80.0)})
    for judge in (judge_handling, judge_person):
        got = judge(Y, np.zeros(80), frame, margin=0.03, rng=rng())
        assert got.status == "can't tell" and got.held.measure is None
    # One that is the batch varies between batches alone: no pair within them is told apart.
    got = judge_handling(Y, (np.array(SITE) == "a").astype(float), frame, margin=0.03, rng=rng())
    assert got.status == "can't tell" and got.held.measure.auroc.value == 0.5


def test_the_ladder_cannot_tell():
    auroc = plain(asdict(auroc_interval(Y, np.ones(80), rng())))
    for p in (1.0, 0.01):
        n = {"case": 40, "control": 40}
        validation = {"n": n, "permutation": {"p": p}, "scores": {"model": {"auroc": auroc}}}
        rung = _signal(validation, made_audit.leakage(), Validation())
        assert rung.status == "can't tell"
        assert "no interval: constant score" in rung.reason


def test_a_correlation_with_a_constant_is_a_dash():
    # Constant overall; and constant within each class, where only the partial one has nothing to go by.
    found = fidelity(Y, rng().normal(size=80), np.zeros(80), rng(), margin=0.05, bootstrap=20)
    record = plain(asdict(found))
    for name in ("pearson", "spearman", "partial"):
        assert record[name] == {"value": None, "low": None, "high": None}
    (row,) = agreements({}, {"fidelity": record}, foreign=False)
    assert interval(row.pearson) == "–"
    own = fidelity(Y, rng().normal(size=80), Y, rng(), margin=0.05, bootstrap=20)
    assert np.isnan(own.partial.value)
    assert np.isfinite(own.pearson.value)
