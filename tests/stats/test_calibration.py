"""Brier score, AUPRC, calibration line and Wilson's interval against hand-derived numbers."""

import numpy as np
import pytest
from scipy.special import expit, logit

from cfdna_interp.stats.calibration import calibration_in_the_large, calibration_line, quality, wilson


def line(y, x):
    """Slope and intercept without their intervals."""
    slope, intercept = calibration_line(y, x)
    return slope.value, intercept.value


def test_brier_and_auprc_by_hand():
    # Chances .8, .6 for cases, .7, .1 for controls: (.04 + .16 + .49 + .01) / 4 = .175. Ranked .8 case,
    # .7 control, .6 case: average precision (1/1 + 2/3) / 2 = 5/6.
    got = quality(np.array([1, 1, 0, 0]), logit(np.array([0.8, 0.6, 0.7, 0.1])))
    assert got.brier == pytest.approx(0.175)
    assert got.auprc == pytest.approx(5 / 6)


def test_true_chances_have_slope_one_and_intercept_zero():
    rng = np.random.default_rng(1)
    x = rng.normal(size=20_000) * 1.5
    y = (rng.random(20_000) < expit(x)).astype(int)
    slope, intercept = line(y, x)
    # Standard errors are about .02.
    assert slope == pytest.approx(1, abs=0.08)
    assert intercept == pytest.approx(0, abs=0.08)


def test_the_slope_scales_inversely_and_the_intercept_follows_a_shift():
    rng = np.random.default_rng(2)
    x = rng.normal(size=200)
    y = (rng.random(200) < expit(x)).astype(int)
    slope, intercept = line(y, x)
    half, same = line(y, 2 * x)
    assert (half, same) == pytest.approx((slope / 2, intercept), abs=1e-6)
    unmoved, lower = line(y, x + 3)
    assert (unmoved, lower) == pytest.approx((slope, intercept - 3 * slope), abs=1e-5)


def test_two_by_two_table_has_its_closed_form():
    # Logit 1: 3 cases of 4; logit 0: 1 case of 4. Intercept log(1/3), slope log 3 - log(1/3) = 2 log 3.
    y, x = np.array([1, 1, 1, 0, 1, 0, 0, 0]), np.array([1.0] * 4 + [0.0] * 4)
    assert line(y, x) == pytest.approx((2 * np.log(3), -np.log(3)), abs=1e-6)


@pytest.mark.parametrize("x", [[2.0, 3, 0, 1], [0.0, 1, 2, 3], [1.0, 2, 1, 0], [1.0, 1, 1, 1]], ids=str)
def test_separated_and_constant_logits_have_no_line(x):
    assert np.isnan(line(np.array([1, 1, 0, 0]), np.array(x))).all()
    assert np.isnan(calibration_line(np.array([1, 1, 0, 0]), np.array(x))[0].low)


def test_wilson_of_none_in_ten():
    # Its upper end is z^2 / (n + z^2).
    got = wilson(0, 10)
    assert (got.value, got.low) == (0, pytest.approx(0, abs=1e-12))
    assert got.high == pytest.approx(3.841459 / 13.841459, abs=1e-6)


def test_intervals_are_those_of_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    x = rng.normal(1, 2, size=90)
    y = (rng.random(90) < expit(0.4 + 0.6 * x)).astype(int)
    slope, intercept = calibration_line(y, x)
    fit = sm.Logit(y, sm.add_constant(x)).fit(disp=0)
    for got, place in ((intercept, 0), (slope, 1)):
        assert got.value == pytest.approx(fit.params[place], abs=1e-6)
        assert (got.low, got.high) == pytest.approx(tuple(fit.conf_int()[place]), abs=1e-6)
    large = calibration_in_the_large(y, x)
    offset = sm.GLM(y, np.ones(90), family=sm.families.Binomial(), offset=x).fit()
    assert large.value == pytest.approx(offset.params[0], abs=1e-6)
    assert (large.low, large.high) == pytest.approx(tuple(offset.conf_int()[0]), abs=1e-6)


def test_calibration_in_the_large_of_one_prediction_is_a_difference_of_logits():
    # 3 cases of 4 where .5 was promised: log 3, with variance 1 / (4 * 3/4 * 1/4) = 4/3.
    got = calibration_in_the_large(np.array([1, 1, 1, 0]), np.zeros(4))
    assert got.value == pytest.approx(np.log(3))
    assert (got.high - got.value) == pytest.approx(1.959964 * np.sqrt(4 / 3), abs=1e-5)


@pytest.mark.parametrize("per_class", [15, 40])
def test_honest_predictions_are_rarely_called_wrong_and_extreme_ones_often_enough(per_class):
    # 400 cohorts with balanced classes. Honest: 5 % nominal, SD of a share of 400 is .011. Of logits that are
    # three times too large the slope is 1/3; at 40 + 40 its error is near .1.
    rng = np.random.default_rng(per_class)
    wrong, found = 0, 0
    for _ in range(400):
        x = 1.5 * rng.normal(size=20 * per_class)
        y = (rng.random(len(x)) < expit(x)).astype(int)
        rows = np.concatenate([np.flatnonzero(y == label)[:per_class] for label in (0, 1)])
        honest, extreme = (calibration_line(y[rows], scale * x[rows])[0] for scale in (1, 3))
        wrong += honest.low > 1 or honest.high < 1
        found += extreme.high < 1
    assert wrong / 400 < 0.08
    assert found / 400 > (0.8 if per_class == 15 else 0.98)
