"""The between-batch part of an AUROC: by hand, pair by pair, calibrated without an effect of batches."""

import numpy as np
import pytest

from cfdna_interp.audit.between import between_batches
from cfdna_interp.stats.strata import within_batch


def cohort(rng, n=200, overlap=0.4, site=0.0, label=0.0):
    y = np.arange(n) % 2
    sites = np.where(rng.random(n) < overlap / 2, 1 - y, y)
    return y, rng.normal(size=n) + site * sites + label * y, sites.astype(str)


def test_a_case_solved_by_hand():
    # Batch a: cases 3, 5, 7, 9, 11, controls 2, 4, 6, 8, 10: a case beats the controls below it,
    # 1 + 2 + 3 + 4 + 5 = 15 of 25 pairs. Batch b holds controls only, at 0: all 5 * 5 of those pairs are won.
    # Crude 40 / 50 = .8, within .6.
    scores = np.array([3, 5, 7, 9, 11, 2, 4, 6, 8, 10, 0, 0, 0, 0, 0], dtype=float)
    labels = np.repeat([1, 0], [5, 10])
    got = between_batches(labels, scores, ["a"] * 10 + ["b"] * 5)
    assert got.value == pytest.approx(0.2)
    # Terms: a case that wins w of 5 pairs inside and 5 outside has (w + 5) / 50 - w / 25 = (5 - w) / 50,
    # .08 .06 .04 .02 0: variance .001. A control of a beaten by v = 5, 4, 3, 2, 1 of 5 cases has
    # v / 5 / 10 - v / 5 / 5 = -v / 50: variance .001. Controls of b all have 1 / 10: none.
    assert got.high - got.value == pytest.approx(1.959964 * np.sqrt(5 * 0.001 + 5 * 0.001), rel=1e-6)


def test_value_is_crude_minus_within_pair_by_pair():
    rng = np.random.default_rng(1)
    for _ in range(20):
        y, s, sites = cohort(rng, n=60, overlap=0.7, site=1.0)
        s = np.round(s, 1)  # ties count half
        won = [(a > b) + (a == b) / 2 for a in s[y == 1] for b in s[y == 0]]
        got = between_batches(y, s, sites)
        inside = within_batch(y, s, sites, rng).interval.value
        assert got.value == pytest.approx(np.mean(won) - inside)


@pytest.mark.parametrize(("n", "label"), [(200, 0.0), (200, 1.2), (60, 1.2)])
def test_without_an_effect_of_batches_it_is_rarely_above_zero(n, label):
    # One-sided level .025: of 600 draws 15 are expected, 30 or more have probability below 1e-3.
    rng = np.random.default_rng(2)
    found = [between_batches(*cohort(rng, n, 0.5, 0.0, label)) for _ in range(600)]
    assert sum(item is not None and item.low > 0 for item in found) < 30


def test_an_effect_of_batches_is_found():
    rng = np.random.default_rng(3)
    assert sum(between_batches(*cohort(rng, site=2.0)).low > 0 for _ in range(50)) >= 48


def test_without_a_mixed_batch_there_is_none():
    y = np.repeat([1, 0], 20)
    assert between_batches(y, np.arange(40.0), np.where(y == 1, "a", "b")) is None
    assert between_batches(y, np.arange(40.0), [""] * 40) is None
