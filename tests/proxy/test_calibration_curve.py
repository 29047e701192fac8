"""The smooth calibration curve against planted probabilities, and where there can be none."""

import numpy as np
import pytest
from scipy.special import expit, logit

from cfdna_interp.proxy.calibration_curve import POINTS, calibration_curve
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.calibration import calibration_line


def draw(n, truth, seed):
    rng = np.random.default_rng(seed)
    x = 1.5 * rng.normal(size=n)
    return (rng.random(n) < truth(x)).astype(int), x


@pytest.mark.parametrize(
    "truth",
    [expit, lambda x: expit(x / 2), lambda x: expit(np.minimum(x, 0.3 * x))],
    ids=["calibrated", "too sure", "bent"],
)
def test_the_curve_finds_the_planted_probabilities(truth):
    y, x = draw(20_000, truth, 1)
    got = calibration_curve(y, x)
    predicted = np.array(got.predicted)
    common = (predicted > 0.05) & (predicted < 0.95)
    # Standard errors are about .005; the spline rounds the corner of the bent one.
    np.testing.assert_allclose(np.array(got.observed)[common], truth(logit(predicted[common])), atol=0.04)
    assert len(predicted) == POINTS
    assert predicted[[0, -1]] == pytest.approx(expit([x.min(), x.max()]))


def test_the_band_covers_point_by_point():
    # Planted: twice too sure. 150 cohorts of 100, about 40 points each that go together: SD near .015.
    held = []
    for seed in range(150):
        y, x = draw(100, lambda x: expit(x / 2), seed)
        got = calibration_curve(y, x)
        truth = expit(logit(np.array(got.predicted)) / 2)
        held.append((np.array(got.low) <= truth) & (truth <= np.array(got.high)))
    assert 0.90 <= np.mean(held) <= 0.99


def test_four_times_the_subjects_halve_the_band():
    widths = []
    for n in (500, 2_000):
        y, x = draw(n, expit, 3)
        got = calibration_curve(y, x)
        middle = np.argmin(np.abs(np.array(got.predicted) - 0.5))
        widths.append(got.high[middle] - got.low[middle])
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.1)


def test_a_straight_truth_gives_nearly_the_calibration_line():
    y, x = draw(5_000, lambda x: expit(0.3 + 0.7 * x), 5)
    slope, intercept = calibration_line(y, x)
    got = calibration_curve(y, x)
    line = expit(intercept.value + slope.value * logit(np.array(got.predicted)))
    assert (np.abs(np.array(got.observed) - line) < 0.05).all()


def test_where_there_is_no_curve_the_cause_is_named():
    rng = np.random.default_rng(6)
    few, y = np.repeat([1, 0], [14, 40]), np.repeat([1, 0], 20)
    short = calibration_curve(few, rng.normal(size=54))
    assert short.missing == Missing(why=Cause.FEW_OF_A_CLASS, seen=14, needed=15)
    few_values = Missing(why=Cause.FEW_VALUES)
    assert calibration_curve(y, np.tile([0.0, 1, 1, 1], 10)).missing == few_values
    assert calibration_curve(y, np.zeros(40)).missing == few_values
    got = calibration_curve(y, 10 * y + rng.normal(size=40))
    assert got.missing == Missing(why=Cause.LOGIT_SEPARATES)
    assert got.predicted == got.observed == got.low == got.high == ()
