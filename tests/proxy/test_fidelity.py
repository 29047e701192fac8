"""Agreement of proxy and model: closed forms, a model that knows more, one that doesn't, scales of folds."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from cfdna_interp.proxy.fidelity import fidelity
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.correlation import weighted_correlations
from cfdna_interp.stats.roc import auroc


def subjects(n=200, seed=1, more=0.0):
    """Both logits see one latent that tells the label; the model sees a second one by ``more``."""
    rng = np.random.default_rng(seed)
    y = np.tile([1, 0], n // 2)
    first, second = rng.normal(size=(2, n)) + 1.2 * (y - 0.5)
    return y, first + more * second + 0.1 * rng.normal(size=n), first + 0.1 * rng.normal(size=n)


def measured(y, model, proxy, **options):
    return fidelity(y, model, proxy, np.random.default_rng(1), margin=0.05, bootstrap=500, **options)


def test_correlations_are_those_of_scipy_and_the_partial_one_that_of_residuals():
    y, model, proxy = subjects(more=0.5)
    found = measured(y, model, proxy)
    assert found.pearson.value == pytest.approx(pearsonr(model, proxy).statistic)
    assert found.spearman.value == pytest.approx(spearmanr(model, proxy).statistic)
    residuals = [sm.OLS(x, sm.add_constant(y)).fit().resid for x in (model, proxy)]
    assert found.partial.value == pytest.approx(pearsonr(*residuals).statistic)
    for estimate in (found.pearson, found.spearman, found.partial):
        assert estimate.low < estimate.value < estimate.high


def test_a_bootstrap_interval_is_near_fishers():
    # Bivariate normal, r = .6, n = 400: Fisher's z interval tanh(atanh(r) +- 1.96 / sqrt(n - 3)).
    rng = np.random.default_rng(3)
    first = rng.normal(size=400)
    second = 0.6 * first + 0.8 * rng.normal(size=400)
    found = measured(np.tile([1, 0], 200), first, second).pearson
    low, high = np.tanh(np.arctanh(found.value) + np.array([-1.96, 1.96]) / 397**0.5)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.03), pytest.approx(high, abs=0.03))


def test_a_model_that_knows_more_is_said_to():
    # The proxy's latent has 1.2 SD between the classes, AUROC Phi(1.2 / sqrt 2) = .80; both together have
    # 1.2 sqrt 2, AUROC Phi(1.2) = .885: .085 more.
    found = measured(*subjects(n=1_200, more=1.0))
    assert found.difference.value == pytest.approx(0.085, abs=0.03)
    assert found.added.p < 1e-4
    assert found.added.low > 0
    assert found.conclusion == "more than the margin"


def test_a_model_that_is_the_proxy_with_noise_adds_nothing():
    found = measured(*subjects(n=400))
    assert found.conclusion == "no more than the margin"
    assert found.added.low < 0 < found.added.high
    # Under the null the p value of the added logit is uniform: of 40 cohorts about 2 lie below .05.
    small = sum(measured_p(*subjects(n=100, seed=seed)) < 0.05 for seed in range(40))
    assert small <= 6


def measured_p(y, model, proxy):
    return fidelity(y, model, proxy, np.random.default_rng(1), margin=0.05, bootstrap=2).added.p


def test_the_likelihood_ratio_is_that_of_the_two_regressions():
    y, model, proxy = subjects(more=0.7)
    alone = sm.Logit(y, sm.add_constant(proxy)).fit(disp=0).llf
    joint = sm.Logit(y, sm.add_constant(np.column_stack([proxy, model]))).fit(disp=0)
    added = measured(y, model, proxy).added
    assert added.likelihood_ratio == pytest.approx(2 * (joint.llf - alone), rel=1e-6)
    # Per standard deviation of the model's logit.
    expected = model.std() * np.array([joint.params[-1], *joint.conf_int()[-1]])
    assert [added.value, added.low, added.high] == pytest.approx(expected, rel=1e-5)


def test_two_logits_that_are_nearly_one_are_told_apart():
    y, model, _ = subjects()
    jitter = 1e-4 * np.random.default_rng(2).normal(size=len(y))
    added = measured(y, model + jitter, model).added
    assert np.isfinite([added.value, added.p]).all()


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(-50, 50)), min_size=5, max_size=5))
def test_the_scale_of_a_fold_counts_for_nothing(scales):
    y, model, proxy = subjects(n=100, more=0.5)
    folds = np.arange(100) // 2 % 5
    size, shift = np.array(scales).T[:, folds]
    plain = fidelity(y, model, proxy, np.random.default_rng(1), margin=0.05, bootstrap=50, folds=folds)
    scaled = fidelity(
        y, shift + size * model, proxy, np.random.default_rng(1), margin=0.05, bootstrap=50, folds=folds
    )
    assert scaled.pearson.value == pytest.approx(plain.pearson.value)
    assert scaled.difference.value == pytest.approx(plain.difference.value)
    assert scaled.added.likelihood_ratio == pytest.approx(plain.added.likelihood_ratio, rel=1e-4)


def test_the_difference_within_folds_is_the_weighted_mean_of_the_folds():
    y, model, proxy = subjects(n=60, more=1.0)
    folds = np.array([0] * 20 + [1] * 40)
    # 10 + 10 and 20 + 20 subjects weigh 5 and 10.
    parts = [
        auroc(y[folds == k], model[folds == k]) - auroc(y[folds == k], proxy[folds == k]) for k in (0, 1)
    ]
    expected = (5 * parts[0] + 10 * parts[1]) / 15
    assert measured(y, model, proxy, folds=folds).difference.value == pytest.approx(expected)


def test_what_cannot_be_asked_has_an_obstacle():
    y, model, _ = subjects()
    assert measured(y, model, 2 * model + 1).added.missing == Missing(why=Cause.SAME_LINE)
    nothing = measured(y, model, 10 * y + 0.1 * model).added
    assert nothing.missing == Missing(why=Cause.PROXY_SEPARATES)
    divided = measured(y, 10 * y + 0.01 * model, model).added
    assert divided.missing == Missing(why=Cause.MODEL_SEPARATES)
    # Nothing is left unexplained: twice the log-likelihood of the proxy alone.
    alone = sm.Logit(y, sm.add_constant(model)).fit(disp=0).llf
    assert divided.likelihood_ratio == pytest.approx(-2 * alone, abs=0.1)


def test_a_proxy_that_says_the_same_of_everybody_agrees_with_nothing():
    y, model, _ = subjects()
    found = measured(y, model, np.zeros(len(y)), folds=np.arange(len(y)) // 2 % 5)
    assert found.pearson.value is None
    assert found.partial.value is None
    assert found.added.p < 1e-4


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=12, max_size=12).filter(lambda w: sum(w[:6]) * sum(w[6:]) > 0))
def test_a_weight_is_a_number_of_copies(weights):
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 12))
    strata = np.repeat([0, 1], 6)
    once = weighted_correlations(first, second, np.array([weights], dtype=float), strata)
    rows = np.repeat(np.arange(12), weights)
    copies = weighted_correlations(first[rows], second[rows], np.ones((1, len(rows))), strata[rows])
    np.testing.assert_allclose(once, copies, atol=1e-9)


def test_a_fold_of_one_class_changes_nothing_of_what_the_label_says():
    # Twenty cases of a fold without controls: they can't be compared with anybody, so that what the model
    # adds, and the difference of AUROCs, are those of the other folds.
    y, model, proxy = subjects(n=120, more=0.5)
    fold = np.arange(120) // 2 % 3
    alone = measured(y, model, proxy, folds=fold)
    extra = np.random.default_rng(4).normal(size=(2, 20))
    with_one = measured(
        np.append(y, np.ones(20)),
        np.append(model, extra[0]),
        np.append(proxy, extra[1]),
        folds=np.append(fold, np.full(20, 3)),
    )
    assert alone.added.missing is None
    assert with_one.added == alone.added
    assert with_one.difference.value == pytest.approx(alone.difference.value)


def test_where_no_fold_holds_both_classes_that_is_said():
    y, model, proxy = subjects(n=40)
    found = measured(y, model, proxy, folds=y)
    assert found.added.missing == Missing(why=Cause.ONE_CLASS)
    assert found.difference.method == "no fold holds both classes"
    assert found.difference.value is None
    assert found.conclusion == "can't tell"
    assert found.pearson.low <= found.pearson.value <= found.pearson.high
