"""Leave one site out: who is fitted, and what a planted confounder and a planted disease leave."""

import numpy as np
import pytest

from cfdna_interp.audit.leave_one_site_out import leave_one_site_out
from cfdna_interp.proxy.pipeline import pipeline
from cfdna_interp.records.missing import Cause, Missing


def refit(X, labels, weights):
    model = pipeline(0.1).fit(X, labels, regression__sample_weight=weights)
    return model.decision_function


def cohort(seed, disease=0.0, site=0.0, sites=4, n=600):
    """Case share by site .2 .. .8; features move with the disease, and with the site's case share."""
    rng = np.random.default_rng(seed)
    place = rng.integers(sites, size=n)
    share = np.linspace(0.2, 0.8, sites)[place]
    y = (rng.random(n) < share).astype(int)
    X = rng.normal(size=(n, 4))
    X[:, 0] += disease * y
    X[:, 1] += site * share
    subjects = np.array([f"P{i}" for i in range(n)])
    return X, y, subjects, np.array([f"s{p}" for p in place], dtype=object), np.ones(n, dtype=bool), rng


def run(data, using=refit):
    X, y, subjects, sites, fitted, rng = data
    return leave_one_site_out(X, y, subjects, sites, fitted, using, rng)


def test_disease_carries_over_and_the_site_does_not():
    found = run(cohort(1, disease=1.2)).within
    assert found.interval.low < 0.802 < found.interval.high  # Φ(1.2 / √2)
    assert [batch.batch for batch in found.batches] == ["s0", "s1", "s2", "s3"]
    confounded = run(cohort(2, site=8.0)).within
    assert confounded.interval.low < 0.5 < confounded.interval.high


def test_the_tested_site_and_what_is_not_discovery_are_never_fitted():
    X, y, subjects, sites, fitted, rng = cohort(3)
    X[:, 2] = np.arange(len(X))  # tells the rows apart
    fitted = np.arange(len(X)) < 400
    subjects[10] = subjects[np.flatnonzero(sites != sites[10])[0]]  # one subject, two sites
    seen = []

    def spy(X, labels, weights):
        rows = X[:, 2].astype(int)
        seen.append(rows)
        np.testing.assert_array_equal(labels, y[rows])
        return lambda tested: tested[:, 0]

    y[10] = y[np.flatnonzero(subjects == subjects[10])[0]]
    leave_one_site_out(X, y, subjects, sites, fitted, spy, rng)
    for rows, site in zip(seen, ["s0", "s1", "s2", "s3"], strict=True):
        assert not set(sites[rows]) & {site}
        assert fitted[rows].all()
        assert not set(subjects[rows]) & set(subjects[sites == site])


def test_samples_of_a_subject_count_once():
    X, y, subjects, sites, fitted, rng = cohort(4, disease=1.0)
    once = leave_one_site_out(X, y, subjects, sites, fitted, refit, rng).within
    twice = leave_one_site_out(
        *(np.concatenate([a, a]) for a in (X, y, subjects, sites, fitted)), refit, rng
    ).within
    assert twice.interval.value == pytest.approx(once.interval.value)
    assert twice.batches == once.batches


def test_two_sites_are_not_enough():
    got = run(cohort(5, sites=2))
    assert got.within is None
    assert got.missing == Missing(why=Cause.FEW_SITES, seen=2, needed=3)


def test_a_site_that_is_all_of_discovery_cannot_be_left_out():
    X, y, subjects, sites, _, rng = cohort(6)
    got = leave_one_site_out(X, y, subjects, sites, sites == "s1", refit, rng)
    assert got.missing == Missing(why=Cause.SITE_NEEDED, names=("s1",))
