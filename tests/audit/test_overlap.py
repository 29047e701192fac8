"""Overlap weights: a score of handling falls to chance, a score of disease stays, no overlap is said."""

import numpy as np
import pandas as pd
import pytest

from cfdna_interp.audit.handling_terms import technical_design, terms
from cfdna_interp.audit.overlap import overlap_weighted, propensities
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.roc import auroc

TERMS = ("site=b", "gc")


def cohort(seed, n=600, overlap=0.5, handling=0.0, disease=0.0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    site = np.where(rng.random(n) < overlap / 2, 1 - y, y)
    score = rng.normal(size=n) + handling * site + disease * y
    return y, score, np.column_stack([site, rng.normal(size=n)]).astype(float), rng


def test_a_score_of_handling_falls_to_chance():
    y, s, X, rng = cohort(1, handling=2.0)
    got = overlap_weighted(y, s, TERMS, X, rng)
    assert auroc(y, s) > 0.65
    # Standard error about .03; the ridge leaves a little of the imbalance.
    assert got.value == pytest.approx(0.5, abs=0.1)
    assert got.high < auroc(y, s) and got.missing is None
    assert got.imbalance > 1 and got.imbalance_weighted < 0.25


def test_a_score_of_disease_stays():
    y, s, X, rng = cohort(2, disease=1.2)
    got = overlap_weighted(y, s, TERMS, X, rng)
    # Two normal curves 1.2 apart: Φ(1.2 / √2) = .802.
    assert got.low < 0.802 < got.high


def test_without_anything_to_tell_the_label_weights_change_little():
    y, s, X, rng = cohort(3, overlap=1.0, disease=1.0)
    got = overlap_weighted(y, s, TERMS, X, rng)
    assert got.value == pytest.approx(auroc(y, s), abs=0.02)
    # All weights near one half: everybody counts.
    assert min(got.effective_case, got.effective_control) > 280
    assert got.outside == 0


def test_effective_sizes_and_weights_follow_the_propensity():
    y, s, X, _ = cohort(4, overlap=0.3)
    e = propensities(X, y, np.random.default_rng(9))
    got = overlap_weighted(y, s, TERMS, X, np.random.default_rng(9))
    w = np.where(y == 1, 1 - e, e)
    wins = sum(
        w[i] * w[j] * ((s[i] > s[j]) + (s[i] == s[j]) / 2)
        for i in np.flatnonzero(y)
        for j in np.flatnonzero(1 - y)
    )
    assert got.value == pytest.approx(wins / (w[y == 1].sum() * w[y == 0].sum()))
    assert got.effective_case == pytest.approx(w[y == 1].sum() ** 2 / (w[y == 1] ** 2).sum())
    # The propensity of a site is the share of its cases, .85 or .15, shrunk a little.
    assert e[X[:, 0] == 1].mean() == pytest.approx(0.85, abs=0.05)


def test_handling_that_tells_the_label_has_no_overlap():
    y, s, X, rng = cohort(5, overlap=0.0, handling=2.0)
    apart = overlap_weighted(y, s, TERMS, X, rng).missing
    assert apart is not None and apart.why is Cause.NO_OVERLAP and apart.seen > apart.needed
    few = overlap_weighted(y[:20], s[:20], TERMS, X[:20], rng)
    assert few.missing == Missing(why=Cause.FEW_OF_A_CLASS, seen=10, needed=15)
    assert few.value is None and few.terms == TERMS
    assert overlap_weighted(y, s, (), X[:, :0], rng).missing == Missing(why=Cause.NO_TECHNICAL)


def test_intervals_cover_without_confounding():
    # Of 60 nominal 95 % intervals 51 or fewer hold it with probability .003.
    held = 0
    for seed in range(60):
        y, s, X, rng = cohort(100 + seed, n=120, overlap=0.8, disease=1.0)
        got = overlap_weighted(y, s, TERMS, X, rng)
        held += got.low <= 0.7602 <= got.high  # Φ(1 / √2)
    assert held > 51


def test_the_design_holds_technical_columns_and_site():
    n = 20
    subjects = pd.DataFrame(
        {
            "site": ["a", "b"] * 10,
            "batch": [f"b{i}" for i in range(n)],
            "technical_gc": [np.nan, *np.arange(n - 1.0)],
            "technical_kit": ["k"] * n,
            "technical_tube": ["x"] * 3 + ["y"] * 17,
            "age": np.arange(n),
        }
    )
    names, X = technical_design(subjects)
    # One kit says nothing, a tube of three subjects marks persons, age is no handling.
    assert names == ("technical_gc", "site=b")
    assert X[:, 1].tolist() == [0.0, 1.0] * 10
    assert X[0, 0] == pytest.approx((9 - np.mean([9, *range(19)])) / np.std([9, *range(19)]))
    assert technical_design(subjects[["age"]])[1].shape == (n, 0)
    assert [name for name, _ in terms(pd.Series(["u", None, "v", "w"], name="c"))] == ["c=v", "c=w"]
