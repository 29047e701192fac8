"""Intervals of means: by hand, beside scipy's, and how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest, ttest_1samp

from cfdna_interp.stats.estimates import mean_interval


def test_four_values_by_hand() -> None:
    # Mean 2.5, SD sqrt(5/3), standard error sqrt(5/12); t of 3 degrees of freedom at .975 is 3.1824.
    half = 3.18244630528 * (5 / 12) ** 0.5
    assert mean_interval(np.array([1.0, 2.0, 3.0, 4.0]))[:3] == pytest.approx((2.5, 2.5 - half, 2.5 + half))


@given(arrays(float, st.integers(2, 30), elements=st.floats(-1e6, 1e6, width=32), unique=True))
def test_bounds_are_those_of_scipys_t_test(values: np.ndarray) -> None:
    got = mean_interval(values)
    peer = ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (got.low, got.high) == pytest.approx((peer.low, peer.high), rel=1e-9, abs=1e-9)


def test_one_subject_has_no_interval_and_equal_ones_have_no_width() -> None:
    assert np.isnan(mean_interval(np.array([3.0]))[1:3]).all()
    assert mean_interval(np.full(5, 2.0)) == (2.0, 2.0, 2.0, "Student")


def test_nineteen_of_twenty_intervals_hold_the_mean() -> None:
    rng = np.random.default_rng(8)
    drawn = [mean_interval(rng.normal(1.0, 2.0, 6)) for _ in range(2_000)]
    held = sum(item.low <= 1.0 <= item.high for item in drawn)
    assert binomtest(held, len(drawn), 0.95).pvalue > 0.001
