"""Sizes and powers against closed forms, published tables, and the tests that they are for, simulated."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from cfdna_interp.errors import InputError
from cfdna_interp.stats.cohort_size import (
    sites_for_interval,
    sites_for_signal,
    size_for_difference,
    size_for_interval,
    size_for_signal,
)
from cfdna_interp.stats.power import (
    covariance,
    detectable_auroc,
    detectable_difference,
    difference_error,
    error,
    expected_interval,
    power_of_difference,
    power_of_signal,
    within_interval,
)
from cfdna_interp.stats.roc import auroc_interval, paired_difference, permutation_p
from cfdna_interp.stats.within_batch import within_batch


def cohorts(rng, case, control, a, b, correlation, draws):
    """Draw labels and (draws, 2, subjects) binormal scores of AUROC a and b."""
    labels = np.repeat([1, 0], [case, control])
    first, own = rng.normal(size=(2, draws, case + control))
    second = correlation * first + np.sqrt(1 - correlation**2) * own
    shifts = np.sqrt(2) * norm.ppf([a, b])
    return labels, np.stack([first, second], axis=1) + shifts[:, None] * labels


def test_without_signal_the_variance_is_that_of_the_rank_sum():
    # Var U = n1 n0 (n1 + n0 + 1) / 12, and the AUROC is U / (n1 n0).
    assert error(0.5, 30, 40) ** 2 == pytest.approx(71 / (12 * 1200), rel=1e-12)


def test_covariance_is_made_of_bivariate_normal_probabilities():
    # scipy's integration is good to about 1e-8.
    z = norm.ppf([0.8, 0.7])
    terms = [multivariate_normal.cdf(z, cov=[[1, r], [r, 1]]) - 0.8 * 0.7 for r in (0.6, 0.3)]
    assert covariance(0.8, 0.7, 20, 30, 0.6) == pytest.approx((terms[0] + 48 * terms[1]) / 600, rel=1e-5)
    assert covariance(0.8, 0.7, 20, 30, 0.0) == 0


def test_perfectly_correlated_equal_scores_never_differ():
    assert difference_error(0.8, 0.8, 40, 40, 1.0) == pytest.approx(0, abs=1e-9)


def test_near_hanley_and_mcneils_published_figures():
    # Radiology 143:29: AUROC .893 of 51 abnormal and 58 normal images, standard error .032; table III: .70
    # against .75 in two groups of patients each, one-sided 5 %, power 80 %: 652 per class. Their scores are
    # exponential, which gives a little more than normal ones.
    assert error(0.893, 51, 58) == pytest.approx(0.032, rel=0.08)
    size = size_for_difference(0.75, 0.70, 0.0, power=0.8, alpha=0.05, sides=1)
    assert 0.92 * 652 < size.case <= 652


def test_errors_are_those_of_simulated_aurocs():
    # Relative Monte-Carlo error of a standard deviation over 2,000 draws is 1.6 %.
    labels, scores = cohorts(np.random.default_rng(1), 25, 50, 0.85, 0.75, 0.6, 2_000)
    case, control = scores[..., labels == 1], scores[..., labels == 0]
    areas = (case[..., :, None] > control[..., None, :]).mean(axis=(2, 3))
    assert areas[:, 0].std() == pytest.approx(error(0.85, 25, 50), rel=0.065)
    assert (areas[:, 0] - areas[:, 1]).std() == pytest.approx(
        difference_error(0.85, 0.75, 25, 50, 0.6), rel=0.065
    )


@pytest.mark.parametrize(("a", "b", "correlation"), [(0.85, 0.72, 0.5), (0.8, 0.65, 0.0)])
def test_the_paired_test_has_the_promised_power(a, b, correlation):
    # Binomial SD over 500 cohorts at .80 is .018.
    size = size_for_difference(a, b, correlation, power=0.8)
    rng = np.random.default_rng(2)
    labels, scores = cohorts(rng, size.case, size.control, a, b, correlation, 500)
    found = np.mean([paired_difference(labels, *pair, rng).p <= 0.05 for pair in scores])
    assert found == pytest.approx(size.achieved, abs=3.5 * 0.018)
    assert size.achieved >= 0.8
    fewer = difference_error(a, b, size.case - 1, size.control - 1, correlation)
    assert power_of_difference(a - b, fewer, 0.05, 2) < 0.8


def test_a_signal_is_earned_with_the_promised_power():
    size = size_for_signal(0.65, power=0.8, controls_per_case=2)
    assert size.control == 2 * size.case
    rng = np.random.default_rng(3)
    labels, scores = cohorts(rng, size.case, size.control, 0.65, 0.65, 0.0, 500)
    # As rung L0 asks it.
    found = np.mean(
        [
            permutation_p(labels, pair[0], 199, rng) <= 0.05
            and auroc_interval(labels, pair[0], rng).low > 0.5
            for pair in scores
        ]
    )
    assert found == pytest.approx(0.8, abs=3.5 * 0.018)


def test_the_interval_has_the_promised_width_on_average():
    size = size_for_interval(0.8, 0.06)
    rng = np.random.default_rng(4)
    labels, scores = cohorts(rng, size.case, size.control, 0.8, 0.8, 0.0, 400)
    intervals = [auroc_interval(labels, pair[0], rng) for pair in scores]
    assert np.mean([(i.high - i.low) / 2 for i in intervals]) == pytest.approx(0.06, rel=0.04)
    wider = expected_interval(0.8, size.case - 1, size.control - 1)
    assert wider.high - wider.low > 0.12


def test_sites_have_the_promised_power():
    sites, achieved = sites_for_signal(0.7, [(30, 10), (10, 40)], power=0.8)
    rng = np.random.default_rng(5)
    batches = [name for name, (case, control) in zip("ab", sites, strict=True) for _ in range(case + control)]
    labels = np.concatenate([np.repeat([1, 0], pair) for pair in sites])
    found = 0
    for _ in range(500):
        # A shift between sites that within-batch AUROCs do not see.
        scores = rng.normal(size=len(labels)) + np.sqrt(2) * norm.ppf(0.7) * labels
        scores += 3 * (np.array(batches) == "b")
        within = within_batch(labels, scores, batches, rng, bootstrap=300)
        found += within.interval.low > 0.5
    assert found / 500 == pytest.approx(achieved, abs=3.5 * 0.018)
    assert achieved >= 0.8


def test_one_site_is_a_plain_interval_and_sites_of_one_class_do_not_count():
    assert within_interval(0.8, [(20, 30)]).low == pytest.approx(expected_interval(0.8, 20, 30).low)
    assert within_interval(0.8, [(20, 30), (0, 90)]) == within_interval(0.8, [(20, 30)])
    assert within_interval(0.8, [(0, 90)]) is None
    # A small site counts for what it is worth.
    assert within_interval(0.8, [(20, 30), (4, 90)]).low > within_interval(0.8, [(20, 30)]).low
    # Two equal sites halve the variance of one.
    one, two = (within_interval(0.8, [(20, 30)] * k) for k in (1, 2))
    logits = [np.log(i.high / (1 - i.high)) - np.log(4) for i in (one, two)]
    assert logits[0] / logits[1] == pytest.approx(np.sqrt(2))


def test_unbalanced_sites_cost_subjects():
    balanced, _ = sites_for_interval(0.75, [(1, 1), (1, 1)], 0.1)
    unbalanced, half = sites_for_interval(0.75, [(9, 1), (1, 9)], 0.1)
    assert sum(map(sum, unbalanced)) > 1.5 * sum(map(sum, balanced))
    assert half <= 0.1


def test_what_a_cohort_can_show():
    # (1.959964 + 0.841621) standard errors.
    assert detectable_difference(0.05) == pytest.approx(0.05 * 2.801585, rel=1e-6)
    value = detectable_auroc(40, 40)
    assert power_of_signal(value, 40, 40) == pytest.approx(0.8)
    assert detectable_auroc(200, 200) < value < detectable_auroc(15, 15)
    assert detectable_auroc(2, 2) is None


def test_no_answer_is_too_small_for_the_ladder_and_hopeless_ones_are_refused():
    size = size_for_signal(0.99)
    assert (size.case, size.control) == (15, 15)
    assert size_for_signal(0.99, controls_per_case=0.2).control == 15
    with pytest.raises(InputError, match="more than 1,000,000 subjects"):
        size_for_signal(0.5001)
