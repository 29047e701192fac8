"""Sensitivity at a specificity: by hand, its coverage, and where there are too few controls."""

import numpy as np
import pytest
from scipy.stats import norm

from cfdna_interp.stats.calibration import wilson
from cfdna_interp.stats.operating import operating_point


def rng(seed=0):
    return np.random.default_rng(seed)


def test_twenty_controls_by_hand():
    # 18 of 20 controls lie at or below 17, the 18th smallest; of the cases 17.5, 18.5 and 30 are above it.
    labels = np.array([0] * 20 + [1] * 5)
    scores = np.array([*range(20), 2.0, 17.0, 17.5, 18.5, 30.0])
    got = operating_point(labels, scores, 0.9, rng())
    assert (got.threshold, got.specificity_seen, got.sensitivity.value) == (17.0, 0.9, 0.6)


def test_ties_never_cost_specificity():
    # Scores of controls 0, 1, 1, ..., 1: the threshold is 1, all controls are at or below it.
    labels = np.array([0] * 20 + [1] * 2)
    got = operating_point(labels, np.array([0.0] + [1.0] * 19 + [1.0, 2.0]), 0.9, rng())
    assert (got.threshold, got.specificity_seen, got.sensitivity.value) == (1.0, 1.0, 0.5)


@pytest.mark.parametrize(("specificity", "controls", "needed"), [(0.9, 14, 15), (0.95, 29, 30)])
def test_too_few_controls_have_no_threshold(specificity, controls, needed):
    labels = np.array([0] * controls + [1] * 30)
    got = operating_point(labels, rng().normal(size=controls + 30), specificity, rng())
    assert (got.threshold, got.specificity_seen, got.sensitivity) == (None, None, None)
    assert (got.controls, got.needed) == (controls, needed)
    enough = np.array([0] * needed + [1] * 30)
    assert operating_point(enough, rng().normal(size=needed + 30), specificity, rng()).threshold is not None


def test_the_interval_is_never_narrower_than_with_a_known_threshold():
    for seed in range(20):
        labels = np.repeat([1, 0], [12, 25])
        got = operating_point(labels, rng(seed).normal(size=37) + 2 * labels, 0.9, rng(), bootstrap=200)
        known = wilson(round(12 * got.sensitivity.value), 12)
        assert 0 <= got.sensitivity.low <= min(known.low, got.sensitivity.value)
        assert max(known.high, got.sensitivity.value) <= got.sensitivity.high <= 1


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.5, 0.95), (0.8, 0.9)])
def test_intervals_cover_though_the_threshold_is_estimated(sensitivity, specificity):
    # 500 cohorts of 40 + 40: Monte-Carlo SD .01. With a known threshold's interval alone coverage would be
    # about .8, which is the positive control.
    labels, generator = np.repeat([1, 0], 40), rng(4)
    shift = norm.ppf(specificity) + norm.ppf(sensitivity)
    held = known_held = 0
    for _ in range(500):
        scores = generator.normal(size=80) + shift * labels
        got = operating_point(labels, scores, specificity, generator, bootstrap=300).sensitivity
        known = wilson(round(40 * got.value), 40)
        held += got.low <= sensitivity <= got.high
        known_held += known.low <= sensitivity <= known.high
    assert held / 500 >= 0.92
    assert known_held / 500 < 0.9
