"""Coalition values against dense computation, Shapley values against closed forms and brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cfdna_interp.attribution.coalitions import (
    Attributions,
    by_subject,
    coalition_values,
    shapley,
    shares_of,
)
from cfdna_interp.attribution.dataset import COALITIONS, EmbeddedCohort, coalition_index, versions_of
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import crossfit


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
    assert shapley(game(lambda a, b, c: 7 + 2 * a - 3 * b + 0 * c)) == pytest.approx(np.array([[2, -3, 0]]))


def test_a_product_is_shared_equally_and_a_bystander_gets_nothing() -> None:
    assert shapley(game(lambda a, b, c: a * b)) == pytest.approx(np.array([[0.5, 0.5, 0]]))


def test_exclusive_or_cancels() -> None:
    # Joining first adds 1, joining second takes it away: 1/2 · 1 + 1/2 · (−1) = 0 for both.
    assert shapley(game(lambda a, b, c: a ^ b)) == pytest.approx(np.zeros((1, 3)), abs=1e-12)


def test_the_majority_game_gives_a_third_each() -> None:
    assert shapley(game(lambda a, b, c: a + b + c >= 2)) == pytest.approx(np.full((1, 3), 1 / 3))


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, (4, 8), elements=st.floats(-50, 50)))
def test_shapley_values_follow_the_definition_and_add_up(values: np.ndarray) -> None:
    phi = shapley(values)
    # Captum gives single precision: seven digits of values up to 100.
    assert phi == pytest.approx(brute_force(values), abs=2e-5)
    assert phi.sum(axis=1) == pytest.approx(values[:, -1] - values[:, 0], abs=5e-5)


def test_a_duplicated_group_shares_and_values_add() -> None:
    one, other = game(lambda a, b, c: a or b), game(lambda a, b, c: 2 * b * c)
    assert shapley(one)[0, 0] == shapley(one)[0, 1]
    assert shapley(one + other) == pytest.approx(shapley(one) + shapley(other))


def test_values_that_are_no_numbers_are_an_error() -> None:
    broken = np.zeros((2, 8))
    broken[1, 3] = np.inf
    with pytest.raises(InputError, match="no finite number"):
        shapley(broken)


def test_versions_name_what_was_swapped() -> None:
    assert versions_of((True, True, True)) == (0, 0)
    assert versions_of((False, True, True)) == (1, 1)
    assert versions_of((True, False, True)) == (2, 0)  # only calls outside the blocks are swapped
    assert versions_of((False, True, False)) == (1, 3)
    assert versions_of((False, False, False)) == (3, 3)


def random_cohort(samples: int, seed: int) -> EmbeddedCohort:
    generator = torch.Generator().manual_seed(seed)
    labels = np.arange(samples) % 2
    versions = torch.randn(samples, 4, 5, 60, 6, generator=generator)
    versions[..., 0] += torch.from_numpy(labels)[:, None, None, None] * 0.4
    return EmbeddedCohort(
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
        dense = fitted.logits(cohort.coalition(present))
        assert found.values[:, number] == pytest.approx(dense, abs=1e-4)
    by_hand = torch.stack([head(reference) for head in fitted.heads[fitted.fold[7]]]).mean(dim=0)
    assert found.reference[7] == pytest.approx(by_hand.numpy(), abs=1e-5)


def test_samples_of_a_subject_are_averaged() -> None:
    values = np.array([[1.0, 10.0], [3.0, 30.0], [5.0, 50.0]])
    assert by_subject(np.array([2, 0, 2]), values).tolist() == [[3.0, 30.0], [3.0, 30.0]]
    assert by_subject(np.array([2, 0, 2]), values[:, 0]).tolist() == [3.0, 3.0]


def test_shares_by_hand() -> None:
    # Two subjects, additive games: φ = (2, 1, 0) and (−2, 1, 0); v(∅) = .5 and 0, the reference is 0.
    games = [game(lambda a, b, c: 0.5 + 2 * a + b), game(lambda a, b, c: -2 * a + b)]
    values, nothing = np.concatenate(games)[:, :, None], np.zeros((2, 1))
    shares = shares_of(values, nothing)
    # |φ| sums: length 4, methylation 2, in all 6. Context .5 / 6. Logits 3.5 and −1, centred ±2.25;
    # covariance share of length 2.25 · (2 + 2) / (2 · 2.25²) = 4 / 4.5, of methylation 0.
    assert shares.share == pytest.approx([4 / 6, 2 / 6, 0])
    assert shares.covariance == pytest.approx([4 / 4.5, 0, 0])
    assert shares.context == pytest.approx(0.5 / 6)
    assert shares.completeness < 1e-12
    # A subject drawn three times counts three times: |φ| sums 2·3 + 2 and 1·3 + 1.
    assert shares_of(values, nothing, np.array([3.0, 1.0])).share == pytest.approx([8 / 12, 4 / 12, 0])


def test_a_head_that_says_the_same_of_everyone_has_no_shares() -> None:
    shares = shares_of(np.full((4, 8, 5), 1.5), np.full((4, 5), 1.5))
    assert np.isnan(shares.share).all() and np.isnan(shares.covariance).all()


def test_the_draw_of_donors_is_no_context() -> None:
    # 400 subjects, length ±1 adds as it is. v(∅) differs from the reference by noise of SD .5 a donor, of
    # which the mean over 5 keeps .22: a mean size of .18 of Σ|φ| = 1, all of it chance.
    rng = np.random.default_rng(0)
    length = rng.choice([-1.0, 1.0], 400)
    noise = 0.5 * rng.normal(size=(400, 5))
    plain = np.concatenate([game(lambda a, b, c, z=z: z * a) for z in length])[:, :, None]
    values = plain + noise[:, None]
    assert np.abs(noise.mean(axis=1)).mean() > 0.15
    assert shares_of(values, np.zeros((400, 5))).context < 0.08
    # So it is where two of five donors have no value: the mean of three has .5 / √3 = .29, a size of .23.
    three = Attributions.of(values, np.zeros((400, 5)))
    three.gaps[:, 3:] = np.nan
    assert np.abs(noise[:, :3].mean(axis=1)).mean() > 0.2
    assert three.shares().context < 0.1
    # A true difference of SD .3 has a mean size of .3·√(2/π) = .24, and stays.
    true = values + 0.3 * rng.normal(size=(400, 1, 1))
    assert shares_of(true, np.zeros((400, 5))).context == pytest.approx(0.24, abs=0.03)
    # Where donors agree, the definition is left as it is: Σ|v(∅) − reference| / Σ|φ|.
    assert shares_of(plain + 0.25, np.zeros((400, 5))).context == pytest.approx(0.25)
