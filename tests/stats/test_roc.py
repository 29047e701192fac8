"""AUROC, its intervals, paired differences and permutation tests against closed forms and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import mannwhitneyu, norm
from sklearn.metrics import roc_auc_score

from cfdna_interp.stats.roc import (
    auroc,
    auroc_interval,
    delong,
    paired_difference,
    permutation_p,
    recovered_bound,
)


def rng(seed=0):
    return np.random.default_rng(seed)


@st.composite
def cohorts(draw, scores=1):
    n1, n0 = draw(st.integers(2, 12)), draw(st.integers(2, 12))
    # Few distinct values, so that ties are common.
    values = draw(
        st.lists(
            st.lists(st.integers(-3, 3), min_size=n1 + n0, max_size=n1 + n0),
            min_size=scores,
            max_size=scores,
        )
    )
    labels = np.array([1] * n1 + [0] * n0)
    order = np.array(draw(st.permutations(range(n1 + n0))))
    return labels[order], np.array(values, dtype=float)


@settings(deadline=None)
@given(cohorts())
def test_auroc_is_the_share_of_concordant_pairs(cohort):
    labels, (scores,) = cohort
    case, control = scores[labels == 1], scores[labels == 0]
    pairs = [(a > b) + 0.5 * (a == b) for a in case for b in control]
    assert auroc(labels, scores) == pytest.approx(np.mean(pairs), abs=1e-12)
    assert auroc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    u = mannwhitneyu(case, control).statistic
    assert auroc(labels, scores) == pytest.approx(u / len(pairs), abs=1e-12)


@settings(deadline=None)
@given(cohorts(scores=3))
def test_delong_equals_the_structural_components_computed_pair_by_pair(cohort):
    labels, scores = cohort
    v10, v01 = [], []
    for row in scores:
        case, control = row[labels == 1], row[labels == 0]
        v10.append([np.mean([(a > b) + 0.5 * (a == b) for b in control]) for a in case])
        v01.append([np.mean([(a > b) + 0.5 * (a == b) for a in case]) for b in control])
    n1, n0 = (labels == 1).sum(), (labels == 0).sum()
    values, covariance = delong(labels, scores)
    np.testing.assert_allclose(values, np.mean(v10, axis=1), atol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(v10) / n1 + np.cov(v01) / n0, atol=1e-12)


def test_delong_by_hand():
    # Cases 3 and 1, controls 2 and 0: three of four pairs are concordant. Shares of controls below the
    # cases 1 and 1/2, of cases above the controls 1/2 and 1: both variances 1/8, so 1/8/2 + 1/8/2 = 1/8.
    values, covariance = delong(np.array([1, 1, 0, 0]), np.array([[3.0, 1.0, 2.0, 0.0]]))
    assert values[0] == 0.75
    assert covariance[0, 0] == pytest.approx(0.125)


def test_the_interval_is_symmetric_on_the_logit_scale_with_delongs_error():
    y = np.repeat([1, 0], 40)
    scores = rng(1).normal(size=80) + y
    value, variance = (item.item() for item in delong(y, scores[None]))
    got = auroc_interval(y, scores, rng())
    error = np.sqrt(variance) / (value * (1 - value))
    for bound, sign in ((got.low, -1), (got.high, 1)):
        assert np.log(bound / (1 - bound)) == pytest.approx(
            np.log(value / (1 - value)) + sign * norm.ppf(0.975) * error
        )
    assert got.method.startswith("DeLong")


def test_below_thirty_a_class_the_interval_is_a_bootstrap():
    y = np.array([1] * 29 + [0] * 60)
    scores = rng(1).normal(size=89) + y
    assert auroc_interval(y, scores, rng()).method == "bootstrap of subjects"
    assert auroc_interval(y, scores, rng(3)) == auroc_interval(y, scores, rng(3))


def test_a_perfect_auroc_does_not_have_a_perfect_interval():
    # 10 disjoint case-control pairs are all concordant with probability A^10 <= .025 for A <= .025^(1/10).
    y, scores = np.repeat([1, 0], 10), np.arange(20.0)
    assert auroc_interval(y, -scores, rng()).low == pytest.approx(0.025**0.1)
    assert auroc_interval(y, -scores, rng()).high == 1
    assert auroc_interval(y, scores, rng()).high == pytest.approx(1 - 0.025**0.1)


@pytest.mark.parametrize(("n", "least"), [(40, 0.90), (12, 0.86)])
def test_intervals_cover_the_true_auroc(n, least):
    # Binormal scores one SD apart: the AUROC is Phi(1 / sqrt 2). At a true coverage of .95 the SD over 300
    # cohorts is .013; the percentile bootstrap of 12 + 12 subjects is known to fall a few points short.
    truth, generator = norm.cdf(2**-0.5), rng(5)
    y = np.repeat([1, 0], n)
    inside = 0
    for _ in range(300):
        interval = auroc_interval(y, generator.normal(size=2 * n) + y, generator, bootstrap=300)
        inside += interval.low <= truth <= interval.high
    assert inside / 300 >= least


def test_a_score_does_not_differ_from_itself():
    y = np.repeat([1, 0], 35)
    scores = rng(2).normal(size=70)
    got = paired_difference(y, scores, scores, rng())
    assert (got.difference, got.low, got.high, got.p) == (0, 0, 0, 1)


@pytest.mark.parametrize("n", [20, 40])
def test_swapping_the_scores_mirrors_the_bounds(n):
    y = np.repeat([1, 0], n)
    a = rng(3).normal(size=2 * n) + 2 * y
    b = rng(4).normal(size=2 * n)
    one, other = paired_difference(y, a, b, rng(9)), paired_difference(y, b, a, rng(9))
    assert one.difference == pytest.approx(-other.difference)
    assert one.low == pytest.approx(-other.high)
    assert one.high_one_sided == pytest.approx(-other.low_one_sided)
    assert one.p == pytest.approx(other.p)
    # A planted difference of .92 against .5 is found, and bounds are ordered.
    assert one.p < 0.01
    assert 0 < one.low < one.low_one_sided < one.difference < one.high_one_sided < one.high


def test_two_perfect_scores_are_equal_only_up_to_the_pairs_that_could_have_differed():
    # No discordance among 40 disjoint pairs: it may have probability 1 - .05^(1/40), one-sided.
    y = np.repeat([1, 0], 40)
    got = paired_difference(y, y + 0.0, y + np.linspace(0, 0.1, 80), rng())
    assert got.difference == 0
    assert got.high_one_sided == pytest.approx(1 - 0.05 ** (1 / 40))
    assert got.p == 1


@pytest.mark.parametrize("n", [15, 40])
def test_paired_p_values_are_calibrated_under_the_null(n):
    # Two equally good noisy readings of one latent. Binomial SD at .05 over 300 cohorts is .013.
    generator, y = rng(6), np.repeat([1, 0], n)
    hits = 0
    for _ in range(300):
        latent = generator.normal(size=2 * n) + y
        a, b = latent + generator.normal(size=(2, 2 * n))
        hits += paired_difference(y, a, b, generator, bootstrap=300).p <= 0.05
    assert hits / 300 <= 0.05 + 4 * 0.013


def test_permutation_p_of_two_against_two_is_one_in_six():
    # Six equally likely label orders, one as extreme: p -> 1/6 (Monte Carlo SD .004 at 9,999 draws).
    p = permutation_p(np.array([1, 1, 0, 0]), np.array([4.0, 3.0, 2.0, 1.0]), 9_999, rng())
    assert p == pytest.approx(1 / 6, abs=0.015)


def test_permutation_p_has_its_floor_and_is_uniform_under_the_null():
    y = np.repeat([1, 0], 30)
    assert permutation_p(y, y + rng(1).normal(size=60) / 10, 199, rng()) == 1 / 200
    generator = rng(2)
    p = np.array([permutation_p(y, generator.normal(size=60), 199, generator) for _ in range(300)])
    assert abs(p.mean() - 0.5) < 4 * 0.29 / np.sqrt(300)
    assert (p <= 0.05).mean() <= 0.05 + 4 * 0.013


@settings(max_examples=30, deadline=None)
@given(cohorts(scores=2))
def test_bounds_always_hold_the_estimate_and_stay_in_range(cohort):
    labels, (a, b) = cohort
    interval = auroc_interval(labels, a, rng(), bootstrap=50)
    if np.ptp(a) == 0:
        assert (interval.value, interval.method) == (0.5, "constant score")
    else:
        assert 0 <= interval.low <= interval.value <= interval.high <= 1
    got = paired_difference(labels, a, b, rng(), bootstrap=50)
    assert -1 <= got.low <= got.low_one_sided <= got.high_one_sided <= got.high <= 1
    assert 0 < got.p <= 1


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([1, 1], [1.0, 2.0]), ([1, 0], [1.0, np.nan]), ([1, 0, 2], [1.0, 2.0, 3.0]), ([1, 0], [1.0])],
)
def test_what_has_no_auroc_is_refused(labels, scores):
    with pytest.raises(ValueError):
        auroc(np.array(labels), np.array(scores))


def test_rounding_in_the_bootstrap_does_not_leave_the_unit_interval():
    # One discordant pair of 13 x 8: most draws are means of ones alone, which sum to a little more than 1.
    y = np.repeat([1, 0], [13, 8])
    scores = np.concatenate([np.arange(13) + 10.0, np.arange(7.0), [10.5]])
    for seed in range(5):
        assert auroc_interval(y, scores, rng(seed)).high <= 1
        assert auroc_interval(y, -scores, rng(seed)).low >= 0


def test_recovered_bounds_are_symmetric_far_from_the_ends_and_wider_near_them():
    # Of small errors, with correlation r: the Wald bound 1.645 √(v + w - 2 r √(v w)).
    small = np.array([[1e-6, 0.4e-6], [0.4e-6, 1e-6]])
    wald = 0.1 + norm.isf(0.05) * np.sqrt(1.2e-6)
    assert recovered_bound(np.array([0.7, 0.6]), small, 100) == pytest.approx(wald, abs=2e-6)
    # Uncorrelated: √(above² + below²), of the logit intervals of .98 and .93, with errors .02 and .03.
    above = expit(logit(0.98) + norm.isf(0.05) * 0.02 / (0.98 * 0.02)) - 0.98
    below = 0.93 - expit(logit(0.93) - norm.isf(0.05) * 0.03 / (0.93 * 0.07))
    got = recovered_bound(np.array([0.98, 0.93]), np.diag([4e-4, 9e-4]), 40)
    assert got == pytest.approx(0.05 + np.hypot(above, below))


@pytest.mark.parametrize(("model", "correlation"), [(0.97, 0.9), (0.97, 0.5), (0.85, 0.5)])
def test_proxies_worse_by_the_margin_pass_once_in_twenty(model, correlation):
    # 40 + 40, 300 cohorts: Monte-Carlo SD .013 at .05. A symmetric bound let up to .12 pass.
    rng = np.random.default_rng(2)
    labels = np.repeat([1, 0], 40)
    means = np.sqrt(2) * norm.ppf([model, model - 0.05])
    mixing = np.linalg.cholesky([[1, correlation], [correlation, 1]])
    passed = 0
    for _ in range(300):
        first, second = mixing @ rng.normal(size=(2, 80)) + np.outer(means, labels)
        passed += paired_difference(labels, first, second, rng, 200).high_one_sided < 0.05
    assert passed / 300 < 0.09
