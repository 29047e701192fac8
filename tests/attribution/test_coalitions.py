"""Coalition values against dense computation, Shapley values against closed forms and brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.coalition_values import coalition_values
from cfdna_interp.attribution.coalitions import COALITIONS, coalition_index, versions_of
from cfdna_interp.attribution.dataset import EmbeddedBags
from cfdna_interp.attribution.shapley import shapley_of_table
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import crossfit
from cfdna_interp.stats.subjects import by_subject


def game(value) -> np.ndarray:  # type: ignore[no-untyped-def]
    """(1, 8) values of a game given as a function of (length, methylation, tissue) present."""
    return np.array([[value(*present) for present in COALITIONS]], dtype=float)


def brute_force(values: np.ndarray) -> np.ndarray:
    """The definition: the mean marginal contribution over all orders in which groups can join."""
    result = np.zeros((len(values), 3))
    for order in permutations(range(3)):
        present = [False] * 3
        for group in order:
            before = values[:, coalition_index(tuple(present))]
            present[group] = True
            result[:, group] += (values[:, coalition_index(tuple(present))] - before) / 6
    return result


def test_an_additive_game_gives_each_group_its_own_term() -> None:
    phi = shapley_of_table(game(lambda a, b, c: 7 + 2 * a - 3 * b + 0 * c))
    assert phi == pytest.approx(np.array([[2, -3, 0]]))


def test_a_product_is_shared_equally_and_a_bystander_gets_nothing() -> None:
    assert shapley_of_table(game(lambda a, b, c: a * b)) == pytest.approx(np.array([[0.5, 0.5, 0]]))


def test_exclusive_or_cancels() -> None:
    # Joining first adds 1, joining second takes it away: 1/2 · 1 + 1/2 · (−1) = 0 for both.
    assert shapley_of_table(game(lambda a, b, c: a ^ b)) == pytest.approx(np.zeros((1, 3)), abs=1e-12)


def test_the_majority_game_gives_a_third_each() -> None:
    assert shapley_of_table(game(lambda a, b, c: a + b + c >= 2)) == pytest.approx(np.full((1, 3), 1 / 3))


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, (4, 8), elements=st.floats(-50, 50)))
def test_shapley_values_follow_the_definition_and_add_up(values: np.ndarray) -> None:
    phi = shapley_of_table(values)
    # Captum gives single precision: seven digits of values up to 100.
    assert phi == pytest.approx(brute_force(values), abs=2e-5)
    assert phi.sum(axis=1) == pytest.approx(values[:, -1] - values[:, 0], abs=5e-5)


def test_a_duplicated_group_shares_and_values_add() -> None:
    one, other = game(lambda a, b, c: a or b), game(lambda a, b, c: 2 * b * c)
    assert shapley_of_table(one)[0, 0] == shapley_of_table(one)[0, 1]
    assert shapley_of_table(one + other) == pytest.approx(shapley_of_table(one) + shapley_of_table(other))


def test_values_that_are_no_numbers_are_an_error() -> None:
    broken = np.zeros((2, 8))
    broken[1, 3] = np.inf
    with pytest.raises(InputError, match="not a finite number"):
        shapley_of_table(broken)


def test_versions_name_what_was_swapped() -> None:
    assert versions_of((True, True, True)) == (0, 0)
    assert versions_of((False, True, True)) == (1, 1)
    assert versions_of((True, False, True)) == (2, 0)  # only calls outside the blocks are swapped
    assert versions_of((False, True, False)) == (1, 3)
    assert versions_of((False, False, False)) == (3, 3)


def random_cohort(samples: int, seed: int) -> EmbeddedBags:
    generator = torch.Generator().manual_seed(seed)
    labels = np.arange(samples) % 2
    versions = torch.randn(samples, 4, 5, 60, 6, generator=generator)
    versions[..., 0] += torch.from_numpy(labels)[:, None, None, None] * 0.4
    return EmbeddedBags(
        samples=tuple(f"S{i}" for i in range(samples)),
        subjects=tuple(f"P{i}" for i in range(samples)),
        codes=np.arange(samples),
        labels=labels,
        versions=versions,
        touches=torch.rand(samples, 5, 60, generator=generator) < 0.3,
    )


def test_values_from_merged_parts_equal_heads_run_on_assembled_bags() -> None:
    cohort = random_cohort(24, 0)
    fitted = crossfit(
        cohort.versions[:, 0], cohort.labels, cohort.codes, folds=3, rng=np.random.default_rng(1), ensemble=2
    )
    reference = torch.randn(5, 100, 6, generator=torch.Generator().manual_seed(2))
    found = coalition_values(cohort, fitted, reference)
    for number, present in enumerate(COALITIONS):
        names = [group for group, on in zip(BAG_GROUPS, present, strict=True) if on]
        dense = fitted.logits(cohort.coalition(names))
        assert found.values[:, number] == pytest.approx(dense, abs=1e-4)
    by_hand = torch.stack([head(reference) for head in fitted.heads[fitted.fold[7]]]).mean(dim=0)
    assert found.reference[7] == pytest.approx(by_hand.numpy(), abs=1e-5)


def test_samples_of_a_subject_are_averaged() -> None:
    values = np.array([[1.0, 10.0], [3.0, 30.0], [5.0, 50.0]])
    assert by_subject(np.array([2, 0, 2]), values).tolist() == [[3.0, 30.0], [3.0, 30.0]]
    assert by_subject(np.array([2, 0, 2]), values[:, 0]).tolist() == [3.0, 3.0]
