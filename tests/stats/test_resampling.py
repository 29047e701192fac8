"""Random streams belong to their names, and the bootstrap keeps the size of each stratum."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.stats.resampling import bootstrap_counts, percentile_interval, stream


def test_a_stream_depends_on_seed_and_names_alone():
    one = stream(1, "a", 2).random(5)
    np.testing.assert_array_equal(one, stream(1, "a", 2).random(5))
    for other in (stream(2, "a", 2), stream(1, "a", 3), stream(1, "a2"), stream(1, 2, "a")):
        assert not np.array_equal(one, other.random(5))


def test_bootstrap_counts_sum_to_each_stratum():
    groups = np.array([1, 0, 0, 1, 0, 2])
    counts = bootstrap_counts(groups, stream(1, "x"))
    assert [counts[groups == g].sum() for g in (0, 1, 2)] == [3, 2, 1]
    # A subject is left out with probability (1 - 1/n)^n -> 1/e; SD of the share over 10,000 is below .01.
    left_out = (bootstrap_counts(np.zeros(10_000), stream(2, "x")) == 0).mean()
    assert abs(left_out - np.exp(-1)) < 0.02


def test_a_percentile_interval_by_hand():
    # Of 0, 1, .., 1000 the 2.5 % and 97.5 % quantiles are 25 and 975.
    draws = np.arange(1001.0)
    assert percentile_interval(500, draws)[:3] == (500, 25, 975)
    assert percentile_interval(990, draws)[:3] == (990, 25, 990)
    assert percentile_interval(3, draws)[:3] == (3, 3, 975)


@given(st.floats(-9, 9), st.lists(st.floats(-9, 9), min_size=1))
def test_an_interval_holds_its_estimate(value, draws):
    found = percentile_interval(value, np.array(draws))
    assert found.low <= found.value <= found.high
