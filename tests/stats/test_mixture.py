"""Mixtures from binomial counts: maxima and intervals solved by hand, against other solvers, over draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import softmax
from scipy.stats import kstest

from cfdna_interp.stats.mixture import FLOOR, Mixture
from cfdna_interp.stats.mixture_intervals import mixture_intervals


def test_two_types_one_block_is_a_proportion():
    # p = .9 a + .1 (1 - a) = .1 + .8 a; 34 of 100 marked: a = (.34 - .1) / .8 = .3.
    mixture = Mixture(np.array([[0.9, 0.1]]), np.array([34]), np.array([100]))
    assert mixture.shares == pytest.approx([0.3, 0.7], abs=1e-4)
    low, high = mixture.interval(0)
    # The likelihood-ratio bounds of a proportion solve 34 log(.34/p) + 66 log(.66/(1-p)) = 1.96^2 / 2.
    for bound in (low, high):
        p = 0.1 + 0.8 * bound
        assert 34 * np.log(0.34 / p) + 66 * np.log(0.66 / (1 - p)) == pytest.approx(1.96**2 / 2, rel=0.02)
    assert low < 0.3 < high
    # Twice the dispersion, half the deviance.
    wide = mixture.interval(0, dispersion=2.0)
    p = 0.1 + 0.8 * wide.high
    assert 34 * np.log(0.34 / p) + 66 * np.log(0.66 / (1 - p)) == pytest.approx(1.96**2, rel=0.02)


def test_a_type_at_the_boundary_has_an_upper_bound_only():
    # 5 of 100 marked is below the .1 of the second type: share 0 of the first.
    mixture = Mixture(np.array([[0.9, 0.1]]), np.array([5]), np.array([100]))
    assert mixture.shares == pytest.approx([0, 1], abs=1e-6)
    low, high = mixture.interval(0)
    assert low == 0
    p = 0.1 + 0.8 * high
    drop = 5 * np.log(0.1 / p) + 95 * np.log(0.9 / (1 - p))
    assert drop == pytest.approx(1.96**2 / 2, rel=0.02)
    low, high = mixture.interval(1)
    assert low > 0
    assert high == 1


def test_a_single_type_is_all():
    assert Mixture(np.array([[0.9], [0.1]]), np.array([3, 1]), np.array([10, 10])).interval(0) == (1, 1)


def test_never_seen_is_not_never():
    # The table says 0 for the second type; one marked count of 1,000 must not prove the first one: at the
    # floor of .0005 a count of at least one has probability 1 - .9995^1000 = .39.
    mixture = Mixture(np.array([[1.0, 0.0]]), np.array([1]), np.array([1_000]))
    assert mixture.interval(0).low == 0
    assert FLOOR == 0.0005


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    blocks, types = draw(st.integers(1, 30)), draw(st.integers(2, 6))
    expected = rng.choice([0.0, 0.02, 0.5, 0.95], size=(blocks, types)) * rng.uniform(0.8, 1, (blocks, types))
    total = rng.poisson(draw(st.sampled_from([0.5, 5.0, 200.0])), size=blocks)
    total[0] += 1
    shares = rng.dirichlet(np.full(types, 0.5))
    return expected, rng.binomial(total, expected @ shares), total


@settings(deadline=None, max_examples=60)
@given(problems())
def test_shares_are_at_the_maximum(problem):
    mixture = Mixture(*problem)
    shares = mixture.shares
    assert shares.min() >= 0
    assert shares.sum() == pytest.approx(1)
    best = mixture.log_likelihood(shares)
    # Concave: no direction towards a pure type gains.
    for corner in np.eye(len(shares)):
        assert mixture.log_likelihood(0.999 * shares + 0.001 * corner) <= best + 1e-4
    # An unrelated solver, over the softmax of free numbers, does no better.
    found = minimize(lambda x: -mixture.log_likelihood(softmax(x)), np.zeros(len(shares)))
    assert -found.fun <= best + 1e-3


@settings(deadline=None, max_examples=40)
@given(problems(), st.integers(0, 1))
def test_bounds_are_where_the_profile_falls(problem, which):
    expected, marked, total = problem
    mixture = Mixture(expected, marked, total)
    low, high = mixture.interval(which)
    assert 0 <= low <= mixture.shares[which] + 1e-9
    assert mixture.shares[which] <= high + 1e-9 <= 1 + 1e-6

    def profile(share):
        # Independent: what is left goes to the other types by the softmax of free numbers.
        others = [column for column in range(expected.shape[1]) if column != which]

        def lost(x):
            shares = np.zeros(expected.shape[1])
            shares[which] = share
            shares[others] = (1 - share) * softmax(x)
            return -mixture.log_likelihood(shares)

        return -minimize(lost, np.zeros(len(others))).fun

    top = mixture.log_likelihood(mixture.shares)
    for bound, end in ((low, 0), (high, 1)):
        if abs(bound - end) > 1e-3:
            # The other solver stops a little below the maximum.
            assert 2 * (top - profile(bound)) == pytest.approx(1.96**2, rel=0.05, abs=0.02)


def test_residual_is_uniform_under_the_model_and_finds_a_type_that_is_missing():
    rng = np.random.default_rng(5)
    expected = np.full((60, 3), 0.02)
    expected[np.arange(60), np.arange(60) // 20] = 0.9
    shares = np.array([0.6, 0.3, 0.1])
    total = np.full(60, 15)
    found = np.array(
        [Mixture(expected, rng.binomial(total, expected @ shares), total).residual()[:3] for _ in range(400)]
    )
    assert found[:, 0].mean() == pytest.approx(1, abs=0.02)
    # 400 draws of a uniform number: Kolmogorov's statistic below its 1 % point, 1.63 / sqrt(400).
    assert kstest(found[:, 2], "uniform").statistic < 1.63 / 20
    # A fourth type of half of each sample, marked in every third block, is in no column.
    other = np.where(np.arange(60) % 3 == 0, 0.9, 0.02)
    ratio, _, p, *_ = Mixture(
        expected, rng.binomial(total, 0.5 * expected @ shares + 0.5 * other), total
    ).residual()
    assert ratio > 2
    assert p < 1e-6


def test_one_block_leaves_nothing_to_judge_the_fit_by():
    ratio, _, p, *_ = Mixture(np.array([[0.9, 0.1]]), np.array([34]), np.array([100])).residual()
    assert np.isnan(ratio) or ratio == pytest.approx(0, abs=1e-3)
    assert np.isnan(p) or p == pytest.approx(1, abs=1e-3)
    with pytest.raises(ValueError, match="at least one block"):
        Mixture(np.ones((2, 2)), np.zeros(2), np.zeros(2))


def test_intervals_cover_and_absent_types_stay_absent():
    # 12 types, 10 blocks each, 5 counts a block, 5 types present.
    rng = np.random.default_rng(7)
    types = 12
    expected = np.where(
        np.repeat(np.eye(types, dtype=bool), 10, axis=0), 0.9, rng.beta(0.3, 10, size=(120, types))
    )
    covered, called = [], []
    for _ in range(120):
        shares = np.zeros(types)
        shares[:5] = rng.dirichlet([30, 10, 5, 3, 2])
        total = rng.poisson(5, size=120)
        marked = rng.binomial(total, expected @ shares)
        found = mixture_intervals(expected, marked, total)
        assert (found.low[found.shown] > 0).all()
        if len(covered) == 0:
            some = mixture_intervals(expected, marked, total, which=[2, 7])
            assert np.flatnonzero(np.isfinite(some.high)).tolist() == [2, 7]
            np.testing.assert_array_equal(some.high[[2, 7]], found.high[[2, 7]])
            np.testing.assert_array_equal(some.low, found.low)
        large = shares >= 0.02
        covered += ((found.low <= shares) & (shares <= found.high))[large].tolist()
        called += found.shown[5:].tolist()
    # 95 % intervals on about 560 shares, sd 1 %. Any absent type is shown in at most 2.5 % of 120 samples: in
    # 3 + 3 sqrt(3) = 8 of 840 absences, which is 1 %.
    assert np.mean(covered) > 0.92
    assert np.mean(called) < 0.01


def test_dispersion_widens():
    # Calls come in clumps of five: the variance is five times the binomial's, the interval sqrt(5) as wide.
    rng = np.random.default_rng(8)
    expected = np.full((200, 2), 0.1)
    expected[:100, 0] = expected[100:, 1] = 0.8
    clumps = rng.binomial(20, expected @ [0.7, 0.3])
    # A spread that explains any residual leaves nothing for an unknown type.
    plain = mixture_intervals(expected, clumps, np.full(200, 20), spread=0.9)
    clumped = mixture_intervals(expected, 5 * clumps, np.full(200, 100), spread=0.9)
    assert plain.dispersion == pytest.approx(1, abs=0.3)
    assert clumped.dispersion == pytest.approx(5 * plain.dispersion, rel=0.01)
    assert mixture_intervals(expected, 5 * clumps, np.full(200, 100)).p < 1e-6
    known = mixture_intervals(expected, 5 * clumps, np.full(200, 100), clumps=np.full(200, 5.0))
    assert known.expected == pytest.approx(5)
    # What is known to come in fives is five times as scattered, and no misfit.
    assert known.p > 0.05
    widths = (clumped.high - clumped.low)[0] / (plain.high - plain.low)[0]
    # Five times the counts narrow it by sqrt(5), the dispersions widen it by their roots.
    assert widths == pytest.approx(np.sqrt(clumped.dispersion / max(plain.dispersion, 1) / 5), rel=0.03)
