from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.stats.mixture import Mixture
from cfdna_interp.stats.mixture_em import fit_unknown
from cfdna_interp.stats.resampling import stream


def planted(seed=3, samples=30, depth=60, unknown_up_to=0.5):
    """Three known types and one unknown, each with 20 blocks of its own."""
    rng = np.random.default_rng(seed)
    table = np.full((80, 4), 0.03)
    table[np.arange(80), np.arange(80) // 20] = 0.9
    shares = rng.dirichlet([6, 3, 1], size=samples)
    hidden = rng.uniform(0, unknown_up_to, size=(samples, 1))
    shares = np.hstack([shares * (1 - hidden), hidden])
    total = rng.poisson(depth, size=(samples, 80))
    return table, shares, rng.binomial(total, shares @ table.T), total


def test_a_planted_unknown_type_is_recovered():
    table, shares, marked, total = planted()
    found = fit_unknown(table[:, :3], marked, total, 1, stream(1, "unknown"))
    assert found.converged
    # A block has 1,800 counts, a quarter of them of the unknown type: the sd of its level is about
    # sqrt(1800 * .25 * .75) / (1800 * .26) = .04, and the largest of 80 lies within four. A share has 1,200
    # counts for each block type: sd about .01. Growing from little, the type borrows nothing from known ones.
    assert found.expected[:, 0] == pytest.approx(table[:, 3], abs=0.16)
    assert np.corrcoef(found.shares[:, 3], shares[:, 3])[0, 1] > 0.98
    assert np.abs(found.shares - shares).mean() < 0.02
    assert np.ptp(found.levels) < 1  # all five starts are as good
    assert found.shares.sum(axis=1) == pytest.approx(1)


def test_the_likelihood_never_falls():
    table, _, marked, total = planted(seed=4, samples=8)
    for unknown in (0, 1, 3):
        found = fit_unknown(table[:, :3], marked, total, unknown, stream(2, "unknown"), restarts=2)
        assert (np.diff(found.trace) >= -1e-7).all()
        assert found.trace[-1] == max(found.levels)


def test_without_unknown_types_it_is_the_maximum_of_each_sample():
    # Concave without unknown types: every start ends where the Newton steps of Mixture do.
    table, _, marked, total = planted(samples=5)
    found = fit_unknown(table, marked, total, 0, stream(1, "u"), restarts=2, tolerance=1e-9)
    assert found.levels[0] == pytest.approx(found.levels[1], abs=1e-4)
    for row in range(5):
        assert found.shares[row] == pytest.approx(Mixture(table, marked[row], total[row]).shares, abs=2e-3)


def test_the_seed_decides():
    table, _, marked, total = planted(samples=6)
    one, same, other = (
        fit_unknown(table[:, :3], marked, total, 2, stream(seed, "u"), restarts=1, max_steps=50)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.shares, same.shares)
    assert not np.array_equal(one.shares, other.shares)
    # Unknown types are numbered by their mean share.
    assert one.shares[:, 3].mean() >= one.shares[:, 4].mean()


def test_blocks_without_counts_stay_unknown():
    table, _, marked, total = planted(samples=6)
    total[:, 5] = marked[:, 5] = 0
    found = fit_unknown(table[:, :3], marked, total, 1, stream(1, "u"), restarts=1, max_steps=20)
    assert np.flatnonzero(np.isnan(found.expected[:, 0])).tolist() == [5]
    assert not found.converged
