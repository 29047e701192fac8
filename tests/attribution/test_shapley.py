"""Shapley values of games solved on paper, exact and sampled."""

from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.attribution.shapley import contributions
from cfdna_interp.errors import InputError


@pytest.mark.parametrize("groups", [1, 3, 6, 8])
def test_a_sum_gives_each_group_its_own_term(groups: int) -> None:
    terms = np.random.default_rng(0).normal(size=(5, groups))
    found = contributions(lambda present: terms @ present, groups)
    np.testing.assert_allclose(found.phi, terms, atol=1e-4)  # Captum's sums are of single precision
    assert found.coalitions == 2**groups and not found.error.any()


def test_each_coalition_is_asked_for_once() -> None:
    asked: list[tuple[bool, ...]] = []

    def game(present: np.ndarray) -> np.ndarray:
        asked.append(tuple(present.tolist()))
        return np.array([float(present.sum() >= 2)])

    found = contributions(game, 3)
    assert len(asked) == len(set(asked)) == 8
    assert found.phi[0] == pytest.approx([1 / 3] * 3)  # the majority game


def test_of_eight_groups_a_product_of_two_is_halved_and_the_others_get_nothing() -> None:
    found = contributions(lambda present: np.array([4.0 * present[1] * present[6]]), 8)
    assert found.phi[0] == pytest.approx([0, 2, 0, 0, 0, 0, 2, 0], abs=1e-4)


@pytest.mark.parametrize("groups", [7, 8])
def test_weights_give_what_walking_all_orders_gives(groups: int) -> None:
    # A random game of five groups, to which the others add nothing: by the orders of five it is Captum's.
    values = np.random.default_rng(3).normal(size=(2,) * 5)

    def game(present: np.ndarray) -> np.ndarray:
        return np.array([values[tuple(present[:5].astype(int))]])

    small, large = contributions(game, 5), contributions(game, groups)
    np.testing.assert_allclose(large.phi[0, :5], small.phi[0], atol=1e-5)
    assert large.phi[0, 5:] == pytest.approx(0, abs=1e-12) and large.coalitions == 2**groups


def test_many_groups_are_sampled_with_errors_that_hold() -> None:
    # Ten groups: a sum, and a product of the first three that each get a third of.
    weights = np.arange(10.0)

    def game(present: np.ndarray) -> np.ndarray:
        return np.array([weights @ present + 6.0 * present[:3].all()])

    truth = weights + np.array([2.0] * 3 + [0.0] * 7)
    inside, total = 0, 0
    for seed in range(40):
        found = contributions(game, 10, orders=60, rng=np.random.default_rng(seed))
        assert found.phi.sum() == pytest.approx(weights.sum() + 6)
        assert found.phi[0, 3:] == pytest.approx(weights[3:]) and not found.error[0, 3:].any()
        assert (found.error[0, :3] > 0).all()
        inside += int((np.abs(found.phi[0, :3] - truth[:3]) <= 2 * found.error[0, :3]).sum())
        total += 3
    # Two standard errors of a mean over 30 pairs hold the truth with probability .945: 113 of 120, SD 2.5 and
    # more since the three add up.
    assert inside >= 102 and total == 120
    with pytest.raises(ValueError, match="needs rng"):
        contributions(game, 10)


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="no finite number"):
        contributions(lambda present: np.array([np.nan if present.all() else 0.0]), 3)
