"""What the rule says of tables whose truth is planted, and of tables where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from table_worlds import GROUPS, Decision, decide, planted, table_of

from cfdna_interp.attribution.refit import refit_table
from cfdna_interp.attribution.refit_plan import Refit
from cfdna_interp.attribution.tabular.cohort import DiscoveryFeatures, fold_cohort
from cfdna_interp.attribution.tabular.refits import fit_model, refit_stacks

LENGTH, METHYLATION, COVERAGE = GROUPS


def decided(world: str, seed: int, subjects: int = 120) -> Decision:
    return decide(planted(world, subjects, np.random.default_rng(seed)), seed)


def cohorts_named(world: str, cohorts: int, *, first: int, bootstrap: int) -> int:
    """Return in how many cohorts of 30 subjects a class any group is named."""
    tables = (planted(world, 60, np.random.default_rng(first + seed)) for seed in range(cohorts))
    groups = [
        decide(table, seed, bootstrap=bootstrap, permutations=19).outcome.group
        for seed, table in enumerate(tables)
    ]
    return sum(group is not None for group in groups)


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_group_is_dominant(seed: int) -> None:
    decision = decided("length", seed)
    assert (decision.outcome.outcome, decision.outcome.group) == ("dominant", LENGTH)
    # Not used where the share of noise is below a tenth; above it that can't be told of 120 subjects.
    assert decision.outcome.roles[LENGTH] == "carrier"
    assert {decision.outcome.roles[group] for group in (METHYLATION, COVERAGE)} <= {"unused", "unclear"}


@pytest.mark.parametrize("seed", range(3))
def test_two_copies_of_one_latent_are_redundant(seed: int) -> None:
    decision = decided("redundant", seed)
    assert (decision.outcome.outcome, decision.outcome.group) == ("redundant", None)


def test_noise_that_a_group_shares_with_the_carrier_makes_a_suppressor() -> None:
    # methylation = signal + 1.5 length: length alone is noise, and the model takes it off. Length is never
    # the finding, whether or not methylation leads it surely enough to be named.
    outcomes = [decided("suppressor", seed, subjects=200).outcome for seed in range(6)]
    assert sum(outcome.outcome == "suppressor" for outcome in outcomes) >= 5
    for outcome in outcomes:
        assert outcome.group in (METHYLATION, None)
        assert outcome.roles[LENGTH] in ("suppressor", "partner")


@pytest.mark.parametrize("world", ["product", "null"])
@pytest.mark.parametrize("seed", range(3))
def test_where_a_linear_model_sees_nothing_nothing_is_named(world: str, seed: int) -> None:
    # The product of two latents is no linear signal: half of each class lies on either side of any plane.
    decision = decided(world, seed)
    assert decision.outcome.outcome in ("none", "can't tell")
    assert decision.outcome.group is None


def test_permuted_labels_name_a_group_in_a_twentieth_of_cohorts_at_most() -> None:
    # The rule asks for a contribution above the 95 % quantile of permuted refits, so at most 5 % of null
    # cohorts can pass, and the lead that it asks for too passes fewer: four of 20 would be rare
    # (P(X >= 4) = .016 of a binomial with 5 %).
    assert cohorts_named("null", 20, first=100, bootstrap=20) < 4


def test_of_two_groups_with_the_same_effect_neither_is_named() -> None:
    # The lead has to hold at the 1 % quantile of bootstraps, on either side, so 2 % of cohorts at most can
    # be named: four of 25 would be rare (P(X >= 4) = .0015 of a binomial with 2 %).
    assert cohorts_named("pair", 25, first=300, bootstrap=60) < 4


def test_independent_groups_of_the_same_effect_are_not_called_redundant() -> None:
    # Two groups that seem to tell the same by chance need a correlation that one pair in a hundred has, and
    # have to cost little as well: two of 15 cohorts would be rare (P(X >= 2) = .01 of a binomial with 1 %).
    for world in ("pair", "equal"):
        tables = [planted(world, 60, np.random.default_rng([11, seed])) for seed in range(15)]
        told = [
            decide(table, seed, bootstrap=20, permutations=19).outcome for seed, table in enumerate(tables)
        ]
        assert sum(outcome.outcome == "redundant" for outcome in told) < 2


@pytest.mark.parametrize("seed", range(4))
def test_one_weak_group_is_named_or_left_open_and_never_refused(seed: int) -> None:
    # One group carries everything, d = 1, 30 subjects a class: too few to name it, and no proof.
    outcome = decided("one", 20 + seed, subjects=60).outcome
    assert outcome.group in (LENGTH, None)
    assert not outcome.excluded
    # Ten times as many name it.
    assert decided("one", 20 + seed, subjects=600).outcome.group == LENGTH


def test_that_a_group_leads_is_excluded_where_groups_are_equal_and_subjects_many() -> None:
    # ``plan reliance``: with three effects of 1 SD about 443 of a class exclude a lead in 80 % of cohorts.
    outcomes = [decided("equal", seed, subjects=1_600).outcome for seed in range(3)]
    assert [(outcome.outcome, outcome.excluded) for outcome in outcomes] == [("none", True)] * 3
    assert all(set(outcome.roles.values()) == {"carrier"} for outcome in outcomes)


@pytest.mark.parametrize("seed", range(4))
def test_a_foreign_score_is_what_it_reads_and_not_what_tells_the_label(seed: int) -> None:
    decision = decided("misread", seed, subjects=80)
    reached = decision.retraining.cross_fitted_auroc
    assert reached[f"model_only_{METHYLATION}"] > reached[f"model_only_{LENGTH}"]
    assert (decision.outcome.outcome, decision.outcome.group) == ("dominant", LENGTH)
    assert decision.outcome.roles == {LENGTH: "carrier", METHYLATION: "unused", COVERAGE: "unused"}


def test_a_permutation_keeps_the_cases_of_each_fold_and_all_targets() -> None:
    # Otherwise fewer cases to train on would go with more to test on, and chance would look worse than it is.
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 2
    scores = rng.normal(size=60) + labels
    cohort = DiscoveryFeatures.of(
        table_of({LENGTH: rng.normal(size=(60, 3)), COVERAGE: scores[:, None]}, labels, scores=scores)
    )
    folded = fold_cohort(cohort, folds=3, seed=1)
    rows = refit_table(
        refit_stacks(folded, [Refit("permutation", 0), Refit("bootstrap", 0)], fit_model(folded), seed=1),
        seed=1,
    )
    again = refit_table(refit_stacks(folded, [Refit("bootstrap", 0)], fit_model(folded), seed=1), seed=1)
    boot = rows[rows.kind == "bootstrap"].reset_index(drop=True)
    np.testing.assert_array_equal(boot["share"], again["share"])  # whatever else is in the chunk
    assert boot.loc[boot.group == COVERAGE, "share"].item() > 0.8
    assert rows.loc[(rows.kind == "permutation") & (rows.group == COVERAGE), "performance"].item() < 0.05


def test_a_score_is_followed_and_what_it_rests_on_is_named() -> None:
    # A foreign score that is a plain sum of length features is the stand-in's own form; one that is noise
    # beside the table is refused by its fidelity.
    rng = np.random.default_rng(2)
    table = planted("length", 120, rng)
    exact = table.X[:, :10].sum(axis=1) / 5
    assert table.labels is not None
    blocks = {group: table.X[:, 10 * i : 10 * i + 10] for i, group in enumerate(GROUPS)}
    followed = decide(table_of(blocks, table.labels, scores=exact), 1, fidelity=0.98)
    assert (followed.outcome.outcome, followed.outcome.group) == ("dominant", LENGTH)
    logit = fit_model(followed.folded)
    assert followed.folded.cohort.logistic is False
    said = np.concatenate(
        [
            fold.Z[fold.test] @ logit.coefficient[i][:, 0] + logit.intercept[i, 0]
            for i, fold in enumerate(followed.folded.folds)
        ]
    )
    target = np.concatenate([exact[fold.test] for fold in followed.folded.folds])
    assert np.corrcoef(said, target)[0, 1] > 0.99
    loose = decide(table_of(blocks, table.labels, scores=exact), 1, fidelity=0.5)
    assert (loose.outcome.outcome, loose.outcome.group) == ("can't tell", None)


def test_a_group_is_not_favoured_for_having_many_columns() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], 60)
    signal = 2.5 * labels + rng.normal(size=120)
    noise = decide(table_of({LENGTH: signal[:, None], COVERAGE: rng.normal(size=(120, 40))}, labels), 1)
    assert (noise.outcome.outcome, noise.outcome.group) == ("dominant", LENGTH)
    # One column and forty that tell the same have half of it each: a ridge splits the coefficient of one
    # latent value over what shows it by variances, and both groups have the same.
    copies = signal[:, None] + 0.01 * rng.normal(size=(120, 40))
    same = decide(table_of({LENGTH: signal[:, None], COVERAGE: copies}, labels), 1)
    assert same.outcome.outcome == "redundant"
    np.testing.assert_allclose(same.figures.share, [0.5, 0.5], atol=0.02)
