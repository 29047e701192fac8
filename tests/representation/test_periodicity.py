"""Periods planted in centroids, found to within .2 bp; none where there is a trend or noise alone."""

from __future__ import annotations

import numpy as np
import pytest
from planted_curves import LENGTHS, bent, embed, helix, length_law, straight

from cfdna_interp.records.geometry import CurvePeriod
from cfdna_interp.representation.centroids import LengthSums, length_sums
from cfdna_interp.representation.periodicity import find_period

SUBJECTS = 30


def sums_of(curve: np.ndarray, seed: int) -> LengthSums:
    rng = np.random.default_rng(seed)
    lengths = rng.choice(LENGTHS, 25_000, p=length_law())
    people = rng.integers(0, SUBJECTS, len(lengths))
    embeddings = embed(curve, lengths, people, 8, rng)
    return length_sums(embeddings, lengths - 60, people, np.ones(len(lengths)), LENGTHS, SUBJECTS)


def found_on(curve: np.ndarray, seed: int) -> CurvePeriod:
    rng = np.random.default_rng(seed)
    resamples = rng.multinomial(SUBJECTS, np.full(SUBJECTS, 1 / SUBJECTS), 60).astype(float)
    period = find_period(sums_of(curve, seed), resamples, rng)
    assert period is not None
    return period


@pytest.mark.parametrize("period", [8.0, 10.4, 13.0])
def test_a_helix_turns_once_in_its_period(period: float) -> None:
    result = found_on(helix(period, 0.3, 0.02), seed=int(period))
    assert result.claimed, result.finding
    assert abs(result.bp.value - period) <= 0.2
    assert result.bp.low - 0.1 <= period <= result.bp.high + 0.1
    # A wave of .3 in two directions (mean square .09) beside noise of 8 directions, 1 / n a length: with the
    # median of n some 60 fragments a length that is 8 / 60 = .13, of which the sum is two fifths.
    assert 0.25 < result.power < 0.9
    assert (result.at_10_4 > 5) == (period == 10.4)


@pytest.mark.parametrize("curve", [straight(0.04), bent(120, 20, 0.04), np.zeros((len(LENGTHS), 1))])
def test_trends_bends_and_noise_have_no_period(curve: np.ndarray) -> None:
    # The error rate is 5 % each: three of four claims come with a probability below .1 %.
    assert sum(found_on(curve, seed).claimed for seed in range(4)) <= 2


def test_a_pure_wave_without_noise_is_all_there_is() -> None:
    # Without noise the share of what the trend leaves is 1 at the wave's own period: 100 / 8 = 12.5 waves of
    # 8 bp over the window; 1 / 8 lies on the grid of frequencies.
    wave = np.cos(2 * np.pi * LENGTHS / 8.0)[:, None]
    weight = np.ones((2, len(LENGTHS)))
    sums = LengthSums(LENGTHS, weight, weight[..., None] * wave, weight[0], 1.0)
    result = find_period(sums, np.ones((3, 2)), np.random.default_rng(0))
    assert result is not None
    assert result.power == pytest.approx(1.0, abs=1e-3)
    assert (result.bp.value, result.bp.low, result.bp.high) == pytest.approx((8.0, 8.0, 8.0), abs=0.02)


def test_too_few_lengths_below_the_nucleosome_are_not_scanned() -> None:
    weight = np.ones((2, 200))
    sums = LengthSums(np.arange(110, 310), weight, np.ones((2, 200, 3)), weight[0], 1.0)
    assert find_period(sums, np.ones((3, 2)), np.random.default_rng(0)) is None
