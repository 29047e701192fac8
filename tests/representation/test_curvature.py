"""Curvature of curves whose radius is known, and bends that are there or not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_curves import LENGTHS, bent, circle, straight

from cfdna_interp.records.geometry import BendFinding
from cfdna_interp.representation.curvature import arc_length, curvature, find_bend, reach_of, turning


@given(radius=st.floats(0.1, 20), reach=st.integers(4, 30), seed=st.integers(0, 1_000))
@settings(max_examples=30, deadline=None)
def test_curvature_of_a_circle_is_one_over_its_radius_at_any_pace(
    radius: float, reach: int, seed: int
) -> None:
    # Inscribed angles: chords over arcs a and b of a circle meet at (a + b) / 2R.
    pace = np.random.default_rng(seed).uniform(0.2, 2.0, len(LENGTHS))
    curve = circle(5.0, radius, pace)
    assert curvature(curve, reach) == pytest.approx(1 / radius, rel=0.01)


def test_turning_of_a_right_angle_and_of_a_way_back() -> None:
    corner = np.array([[0, 0], [1, 0], [2, 0], [2, 1], [2, 2]], dtype=float)
    assert turning(corner, 1) == pytest.approx([0, np.pi / 2, 0])
    assert turning(corner, 2) == pytest.approx([np.pi / 2])
    # There and back on one line: half a turn, over a mean chord of 1.
    back = np.array([[0, 0], [1, 0], [0, 0]], dtype=float)
    assert curvature(back, 1) == pytest.approx([np.pi])
    assert arc_length(corner) == pytest.approx([0, 1, 2, 3, 4])


def test_a_straight_line_has_no_curvature_whatever_its_pace() -> None:
    line = np.cumsum(np.abs(np.random.default_rng(0).standard_normal(100)))[:, None] * np.array(
        [1.0, 2.0, -0.5]
    )
    assert curvature(line, 5) == pytest.approx(0, abs=1e-6)


def test_reach_is_a_third_of_what_is_smoothed() -> None:
    assert [reach_of(24.0), reach_of(96.0), reach_of(3.0)] == [8, 32, 8]


def noisy(curve: np.ndarray, seed: int, draws: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve and resamples of it with smooth noise that is five times as large in the tails."""
    rng = np.random.default_rng(seed)
    size = 0.004 * (1 + 4 * np.minimum(np.abs(LENGTHS - 167) / 100, 1))[:, None]
    steps = rng.standard_normal((draws + 1, len(LENGTHS) // 20 + 2, curve.shape[1]))
    knots = np.arange(steps.shape[1]) * 20.0
    places = np.arange(len(LENGTHS))
    low = np.floor(places / 20).astype(int)
    part = ((places - knots[low]) / 20)[:, None]
    weight = part**2 * (3 - 2 * part)  # smooth from knot to knot
    noise = size * (steps[:, low] * (1 - weight) + steps[:, low + 1] * weight)
    observed = curve + noise[0]
    return observed, observed + noise[1:]


@pytest.mark.parametrize("at", [120, 167, 240, 330])
def test_a_bend_is_found_where_it_is_and_not_at_the_mode(at: int) -> None:
    bend = find_bend(*noisy(bent(at, 24, 0.02), seed=at), LENGTHS, 10)
    assert bend.claimed, bend.finding
    assert abs(bend.at - at) <= 5
    assert bend.at_low - 5 <= at <= bend.at_high + 5
    assert bend.excess > bend.excess_null
    row = int(bend.at) - 60
    assert bend.low[row] <= bend.curvature[row] <= bend.high[row]
    # pi over the arc of the bend, 24 bp of .02 each, seen with chords of 10 bp
    assert bend.curvature[row] == pytest.approx(np.pi / 0.48, rel=0.3)


def test_no_bend_is_claimed_on_lines_and_circles_though_noise_is_least_at_the_mode() -> None:
    # The error rate of the rule is 5 %: 20 draws give more than 4 claims with a probability of .3 % at most.
    even = 0
    for seed in range(10):
        flat = np.concatenate([straight(0.02), np.zeros((len(LENGTHS), 1))], axis=1)
        even += find_bend(*noisy(flat, seed), LENGTHS, 10).claimed
        pace = np.exp(-0.5 * ((LENGTHS - 167) / 25) ** 2) + 0.1
        even += find_bend(*noisy(circle(4.0, 1.0, pace), seed), LENGTHS, 10).claimed
    assert even <= 4


def test_a_bend_at_the_end_of_what_is_seen_is_not_claimed() -> None:
    # The bend at 120 bp takes 24 bp, from 108 to 132: from 120 bp on its second half alone is seen.
    curve, draws = noisy(bent(120, 24, 0.02), seed=3)
    rest = LENGTHS >= 120
    bend = find_bend(curve[rest], draws[:, rest], LENGTHS[rest], 10)
    assert not bend.claimed
    assert bend.finding is BendFinding.AT_AN_END


def test_a_curve_that_stands_still_has_no_bend() -> None:
    bend = find_bend(*noisy(np.zeros((len(LENGTHS), 2)), seed=1), LENGTHS, 10)
    assert not bend.claimed


def test_a_curve_without_any_clear_step_says_so() -> None:
    noise = np.random.default_rng(0).standard_normal((20, len(LENGTHS), 2))
    bend = find_bend(np.zeros((len(LENGTHS), 2)), noise, LENGTHS, 10)
    assert not bend.claimed and np.isnan(bend.at)
    assert bend.finding is BendFinding.NO_DIRECTION
