"""An AUROC without direction: by hand, against exact permutations, and its null."""

from itertools import combinations

import numpy as np
import pytest

from cfdna_interp.stats.directionless import directionless
from cfdna_interp.stats.estimates import IntervalEstimate
from cfdna_interp.stats.roc import auroc

LABELS = np.array([1, 1, 1, 0, 0, 0])


def measured(labels, scores, permutations=2_000, seed=1):
    value = auroc(labels, scores)
    interval = IntervalEstimate(value, value - 0.1, value + 0.2, "made up")
    return directionless(labels, scores, interval, permutations, np.random.default_rng(seed))


def test_a_score_that_points_away_tells_as_much_as_one_that_points_to_the_cases():
    # Of 9 pairs the case is above in 8: 8/9; turned round 1/9.
    scores = np.array([6.0, 5, 3, 4, 2, 1])
    up, down = measured(LABELS, scores), measured(LABELS, -scores)
    assert up.value == down.value == pytest.approx(8 / 9)
    assert (up.turned, down.turned) == (False, True)
    assert (up.low, up.high) == pytest.approx((8 / 9 - 0.1, 8 / 9 + 0.2))
    # The interval of 1/9, from 1/9 - .1 to 1/9 + .2, seen from the other side.
    assert (down.low, down.high) == pytest.approx((8 / 9 - 0.2, 8 / 9 + 0.1))


def test_its_bound_is_never_below_chance():
    scores = np.array([6.0, 3, 1, 5, 4, 2])  # 4 of 9 pairs
    got = measured(LABELS, scores)
    assert got.value == pytest.approx(5 / 9)
    assert got.low == 0.5


def test_p_and_null_are_those_of_all_permutations():
    scores = np.array([6.0, 5, 3, 4, 2, 1])
    exact = []
    for cases in combinations(range(6), 3):
        labels = np.isin(np.arange(6), cases).astype(int)
        exact.append(abs(auroc(labels, scores) - 0.5))
    p = np.mean(np.array(exact) >= abs(8 / 9 - 0.5) - 1e-12)  # 4 of 20 lie as far
    got = measured(LABELS, scores, 20_000)
    assert p == 0.2
    # Standard error of .2 over 20,000 draws: .003.
    assert got.p == pytest.approx(p, abs=0.012)
    assert got.null_high == pytest.approx(0.5 + np.quantile(exact, 0.95, method="inverted_cdf"))


def test_noise_is_called_telling_in_one_of_twenty():
    rng = np.random.default_rng(8)
    labels = np.repeat([1, 0], 20)
    found = [measured(labels, rng.normal(size=40), 199, seed).p <= 0.05 for seed in range(300)]
    # SD .0126.
    assert 0.01 < np.mean(found) < 0.1


def test_a_constant_score_tells_nothing():
    got = measured(LABELS, np.ones(6), 200)
    assert (got.value, got.p, got.null_high) == (0.5, 1.0, 0.5)
