"""Interactions, performance, removal and agreement, against games solved on paper."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from msgspec.structs import astuple

from cfdna_interp.attribution.coalitions import performance_of
from cfdna_interp.attribution.dataset import COALITION_NAMES, COALITIONS
from cfdna_interp.attribution.summaries import (
    agreement,
    interaction_shares,
    interactions,
    mean_shares,
    performance,
    removal_curves,
)
from cfdna_interp.records.values import Interval

L, M, T = "fragment_length", "methylation", "tissue_of_origin"


def game(rule) -> np.ndarray:
    """Values of one subject, by a function of (length, methylation, tissue) present or not."""
    return np.array([[float(rule(*present)) for present in COALITIONS]])


def test_a_product_of_two_is_their_interaction_and_nobody_elses() -> None:
    found = interactions(game(lambda a, m, t: 3 * (a and m) + 5 * t + 2 * a))
    assert found[(L, M)][0] == pytest.approx(3)
    assert found[(L, T)][0] == pytest.approx(0) and found[(M, T)][0] == pytest.approx(0)


def test_a_product_of_three_gives_each_pair_half() -> None:
    # With the third absent a pair adds nothing, with it 1; the index averages the two.
    found = interactions(game(lambda a, m, t: a and m and t))
    assert [float(value[0]) for value in found.values()] == pytest.approx([0.5, 0.5, 0.5])


@given(values=hnp.arrays(float, (4, 8), elements=st.floats(-5, 5)))
def test_interactions_of_a_sum_of_games_add_up(values: np.ndarray) -> None:
    whole = interactions(values[:2] + values[2:])
    parts = [interactions(values[:2]), interactions(values[2:])]
    for pair, index in whole.items():
        np.testing.assert_allclose(index, parts[0][pair] + parts[1][pair], atol=1e-9)


def test_without_any_movement_an_interaction_has_no_share() -> None:
    assert all(np.isnan(share) for share in interaction_shares(game(lambda a, m, t: 1)).values())


def test_share_of_an_interaction_by_hand() -> None:
    # v = length · methylation: φ = (1/2, 1/2, 0), Σ|φ| = 1, I = 1.
    assert interaction_shares(game(lambda a, m, t: a and m))[(L, M)] == pytest.approx(1.0)


def test_performance_sums_to_the_drop_of_the_loss_and_only_the_used_group_gains() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    logit = 2.0 * (2 * labels - 1) + rng.normal(size=400)
    values = np.stack([logit * present[1] for present in COALITIONS], axis=1)  # methylation says it all
    found = performance(values, labels, labels, seed=1)
    losses = np.logaddexp(0, -(2 * labels - 1) * logit).mean()
    assert found[M].value == pytest.approx(np.log(2) - losses)
    assert found[M].low > 0.2 and found[M].low <= found[M].value <= found[M].high
    for other in (L, T):
        assert found[other] == Interval(value=0.0, low=0.0, high=0.0)


def test_a_group_that_only_adds_noise_makes_the_prediction_worse() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400)
    noise = 3 * rng.normal(size=400)
    values = np.stack([noise * present[0] for present in COALITIONS], axis=1)
    assert performance(values, labels, labels, seed=1)[L].high < 0


def test_performance_against_probabilities_is_their_cross_entropy() -> None:
    # One subject, a target of .8, logit log 4 from methylation alone: the right answer. The loss falls from
    # log 2 to the entropy of .8, .5004.
    values = np.array([[np.log(4) * present[1] for present in COALITIONS]])
    entropy = -0.8 * np.log(0.8) - 0.2 * np.log(0.2)
    expected = [0.0, np.log(2) - entropy, 0.0]
    np.testing.assert_allclose(
        performance_of(values, np.array([0.8]), np.ones((1, 1)))[0], expected, atol=1e-12
    )


def test_removal_by_hand() -> None:
    labels = np.array([0, 1, 0, 1])
    folds = np.array([0, 0, 1, 1])
    sign = 2 * labels - 1
    # Length alone orders each fold; methylation does so the wrong way round, with half the weight.
    values = np.stack([sign * (p[0] - 0.5 * p[1]) + 10.0 * folds for p in COALITIONS], axis=1)
    curves = removal_curves(values, labels, folds, np.array([0.6, 0.4, 0.0]))
    assert [step.auroc for step in curves.deletion] == [1.0, 0.0, 0.5, 0.5]
    assert [step.auroc for step in curves.insertion] == [0.5, 1.0, 1.0, 1.0]
    assert curves.deletion[1].groups == (M, T) and curves.insertion[1].groups == (L,)


def table(values: np.ndarray, intervention: str = "swap", reference: str = "controls") -> pd.DataFrame:
    """The stage's table of (samples, coalitions, donors) values, reference 0."""
    samples, _, donors = values.shape
    keys = product([f"S{i}" for i in range(samples)], COALITION_NAMES, range(donors))
    rows = pd.DataFrame(keys, columns=["sample", "coalition", "donor"])
    rows["intervention"], rows["reference"] = intervention, reference
    rows["value"], rows["reference_value"] = values.reshape(-1), 0.0
    return rows


def test_agreement_gives_shares_intervals_and_order() -> None:
    # φ = (3z, -z, 0) for every donor: shares .75, .25, 0 whoever is drawn.
    z = np.random.default_rng(2).normal(size=30)
    values = np.stack([z * (3 * p[0] - p[1]) for p in COALITIONS], axis=1)[:, :, None].repeat(5, axis=2)
    (entry,) = agreement(table(values), {f"S{i}": i for i in range(30)}, seed=1)
    assert entry.subjects == entry.of == 30 and entry.donors == 5
    shares = entry.shares
    assert shares is not None
    assert shares.order == (L, M, T)
    for group, share in ((L, 0.75), (M, 0.25), (T, 0.0)):
        assert astuple(shares.share[group]) == pytest.approx((share, share, share))
        assert shares.donor_error[group] == pytest.approx(0)
    assert shares.context_and_joint.value == pytest.approx(0)


def test_context_is_what_the_empty_coalition_is_from_the_reference() -> None:
    values = np.stack([2.0 * p[0] + 0.5 + 0 * np.zeros(4) for p in COALITIONS], axis=1)[:, :, None]
    (entry,) = agreement(table(values), {f"S{i}": i for i in range(4)}, seed=1)
    assert entry.shares is not None
    assert entry.shares.context_and_joint.value == pytest.approx(0.25)  # .5 of Σ|φ| = 2


def test_subjects_without_values_are_counted_and_too_many_of_them_say_nothing() -> None:
    z = np.linspace(-1, 1, 10)
    values = np.stack([z * p[0] for p in COALITIONS], axis=1)[:, :, None].repeat(5, axis=2)
    values[0, 3] = np.nan  # one sample without any value
    values[1, 2, 0] = np.nan  # one donor part of another: the other four stand
    codes = {f"S{i}": i for i in range(10)}
    (entry,) = agreement(table(values, "reweight"), codes, seed=1)
    assert entry.shares is not None and (entry.subjects, entry.of) == (9, 10)
    values[:3] = np.nan
    (entry,) = agreement(table(values, "reweight"), codes, seed=1)
    assert entry.shares is None and entry.subjects == 7


def test_samples_of_a_subject_count_once() -> None:
    z = np.array([1.0, 3.0, -2.0])
    values = np.stack([z * p[0] for p in COALITIONS], axis=1)[:, :, None]
    (entry,) = agreement(table(values), {"S0": 0, "S1": 0, "S2": 1}, seed=1)
    assert entry.subjects == 2


def test_shares_of_signed_attributions_by_hand_and_their_interval() -> None:
    # |.| sums: 1 + 3, 2 + 0, 1 + 1 of 8 in all, whatever the signs.
    got = mean_shares(np.array([[1.0, -2.0, 1.0], [-3.0, 0.0, -1.0]]), seed=1)
    assert [got[group].value for group in (L, M, T)] == [0.5, 0.25, 0.25]
    # Redrawn, either subject may be there alone: 1/4 to 3/4, 1/2 to 0, 1/4.
    assert (got[L].low, got[L].high) == (0.25, 0.75)
    assert (got[M].low, got[M].high) == (0.0, 0.5)
    assert (got[T].low, got[T].high) == (0.25, 0.25)


def test_nothing_attributed_has_no_share() -> None:
    got = mean_shares(np.zeros((5, 3)), seed=1)
    assert set(map(astuple, got.values())) == {(None, None, None)}
