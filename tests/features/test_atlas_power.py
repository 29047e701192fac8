from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfdna_interp.features.atlas_power import atlas_power


def test_two_types_by_hand():
    # Equal parts: p = .5 and p q = .25 in both blocks. A share s instead of the other type moves p by .8 s in
    # each: information 2 * .8^2 / .25 = 5.12 a count. With 100 counts sd = 1 / sqrt(512), and (1.96 + .84) of
    # them are .1237; 10 % need 2.8^2 / (.1^2 * 5.12) = 153.1 counts.
    power = atlas_power(np.array([[0.9, 0.1], [0.1, 0.9]]), depth=100, share=0.1)
    assert power.smallest == pytest.approx(0.1237, abs=1e-4)
    assert power.depth == pytest.approx(153.1, abs=0.1)
    assert power.nearest.tolist() == [1, 0]
    assert power.correlation == pytest.approx(-1)


@pytest.mark.filterwarnings("error")
def test_a_single_block_correlates_with_nothing():
    # One block can't give three shares, and of two it gives the difference: .8 s, as above but once.
    power = atlas_power(np.array([[0.9, 0.1]]), depth=100, share=0.1)
    assert np.isnan(power.correlation).all()
    assert power.depth == pytest.approx(2 * 153.1, abs=0.2)


def test_types_that_are_alike():
    power = atlas_power(np.array([[0.9, 0.1, 0.1], [0.2, 0.8, 0.8], [0.5, 0.1, 0.1]]), depth=1_000, share=0.1)
    assert power.nearest[1:].tolist() == [2, 1]
    assert np.isinf(power.depth[1:]).all()
    assert np.isfinite(power.depth[0])
    # The first can be told from the two together, they can't be told from each other.
    assert power.smallest[0] < 0.1
    assert (power.smallest[1:] > 1).all()


@settings(deadline=None)
@given(st.integers(0, 1_000), st.integers(2, 6))
def test_smallest_share_against_a_free_parametrisation(seed, types):
    # The last share is 1 minus the others: the information of those alone, inverted, has their variances.
    table = np.random.default_rng(seed).uniform(0.01, 0.95, size=(40, types))
    p = table.mean(axis=1)
    free = table[:, :-1] - table[:, -1:]
    variance = np.diag(np.linalg.inv(25 * (free / (p * (1 - p))[:, None]).T @ free))
    power = atlas_power(table, depth=25, share=0.05)
    assert power.smallest[:-1] == pytest.approx(2.8 * np.sqrt(variance), rel=1e-3)


@settings(deadline=None)
@given(st.integers(0, 1_000))
def test_more_depth_shows_less(seed):
    table = np.random.default_rng(seed).uniform(0, 1, size=(30, 4))
    one, four = atlas_power(table, 10, 0.05), atlas_power(table, 40, 0.1)
    assert four.smallest == pytest.approx(one.smallest / 2)
    assert four.depth == pytest.approx(one.depth / 4)
    np.testing.assert_array_equal(one.nearest, four.nearest)
