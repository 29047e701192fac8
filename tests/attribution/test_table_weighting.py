"""How groups are weighed: by hand, where one has most columns, where groups are equal, where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from table_worlds import GROUPS, cross_fitted_auroc, decide, planted, table_of

from cfdna_interp.attribution.refit import refit_table
from cfdna_interp.attribution.refit_plan import Refit
from cfdna_interp.attribution.tabular.cohort import DiscoveryFeatures, FoldedFeatures, fold_cohort
from cfdna_interp.attribution.tabular.model import Fits, contributions_of, fit
from cfdna_interp.attribution.tabular.refits import fit_model, refit_stacks
from cfdna_interp.attribution.tabular.regression import Regressions
from cfdna_interp.attribution.tabular.rivals import plain_logits
from cfdna_interp.attribution.tabular.weighting import BEHIND, LEAST, STEPS, choose, weightings
from cfdna_interp.stats.roc import mean_auroc

LENGTH, METHYLATION, _ = GROUPS


def folded(world: str, per_class: int, seed: int) -> FoldedFeatures:
    table = planted(world, 2 * per_class, np.random.default_rng([5, seed]))
    return fold_cohort(DiscoveryFeatures.of(table), folds=5, seed=seed)


def names(fits: Fits) -> list[str]:
    """Return what the folds of the first refit chose."""
    return [fits.weighting(number).name for number in range(len(fits.offered))]


def test_weightings_by_hand() -> None:
    # Nine columns and one: five a group on average, roots 9/5 and 1/5. Steps are powers of these.
    rng = np.random.default_rng(1)
    table = table_of(
        {LENGTH: rng.normal(size=(40, 9)), METHYLATION: rng.normal(size=(40, 1))}, np.arange(40) % 2
    )
    encoder = fold_cohort(DiscoveryFeatures.of(table), folds=4, seed=1).folds[0].encoder
    offered = weightings(encoder, GROUPS[:2])
    assert offered[0].weights == {LENGTH: 1.0, METHYLATION: 1.0}
    assert [one.bent for one in offered] == [False] * 6 + [True] * 4
    by_name = {one.name: one for one in offered if not one.bent}
    assert by_name["by columns"].weights == pytest.approx({LENGTH: 1.8**0.5, METHYLATION: 0.2**0.5})
    assert by_name["a third by columns"].weights == pytest.approx(
        {LENGTH: 1.8 ** (1 / 6), METHYLATION: 0.2 ** (1 / 6)}
    )
    assert by_name[METHYLATION].weights == {LENGTH: 1.0, METHYLATION: BEHIND}
    # By columns every feature has the same variance: multiplied by the weights, 5 / 9 * 1.8 = 5 * .2 = 1.
    table_standard = encoder.standardise(table.X)
    spread = table_standard.std(axis=0) * np.repeat(list(by_name["by columns"].weights.values()), [9, 1])
    np.testing.assert_allclose(spread, 1, atol=0.2)
    # A group by itself has nothing to be weighed against.
    assert {one.name for one in weightings(encoder, (LENGTH,)) if not one.bent} <= {"equal"}


def test_a_weighting_is_a_ridge_on_scaled_columns() -> None:
    # Fitted by hand with the columns of the chosen weighting, multiplied as it says.
    one = folded("unequal", 40, 1)
    fits = fit_model(one)
    for number, fold in enumerate(one.folds):
        columns, factors = fits.weighting(number).columns(fold.encoder)
        stack = Regressions(fold.Z[np.ix_(fold.train, columns)] * factors, logistic=True)
        targets = one.cohort.targets[fold.train, None]
        solved = stack.solve(targets, np.ones_like(targets), fits.penalty[number])
        said = (fold.Z[:, columns] * factors) @ solved.coefficient[:, 0] + solved.intercept[0]
        ours = fold.Z @ fits.coefficient[number][:, 0] + fits.intercept[number, 0]
        np.testing.assert_allclose(ours, said, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_group_with_nearly_all_columns_is_not_drowned_by_the_other(seed: int) -> None:
    # 380 and 20 columns, each with the same small effect. With equal groups the model stays .02 to .1 below
    # lengths alone; it has to come within .02 of the best of single groups and plain regression.
    one = folded("unequal", 60, seed)
    model = cross_fitted_auroc(one, fit_model(one))
    rivals = [cross_fitted_auroc(one, fit_model(one, (group,))) for group in one.cohort.names]
    plain = mean_auroc(plain_logits(one), one.cohort.subject_labels, one.fold)
    assert plain is not None
    assert model > max(*rivals, plain) - 0.02
    assert "equal" not in names(fit_model(one))


@pytest.mark.parametrize("world", ["pair", "one and many"])
def test_equal_groups_stay_equal(world: str) -> None:
    # Neither of the two is put behind, nor do columns count; the group of noise in "pair" may be.
    wrong = {LENGTH, METHYLATION, *STEPS}
    chosen = [name for seed in range(10) for name in names(fit_model(folded(world, 40, seed)))]
    assert np.mean([name in wrong for name in chosen]) < 0.1


def test_copies_beside_noise_keep_equal_shares() -> None:
    # Two groups show one latent, the third is noise. By chance a fold may put a copy behind: a tenth at most.
    cohorts = [folded("redundant", 60, seed) for seed in range(8)]
    fitted = [fit_model(one) for one in cohorts]
    assert np.mean([name in GROUPS[:2] for fits in fitted for name in names(fits)]) <= 0.1
    parts = [contributions_of(one, fits).shares().share[0] for one, fits in zip(cohorts, fitted, strict=True)]
    assert np.mean([abs(part[0] - part[1]) for part in parts]) < 0.15


@pytest.mark.parametrize("world", ["pair", "one and many"])
def test_of_equal_groups_with_one_and_with_many_columns_none_is_named_and_none_redundant(world: str) -> None:
    # 100 + 100, effects of 1.2 SD on latents of their own. At most 2 % of such cohorts may be named: two of
    # eight would be rare (P(X >= 2) = .01).
    tables = (planted(world, 200, np.random.default_rng([6, seed])) for seed in range(8))
    outcomes = [
        decide(table, seed, bootstrap=60, permutations=19).outcome for seed, table in enumerate(tables)
    ]
    assert sum(outcome.group is not None for outcome in outcomes) < 2
    assert not any(outcome.outcome == "redundant" for outcome in outcomes)


def test_permuted_labels_choose_anew_and_mostly_the_default() -> None:
    # By the rule a twelfth to a fifth of fits under the null: several weightings may each be lucky.
    one = folded("null", 40, 1)
    rng = np.random.default_rng(2)
    targets = np.stack([rng.permutation(one.cohort.targets) for _ in range(60)], axis=1)
    choice = fit(one, targets).choice
    assert 0 < np.mean(choice > 0) < 0.25
    assert len(np.unique(choice[0])) > 1


def test_a_bootstrap_holds_the_weighting_and_a_permutation_does_not() -> None:
    one = folded("unequal", 40, 3)
    fits = fit_model(one)
    targets = np.tile(one.cohort.targets[:, None], (1, 3))
    rng = np.random.default_rng(4)
    weights = 1.0 + rng.integers(0, 2, size=targets.shape)
    held = fit(one, targets, weights=weights, held=fits)
    np.testing.assert_array_equal(held.choice, np.repeat(fits.choice, 3, axis=1))
    np.testing.assert_array_equal(held.penalty, np.repeat(fits.penalty, 3, axis=1))
    rows = refit_table(
        refit_stacks(one, [Refit("bootstrap", 0), Refit("permutation", 0)], fits, seed=1), seed=1
    )
    shares = rows[rows.group == LENGTH].set_index("kind").share
    assert shares["bootstrap"] > 0.6


def test_the_default_is_left_only_for_more_than_one_standard_error() -> None:
    # The rule by its words, on the same leave-one-out errors.
    one = folded("one and spread", 40, 1)
    fold = one.folds[0]
    offered = weightings(fold.encoder, one.cohort.names)
    stacks = []
    for weighting in offered:
        columns, factors = weighting.columns(fold.encoder)
        stacks.append(Regressions(fold.Z[np.ix_(fold.train, columns)] * factors, logistic=True))
    rng = np.random.default_rng(3)
    own = one.cohort.targets[fold.train]
    targets = np.stack([own, *(rng.permutation(own) for _ in range(19))], axis=1)
    choice, penalty = choose(offered, stacks, targets)
    squares = [stack.left_out(targets) for stack in stacks]
    for problem in range(20):
        default = 0
        for bent in (False, True):
            against = squares[default].squares[:, problem]
            gains = {
                place: against - squares[place].squares[:, problem]
                for place in range(1, len(offered))
                if offered[place].bent == bent
            }
            enough = {
                place: gain.mean()
                for place, gain in gains.items()
                if gain.mean() > max(gain.std(ddof=1) / len(gain) ** 0.5, LEAST * targets[:, problem].var())
            }
            default = max(enough, key=lambda place: enough[place]) if enough else default
        assert choice[problem] == default
        assert penalty[problem] == squares[default].penalty[problem]
