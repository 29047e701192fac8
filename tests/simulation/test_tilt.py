"""Exponential tilting against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.simulation.tilt import Tilt


def test_a_coin_solved_by_hand() -> None:
    # Two equally likely categories with scores 0 and 1: standardised t = -1 and +1. E[t] = 2p - 1 shall be
    # strength * z, hence p = (1 + 0.1 * 3) / 2 = 0.65.
    coin = Tilt.of(np.array([2.0, 2.0]), np.array([0.0, 1.0]), 0.1)
    assert coin.statistic == pytest.approx([-1, 1])
    assert coin.probabilities(3.0) == pytest.approx([0.35, 0.65], abs=1e-9)
    assert coin.reach == pytest.approx((-9, 9))


@given(
    st.lists(st.floats(0.05, 5), min_size=3, max_size=12),
    st.integers(0, 2**31),
    st.floats(-1, 1),
)
def test_mean_is_linear_in_the_latent_and_zero_is_the_base(
    weights: list[float], seed: int, position: float
) -> None:
    score = np.random.default_rng(seed).permutation(len(weights)).astype(float)
    tilt = Tilt.of(np.array(weights), score, 0.2)
    low, high = tilt.reach
    latent = position * (high if position > 0 else -low)
    tilted = tilt.probabilities(latent)
    assert tilted.sum() == pytest.approx(1)
    assert (tilted > 0).all()
    assert tilted @ tilt.statistic == pytest.approx(0.2 * latent, abs=1e-7)
    assert tilt.probabilities(0.0) == pytest.approx(tilt.base, abs=1e-7)
    # Only the odds along t change: log(p/base) is a straight line in t.
    assert (
        np.linalg.matrix_rank(
            np.column_stack([np.ones(len(weights)), tilt.statistic, np.log(tilted / tilt.base)]), tol=1e-5
        )
        == 2
    )


def test_another_base_keeps_the_mean() -> None:
    tilt = Tilt.of(np.array([3.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0]), 0.1)
    own = np.array([0.2, 0.5, 0.3])
    assert tilt.probabilities(2.0, own) @ tilt.statistic == pytest.approx(0.2, abs=1e-8)
