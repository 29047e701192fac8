"""What residuals say: inflations by hand and over draws, unknown types of a planted size, who is called."""

from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.stats.mixture import Mixture
from cfdna_interp.stats.mixture_intervals import mixture_intervals
from cfdna_interp.stats.mixture_misfit import hidden_type, score_inflation

TYPES = 10
OWN = 12  # blocks of each type


def table(rng, background=0.02):
    """Blocks whose own type is marked at .9, and the others at a few per cent with some at far more."""
    marks = np.repeat(np.arange(TYPES), OWN)
    expected = rng.beta(0.4, 0.4 * (1 - background) / background, size=(len(marks), TYPES))
    expected[np.arange(len(marks)), marks] = 0.9
    return expected, marks


def test_the_inflation_of_one_share_by_hand():
    # Two types, blocks of 100 counts at p = .1 + .8 a. Residuals of d and -d leave a where it is. Each block
    # has leverage 1/2, so the inflation is the mean of d^2 / (V / 2) with V = 100 p (1 - p).
    expected = np.array([[0.9, 0.1], [0.9, 0.1]])
    marked, total = np.array([44, 24]), np.array([100, 100])  # p = .34, d = 10, V = 22.44
    shares = Mixture(expected, marked, total).shares
    assert shares[0] == pytest.approx(0.3, abs=1e-3)
    found = score_inflation(expected, marked, total, shares)
    assert found == pytest.approx([100 / (22.44 / 2)] * 2, rel=0.01)
    assert score_inflation(expected[:, :1], marked, total, np.ones(1)).tolist() == [1]


def test_inflation_finds_the_share_that_it_concerns():
    rng = np.random.default_rng(31)
    expected, _ = table(rng)
    shares = np.array([0.4, 0.3, 0.2, 0.1, *[0.0] * 6])
    total = np.full(len(expected), 60)
    plain, clumped = [], []
    for _ in range(80):
        marked = rng.binomial(total, expected @ shares)
        plain.append(score_inflation(expected, marked, total, Mixture(expected, marked, total).shares))
        # Counts of the first type's blocks come in fives: their variance is five times as large.
        fives = marked.copy()
        fives[:OWN] = 5 * rng.binomial(12, (expected @ shares)[:OWN])
        clumped.append(score_inflation(expected, fives, total, Mixture(expected, fives, total).shares))
    # Sums of 12 squares with mean 1: a standard error of sqrt(2 / 12 / 80) = .05 for a type.
    assert np.mean(plain, axis=0)[:4] == pytest.approx([1] * 4, abs=0.2)
    # Its own blocks speak for most of the first share, those of the others, that lose what it gains, for the
    # rest; of their shares they speak for little.
    assert 2.5 < np.mean(clumped, axis=0)[0] < 5
    assert (np.mean(clumped, axis=0)[1:4] < 1.8).all()


@pytest.mark.parametrize("planted", [0.1, 0.3])
def test_the_size_of_an_unknown_type_comes_back(planted):
    # A type of the same law as the table's is in no column; it marks none of the blocks.
    rng = np.random.default_rng(32)
    sizes = []
    for _ in range(30):
        expected, marks = table(rng)
        shares = rng.dirichlet(np.full(TYPES, 2.0))
        other = table(rng)[0][:, 0].copy()
        other[:OWN] = rng.beta(0.4, 19.6, size=OWN)
        level = (1 - planted) * expected @ shares + planted * other
        total = np.full(len(expected), 400)
        marked = rng.binomial(total, level)
        mixture = Mixture(expected, marked, total)
        fit = mixture.residual()
        sizes.append(hidden_type(expected, total, mixture.shares, fit.excess, marks).share)
    # Types differ in how unlike each other they are: the size is one of magnitude.
    assert planted / 1.6 < np.median(sizes) < planted * 1.6


def test_nothing_hidden_where_nothing_is_left():
    rng = np.random.default_rng(33)
    expected, marks = table(rng)
    found = hidden_type(expected, np.full(len(expected), 9), np.full(TYPES, 1 / TYPES), 0.0, marks)
    assert found.share == 0
    assert 0 < found.taken < 1
    one = hidden_type(expected[:, :1], np.full(len(expected), 9), np.ones(1), 5.0, marks)
    assert np.isnan(one).all()


def drawn(rng, unknown, precision):
    expected, marks = table(rng)
    shares = np.zeros(TYPES)
    shares[:5] = [0.45, 0.25, 0.15, 0.10, 0.05]
    cells = np.clip(rng.beta(expected * precision + 1e-9, (1 - expected) * precision + 1e-9), 0, 1)
    other = rng.beta(0.2, 1.8, size=len(expected))
    level = (1 - unknown) * cells @ shares + unknown * other
    total = rng.poisson(150, size=len(expected)) + 1
    return expected, marks, (1 - unknown) * shares, rng.binomial(total, np.clip(level, 0, 1)), total


def test_a_misfit_is_refused_and_cells_that_vary_are_not():
    rng = np.random.default_rng(34)
    for unknown in (0.0, 0.25):
        covered, called, power, explained = [], [], [], []
        for _ in range(40):
            expected, marks, shares, marked, total = drawn(rng, unknown, 100)
            found = mixture_intervals(expected, marked, total, targets=marks)
            covered += ((found.low <= shares) & (shares <= found.high))[:5].tolist()
            called.append((found.shown & found.explained)[5:].any())
            power.append(bool(found.shown[4] and found.explained))
            explained.append(found.explained)
        # 200 shares; three standard errors below .90 are .90 - 3 sqrt(.9 * .1 / 200) = .84.
        assert np.mean(covered) >= 0.84
        assert sum(called) <= 2 + 3  # at most 5 % of 40 draws, and two standard errors
        if unknown:
            assert np.mean(explained) < 0.2
        else:
            assert np.mean(explained) > 0.8
            assert np.mean(power) > 0.8  # a type of 5 %


def test_the_same_residual_fits_a_table_of_known_spread():
    rng = np.random.default_rng(35)
    expected, marks, _, marked, total = drawn(rng, 0.25, 100)
    plain = mixture_intervals(expected, marked, total, targets=marks)
    assert not plain.explained
    spread = (plain.dispersion - 1) / (total.mean() - 1)
    known = mixture_intervals(expected, marked, total, targets=marks, spread=spread)
    assert known.explained
    assert known.dispersion == plain.dispersion
    assert known.expected == pytest.approx(plain.dispersion, rel=0.05)
    assert known.unknown < plain.unknown / 2
