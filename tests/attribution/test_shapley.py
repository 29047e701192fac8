"""Shapley values of games solved on paper, exact and sampled."""

from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.attribution.shapley import shapley_values
from cfdna_interp.errors import InputError


@pytest.mark.parametrize("groups", [1, 3, 6, 8])
def test_a_sum_gives_each_group_its_own_term(groups: int) -> None:
    terms = np.random.default_rng(0).normal(size=(5, groups))
    phi = shapley_values(lambda present: terms @ present, groups)
    np.testing.assert_allclose(phi, terms, atol=1e-4)  # Captum's sums are of single precision


def test_each_coalition_is_asked_for_once() -> None:
    asked: list[tuple[bool, ...]] = []

    def game(present: np.ndarray) -> np.ndarray:
        asked.append(tuple(present.tolist()))
        return np.array([float(present.sum() >= 2)])

    phi = shapley_values(game, 3)
    assert len(asked) == len(set(asked)) == 8
    assert phi[0] == pytest.approx([1 / 3] * 3)  # the majority game


def test_of_eight_groups_a_product_of_two_is_halved_and_the_others_get_nothing() -> None:
    phi = shapley_values(lambda present: np.array([4.0 * present[1] * present[6]]), 8)
    assert phi[0] == pytest.approx([0, 2, 0, 0, 0, 0, 2, 0], abs=1e-4)


@pytest.mark.parametrize("groups", [7, 8])
def test_weights_give_what_walking_all_orders_gives(groups: int) -> None:
    # A random game of five groups, to which the others add nothing: by the orders of five it is Captum's.
    values = np.random.default_rng(3).normal(size=(2,) * 5)

    def game(present: np.ndarray) -> np.ndarray:
        return np.array([values[tuple(present[:5].astype(int))]])

    small, large = shapley_values(game, 5), shapley_values(game, groups)
    np.testing.assert_allclose(large[0, :5], small[0], atol=1e-5)
    assert large[0, 5:] == pytest.approx(0, abs=1e-12)


def test_many_groups_are_sampled_around_the_truth() -> None:
    # Ten groups: a sum, and a product of the first three that each get a third of.
    weights = np.arange(10.0)

    def game(present: np.ndarray) -> np.ndarray:
        return np.array([weights @ present + 6.0 * present[:3].all()])

    with pytest.raises(ValueError, match="needs rng"):
        shapley_values(game, 10)
    sampled = np.stack(
        [shapley_values(game, 10, orders=60, rng=np.random.default_rng(seed))[0] for seed in range(40)]
    )
    assert sampled.sum(axis=1) == pytest.approx(np.full(40, weights.sum() + 6))
    np.testing.assert_allclose(sampled[:, 3:], np.tile(weights[3:], (40, 1)))
    # Of the three, one is last in an order, and another one in the same order backwards: a pair of orders
    # gives a group 6 / 2 with probability 2/3, so 2 with a variance of 9 · 2/9 = 2. A mean over 30 pairs has
    # an SD of (2 / 30)**.5 = .258, the mean of 40 such one of .041.
    chance = sampled[:, :3] - weights[:3] - 2
    assert np.abs(chance.mean(axis=0)).max() < 3 * 0.041
    # An SD from 120 draws, two of three of them independent, has a relative error of .08.
    assert chance.std() == pytest.approx(0.258, rel=0.25)


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="not a finite number"):
        shapley_values(lambda present: np.array([np.nan if present.all() else 0.0]), 3)
