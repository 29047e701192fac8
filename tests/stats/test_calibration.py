"""Brier score, AUPRC, calibration line and Wilson's interval against hand-derived numbers."""

import numpy as np
import pytest
from scipy.special import expit, logit

from cfdna_interp.stats.calibration import calibration_line, quality, wilson


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
    slope, intercept = calibration_line(y, x)
    # Standard errors are about .02.
    assert slope == pytest.approx(1, abs=0.08)
    assert intercept == pytest.approx(0, abs=0.08)


def test_the_slope_scales_inversely_and_the_intercept_follows_a_shift():
    rng = np.random.default_rng(2)
    x = rng.normal(size=200)
    y = (rng.random(200) < expit(x)).astype(int)
    slope, intercept = calibration_line(y, x)
    half, same = calibration_line(y, 2 * x)
    assert (half, same) == pytest.approx((slope / 2, intercept), abs=1e-6)
    unmoved, lower = calibration_line(y, x + 3)
    assert (unmoved, lower) == pytest.approx((slope, intercept - 3 * slope), abs=1e-5)


def test_two_by_two_table_has_its_closed_form():
    # Logit 1: 3 cases of 4; logit 0: 1 case of 4. Intercept log(1/3), slope log 3 - log(1/3) = 2 log 3.
    y, x = np.array([1, 1, 1, 0, 1, 0, 0, 0]), np.array([1.0] * 4 + [0.0] * 4)
    assert calibration_line(y, x) == pytest.approx((2 * np.log(3), -np.log(3)), abs=1e-6)


@pytest.mark.parametrize("x", [[2.0, 3, 0, 1], [0.0, 1, 2, 3], [1.0, 2, 1, 0], [1.0, 1, 1, 1]], ids=str)
def test_separated_and_constant_logits_have_no_line(x):
    assert np.isnan(calibration_line(np.array([1, 1, 0, 0]), np.array(x))).all()


def test_wilson_of_none_in_ten():
    # Its upper end is z^2 / (n + z^2).
    got = wilson(0, 10)
    assert (got.value, got.low) == (0, pytest.approx(0, abs=1e-12))
    assert got.high == pytest.approx(3.841459 / 13.841459, abs=1e-6)
