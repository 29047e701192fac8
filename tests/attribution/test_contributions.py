"""What follows from contributions, against games solved on paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cfdna_interp.attribution.coalitions import COALITIONS
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.record import performance_intervals
from cfdna_interp.records.values import Interval
from cfdna_interp.stats.resampling import bootstrap_counts

L, M, T = "fragment_length", "methylation", "tissue_of_origin"


def game(rule) -> np.ndarray:
    """Values of one subject, by a function of (length, methylation, tissue) present or not."""
    return np.array([[float(rule(*present)) for present in COALITIONS]])


def of(values: np.ndarray) -> Contributions:
    """Contributions of (subjects, coalitions) values, of one donor pool whose reference is the base."""
    return Contributions.of_values(values[:, :, None], values[:, :1])


def interactions(values: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    return of(values).interactions()


def intervals(values: np.ndarray, labels: np.ndarray) -> dict[str, Interval]:
    """What groups contribute to the log-loss, with intervals over 500 bootstraps within classes."""
    rng = np.random.default_rng(1)
    draws = np.stack([bootstrap_counts(labels, rng) for _ in range(500)])
    return performance_intervals(of(values), labels, draws, seed=1)


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
    assert all(np.isnan(share) for share in of(game(lambda a, m, t: 1)).interaction_shares().values())


def test_share_of_an_interaction_by_hand() -> None:
    # v = length · methylation: φ = (1/2, 1/2, 0), Σ|φ| = 1, I = 1.
    assert of(game(lambda a, m, t: a and m)).interaction_shares()[(L, M)] == pytest.approx(1.0)


def test_performance_sums_to_the_drop_of_the_loss_and_only_the_used_group_gains() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    logit = 2.0 * (2 * labels - 1) + rng.normal(size=400)
    values = np.stack([logit * present[1] for present in COALITIONS], axis=1)  # methylation says it all
    found = intervals(values, labels)
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
    assert intervals(values, labels)[L].high < 0


def test_performance_against_probabilities_is_their_cross_entropy() -> None:
    # One subject, a target of .8, logit log 4 from methylation alone: the right answer. The loss falls from
    # log 2 to the entropy of .8, .5004.
    values = np.array([[np.log(4) * present[1] for present in COALITIONS]])
    entropy = -0.8 * np.log(0.8) - 0.2 * np.log(0.2)
    expected = [0.0, np.log(2) - entropy, 0.0]
    np.testing.assert_allclose(of(values).performance(np.array([0.8]), seed=1), expected, atol=1e-12)


def test_removal_by_hand() -> None:
    labels = np.array([0, 1, 0, 1])
    folds = np.array([0, 0, 1, 1])
    sign = 2 * labels - 1
    # Length alone orders each fold; methylation does so the wrong way round, with half the weight.
    values = np.stack([sign * (p[0] - 0.5 * p[1]) + 10.0 * folds for p in COALITIONS], axis=1)
    curves = of(values).removal(labels, folds)
    assert [step.auroc for step in curves.deletion] == [1.0, 0.0, 0.5, 0.5]
    assert [step.auroc for step in curves.insertion] == [0.5, 1.0, 1.0, 1.0]
    assert curves.deletion[1].groups == (M, T) and curves.insertion[1].groups == (L,)


def test_shares_by_hand() -> None:
    # Two subjects, additive games: φ = (2, 1, 0) and (−2, 1, 0); v(∅) = .5 and 0, the reference is 0.
    games = [game(lambda a, b, c: 0.5 + 2 * a + b), game(lambda a, b, c: -2 * a + b)]
    values, nothing = np.concatenate(games)[:, :, None], np.zeros((2, 1))
    contributions = Contributions.of_values(values, nothing)
    shares = contributions.shares()
    # |φ| sums: length 4, methylation 2, in all 6. Context .5 / 6. Logits 3.5 and −1, centred ±2.25;
    # covariance share of length 2.25 · (2 + 2) / (2 · 2.25²) = 4 / 4.5, of methylation 0.
    assert shares.share == pytest.approx([4 / 6, 2 / 6, 0])
    assert shares.covariance == pytest.approx([4 / 4.5, 0, 0])
    assert shares.context == pytest.approx(0.5 / 6)
    assert contributions.completeness < 1e-12
    # A subject drawn three times counts three times: |φ| sums 2·3 + 2 and 1·3 + 1.
    assert contributions.shares(np.array([3.0, 1.0])).share == pytest.approx([8 / 12, 4 / 12, 0])


def test_a_head_that_says_the_same_of_everyone_has_no_shares() -> None:
    shares = Contributions.of_values(np.full((4, 8, 5), 1.5), np.full((4, 5), 1.5)).shares()
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
    assert Contributions.of_values(values, np.zeros((400, 5))).shares().context < 0.08
    # So it is where two of five donors have no value: the mean of three has .5 / √3 = .29, a size of .23.
    missing = np.zeros((400, 5))
    missing[:, 3:] = np.nan
    three = Contributions.of_values(values, missing)
    assert np.abs(noise[:, :3].mean(axis=1)).mean() > 0.2
    assert three.shares().context < 0.1
    # A true difference of SD .3 has a mean size of .3·√(2/π) = .24, and stays.
    true = values + 0.3 * rng.normal(size=(400, 1, 1))
    assert Contributions.of_values(true, np.zeros((400, 5))).shares().context == pytest.approx(0.24, abs=0.03)
    # Where donors agree, the definition is left as it is: Σ|v(∅) − reference| / Σ|φ|.
    assert Contributions.of_values(plain + 0.25, np.zeros((400, 5))).shares().context == pytest.approx(0.25)


def test_shares_and_contributions_by_hand() -> None:
    # phi = (2, -1), (-2, 1) for a case and a control, no base: shares 4/6 and 2/6; f = 1, -1, so that
    # Cov(phi_1, f) / Var(f) = 2 and Cov(phi_2, f) / Var(f) = -1. Weights 1, 1.
    phi = np.array([[[2.0, -1.0], [-2.0, 1.0]]])
    given = Contributions(("first", "second"), phi, np.zeros((1, 2)), phi.sum(axis=2))
    shares = given.shares()
    np.testing.assert_allclose(shares.share, [[2 / 3, 1 / 3]])
    np.testing.assert_allclose(shares.covariance, [[2.0, -1.0]])
    # Log-losses: none log 2; first alone log(1 + e^-2); second alone log(1 + e); both log(1 + e^-1).
    # phi_1 = ((L0 - L1) + (L2 - L12)) / 2, phi_2 = ((L0 - L2) + (L1 - L12)) / 2.
    none, first, second, both = np.log(2), np.log1p(np.exp(-2)), np.log1p(np.e), np.log1p(np.exp(-1))
    gained = given.performance(np.array([1.0, 0.0]), seed=1)
    expected = [((none - first) + (second - both)) / 2, ((none - second) + (first - both)) / 2]
    np.testing.assert_allclose(gained, [expected], atol=1e-6)


def test_one_model_under_many_weights_is_as_many_models() -> None:
    rng = np.random.default_rng(4)
    phi, base = rng.normal(size=(1, 9, 3)), rng.normal(size=(1, 9))
    names = ("first", "second", "third")
    one = Contributions(names, phi, base, base + phi.sum(axis=2))
    weights = rng.integers(1, 4, size=(5, 9)).astype(float)
    many = Contributions(names, *(np.repeat(part, 5, axis=0) for part in (one.phi, one.base, one.logit)))
    targets = (np.arange(9) % 2).astype(float)
    for field in ("share", "covariance", "context"):
        np.testing.assert_allclose(
            getattr(one.shares(weights), field), getattr(many.shares(weights), field), atol=1e-12
        )
    np.testing.assert_allclose(
        one.performance(targets, weights, seed=1), many.performance(targets, weights, seed=1), atol=1e-6
    )


@pytest.mark.parametrize("groups", [3, 10])
def test_a_model_that_adds_up_is_the_game_of_its_sums(groups: int) -> None:
    rng = np.random.default_rng(7)
    phi, base = rng.normal(size=(20, groups)), rng.normal(size=20)
    names = tuple(f"group_{number}" for number in range(groups))
    adding = Contributions(names, phi, base, base + phi.sum(axis=1))
    present = rng.random(groups) < 0.5
    assert adding.value(present) == pytest.approx(base + phi[:, present].sum(axis=1))
    shares = adding.shares()
    assert shares.share == pytest.approx(np.abs(phi).sum(axis=0) / np.abs(phi).sum())
    assert shares.context == 0 and set(adding.interaction_shares().values()) == {0.0}
    # What groups contribute sums to the loss of the base less that of all, whichever orders are walked.
    labels = (np.arange(20) % 2).astype(float)
    loss = [(np.logaddexp(0, logit) - labels * logit).mean() for logit in (base, adding.logit)]
    assert adding.performance(labels, seed=1).sum() == pytest.approx(loss[0] - loss[1], abs=1e-5)


def test_one_refit_of_several() -> None:
    rng = np.random.default_rng(8)
    phi, base = rng.normal(size=(4, 6, 2)), rng.normal(size=(4, 6))
    several = Contributions(("first", "second"), phi, base, base + phi.sum(axis=2))
    assert several.refit(2).shares().share == pytest.approx(several.shares().share[2])
    assert several.completeness == pytest.approx(np.zeros(4), abs=1e-12)
