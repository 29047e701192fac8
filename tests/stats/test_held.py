"""The held AUROC against closed forms, DeLong, and cohorts whose truth is known."""

import numpy as np
import pytest
from scipy.stats import norm

from cfdna_interp.stats import held as module
from cfdna_interp.stats.held import held_auroc, normal_scores, worth_of
from cfdna_interp.stats.roc import auroc, delong

NOTHING = 0


def columns(n, *values):
    return np.column_stack(values) if values else np.empty((n, 0))


def one(n):
    return np.zeros(n, dtype=int)


def test_with_nothing_held_it_is_the_crude_auroc_with_delongs_error():
    rng = np.random.default_rng(1)
    y = np.repeat([1, 0], [60, 90])
    s = y + rng.normal(size=150)
    got = held_auroc(y, s, one(150), columns(150))
    areas, covariance = delong(y, s)
    assert got.auroc.value == pytest.approx(areas[0], abs=1e-12) and got.crude == pytest.approx(areas[0])
    assert (got.fall.value, got.fall.low, got.fall.high) == pytest.approx((0, 0, 0), abs=1e-12)
    # On the logit scale the width is 2 · 1.96 · error / (a (1 - a)); the variances differ by single pairs.
    error = np.sqrt(covariance[0, 0]) / (areas[0] * (1 - areas[0]))
    width = np.log(got.auroc.high / (1 - got.auroc.high)) - np.log(got.auroc.low / (1 - got.auroc.low))
    assert width == pytest.approx(2 * norm.isf(0.025) * error, rel=0.02)
    assert (got.case, got.control, got.strata) == (60, 90, 1)
    assert got.worth == pytest.approx(2 * 60 * 90 / 150)


def test_two_strata_by_hand():
    # Stratum 0: one case of score 3 against controls 1 and 2, AUROC 1. Stratum 1: cases 0 and 5 against
    # control 4, AUROC 1/2. Both weigh 2/3. Crude: 3, 0, 5 against 1, 2, 4: 2 + 0 + 3 of 9 pairs.
    y = np.array([1, 0, 0, 1, 1, 0])
    s = np.array([3.0, 1, 2, 0, 5, 4])
    strata = np.array([0, 0, 0, 1, 1, 1])
    got = held_auroc(y, s, strata, columns(6))
    assert got.auroc.value == pytest.approx(0.75)
    assert got.crude == pytest.approx(5 / 9)
    assert got.fall.value == pytest.approx(5 / 9 - 0.75)
    assert got.worth == pytest.approx(4 / 3 + 4 / 3)


def test_pairs_of_one_case_and_one_control_have_the_variance_of_a_share():
    # 200 strata of 1 + 1: the AUROC is the share of won pairs, with variance a (1 - a) / 200; DeLong's within
    # strata would be 0. Both sums over subjects are inflated by 200/199 and one of them taken off again.
    rng = np.random.default_rng(2)
    strata = np.repeat(np.arange(200), 2)
    y = np.tile([1, 0], 200)
    s = 0.8 * y + rng.normal(size=400)
    got = held_auroc(y, s, strata, columns(400))
    a = np.mean(s[y == 1] > s[y == 0])
    assert got.auroc.value == pytest.approx(a)
    error = np.sqrt(a * (1 - a) / 200 * (2 * 200 / 199 - 1)) / (a * (1 - a))
    half = (np.log(got.auroc.high / (1 - got.auroc.high)) - np.log(a / (1 - a))) / norm.isf(0.025)
    assert half == pytest.approx(error, rel=1e-9)


def test_a_monotone_score_changes_nothing():
    rng = np.random.default_rng(3)
    y, x = np.tile([1, 0], 50), rng.normal(size=100)
    s = y + x + rng.normal(size=100)
    strata = np.repeat([0, 1], 50)
    assert held_auroc(y, s, strata, columns(100, x)) == held_auroc(y, np.exp(s), strata, columns(100, x))


def test_what_a_column_explains_is_taken_off():
    # s = d y + b x + e, x = δ y + N: pairs of equal x are won with Φ(d / √2), all pairs with
    # Φ((d + b δ) / √(2 (1 + b²))).
    rng = np.random.default_rng(4)
    y = np.tile([1, 0], 4_000)
    x = 1.0 * y + rng.normal(size=8_000)
    s = 0.8 * y + 0.7 * x + rng.normal(size=8_000)
    got = held_auroc(y, s, one(8_000), columns(8_000, x))
    assert got.auroc.value == pytest.approx(norm.cdf(0.8 / np.sqrt(2)), abs=0.02)
    assert got.crude == pytest.approx(norm.cdf(1.5 / np.sqrt(2 * 1.49)), abs=0.02)
    assert got.fall.low > 0


@pytest.mark.parametrize("effect", [0.0, 0.8])
def test_intervals_hold_the_truth_and_falls_of_nothing_are_rarely_shown(effect):
    # x differs between the classes and moves the score: held, Φ(effect / √2). 300 cohorts of 60 + 60 in four
    # strata: Monte-Carlo error .013. Without b and δ there is no fall to show.
    rng = np.random.default_rng(5)
    truth, inside, shown, missed = norm.cdf(effect / np.sqrt(2)), 0, 0, 0
    for _ in range(300):
        y, strata = np.tile([1, 0], 60), np.repeat(np.arange(4), 30)
        z = rng.normal(size=120)
        noise = effect * y + rng.normal(size=120)
        got = held_auroc(y, noise, strata, columns(120, z))
        shown += got.fall.low > 0
        x = y + z
        got = held_auroc(y, 0.7 * x + noise, strata, columns(120, x))
        inside += got.auroc.low <= truth <= got.auroc.high
        missed += got.fall.low <= 0
    assert 0.91 < inside / 300 <= 1
    assert shown / 300 <= 0.06
    assert missed / 300 < 0.10  # a fall of .19 is there


def test_parts_of_the_table_of_pairs_add_up(monkeypatch):
    rng = np.random.default_rng(6)
    y, strata = np.tile([1, 0], 40), rng.integers(0, 5, size=80)
    s = y + rng.normal(size=80)
    whole = held_auroc(y, s, strata, columns(80, rng.normal(size=80)))
    monkeypatch.setattr(module, "_CHUNK", 7)
    rng = np.random.default_rng(6)
    rng.integers(0, 5, size=80), rng.normal(size=80)
    parts = held_auroc(y, s, strata, columns(80, rng.normal(size=80)))
    assert parts.auroc.low == pytest.approx(whole.auroc.low, abs=1e-12)
    assert parts.fall.high == pytest.approx(whole.fall.high, abs=1e-12)


def test_complete_separation_has_the_bound_of_its_disjoint_pairs():
    y, strata = np.tile([1, 0], 10), np.repeat([0, 1], 10)
    got = held_auroc(y, y + 0.01 * np.arange(20), strata, columns(20))
    assert got.auroc.value == 1.0 == got.auroc.high
    assert got.auroc.low == pytest.approx(0.025 ** (1 / 10))  # five pairs in each stratum


def test_no_stratum_of_both_classes_and_a_column_that_is_the_label():
    y, s = np.tile([1, 0], 10), np.arange(20.0)
    assert held_auroc(y, s, y, columns(20)) is None
    with pytest.raises(np.linalg.LinAlgError):
        held_auroc(y, s, one(20), columns(20, y))


def test_worth_counts_only_strata_of_both_classes():
    # 3 + 1 and 2 + 0: 2 · 3 · 1 / 4.
    assert worth_of(np.array([1, 1, 1, 0, 1, 1]), np.array([0, 0, 0, 0, 1, 1])) == pytest.approx(1.5)


def test_normal_scores_keep_the_order_and_the_auroc():
    s = np.array([1e9, -3.0, 0.0, 0.0])
    z = normal_scores(s)
    assert z[2] == z[3] == pytest.approx(norm.ppf(0.5)) and z[0] == pytest.approx(norm.ppf(3.5 / 4))
    assert auroc(np.array([1, 0, 1, 0]), s) == auroc(np.array([1, 0, 1, 0]), z)
