"""A score that says the same of everybody has no interval, and nothing is concluded from it."""

import frozen_run
import made_audit
import made_validation as made
import numpy as np
import pandas as pd
import pytest

from cfdna_interp.audit.claims import judge_handling, judge_person
from cfdna_interp.config.settings import Validation
from cfdna_interp.proxy.fidelity import fidelity
from cfdna_interp.records.validation import Permutation
from cfdna_interp.records.values import auroc_of
from cfdna_interp.report.words import interval
from cfdna_interp.stats.roc import auroc_interval
from cfdna_interp.stats.within_batch import within_batch
from cfdna_interp.verdict.ladder import _signal
from cfdna_interp.verdict.rung_words import rung_words

Y = np.tile([1, 0], 40)
SITE = ["a"] * 40 + ["b"] * 40


def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize("n", [10, 80])
def test_no_interval_whatever_the_size(n):
    found = auroc_of(auroc_interval(Y[:n], np.zeros(n), rng()))
    assert found == made.auroc(0.5, None, None, "constant score")
    assert interval(found) == "0.50"


def test_no_interval_within_batches_where_the_score_is_the_batch():
    within = auroc_of(within_batch(Y, np.array(SITE) == "a", SITE, rng()).interval)
    assert within == made.auroc(0.5, None, None, "constant score")
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
    score = made.score(auroc_of(auroc_interval(Y, np.ones(80), rng())))
    for p in (1.0, 0.01):
        permutation = Permutation(score="model", p=p, n=999)
        validation = made.validation(scores={"model": score}, permutation=permutation)
        rung = _signal(validation, made_audit.leakage(), Validation())
        assert rung.status == "can't tell"
        assert "no interval: constant score" in rung_words(rung, frozen_run.dominance(), made_audit.audit())


def test_a_correlation_with_a_constant_is_a_dash():
    # Constant overall; and constant within each class, where only the partial one has nothing to go by.
    found = fidelity(Y, rng().normal(size=80), np.zeros(80), rng(), margin=0.05, bootstrap=20)
    nothing = made.interval(None, None, None)
    assert found.pearson == found.spearman == found.partial == nothing
    assert interval(nothing) == "–"
    own = fidelity(Y, rng().normal(size=80), Y, rng(), margin=0.05, bootstrap=20)
    assert own.partial.value is None
    assert np.isfinite(own.pearson.value)
