"""A table's model: its encoder, its folds, and contributions against Captum and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import ShapleyValues
from hypothesis import given, settings
from hypothesis import strategies as st
from table_worlds import cross_fitted_auroc, table_of

from cfdna_interp.attribution.tabular.cohort import DiscoveryFeatures, FoldedFeatures, fold_cohort
from cfdna_interp.attribution.tabular.encoding import COMPONENTS, fit_encoder
from cfdna_interp.attribution.tabular.features import feature_contributions, feature_shares
from cfdna_interp.attribution.tabular.model import contributions_of, fit, frozen_logits
from cfdna_interp.attribution.tabular.refits import fit_model
from cfdna_interp.attribution.tabular.regression import Regressions
from cfdna_interp.errors import InputError


def four_groups(rng: np.random.Generator, *, samples: int = 60, missing: float = 0.0) -> FoldedFeatures:
    """Return a folded cohort of four groups of unequal size, one of them wider than there are subjects."""
    labels = np.arange(samples) % 2
    widths = {"fragment_length": 3, "end_motif": 90, "coverage": 1, "mutational_signature": 7}
    blocks = {group: rng.normal(size=(samples, width)) for group, width in widths.items()}
    blocks["fragment_length"] += labels[:, None]
    for block in blocks.values():
        block[rng.random(block.shape) < missing] = np.nan
    return fold_cohort(DiscoveryFeatures.of(table_of(blocks, labels)), folds=3, seed=1)


def test_contributions_are_shapley_values_of_the_mean_over_all_donors() -> None:
    # The game by its definition: absent groups come from one donor after the other, Captum walks the orders.
    folded = four_groups(np.random.default_rng(1), missing=0.05)
    fits = fit_model(folded)
    given = contributions_of(folded, fits)
    for number, fold in enumerate(folded.folds):
        coefficient, intercept = fits.coefficient[number][:, 0], fits.intercept[number, 0]
        owner = np.empty(fold.encoder.dim, dtype=int)
        for place, group in enumerate(folded.cohort.names):
            owner[fold.encoder.spans[group]] = place
        for subject in fold.test[:3]:
            own = fold.Z[subject]

            def value(switches: torch.Tensor, own: np.ndarray = own) -> torch.Tensor:
                mixed = np.where(switches[0].numpy()[owner] > 0.5, own, fold.Z)  # noqa: B023
                return torch.tensor([(mixed @ coefficient + intercept).mean()])  # noqa: B023

            walked = ShapleyValues(value).attribute(torch.ones(1, 4).double())
            np.testing.assert_allclose(given.phi[0, subject], walked[0].numpy(), atol=1e-6)
            assert given.base[0, subject] == pytest.approx(float(value(torch.zeros(1, 4))[0]))
            assert given.logit[0, subject] == pytest.approx(float(value(torch.ones(1, 4))[0]))
    assert given.completeness[0] < 1e-12


def test_contributions_by_hand() -> None:
    # One feature a group, none of them constant: z = (x - mean) / sd over training subjects, and a logit
    # b + 2 z1 - z2 gives phi = 2 (z1 - mean z1), -(z2 - mean z2), means over all discovery subjects.
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30, 2))
    table = table_of({"fragment_length": x[:, :1], "coverage": x[:, 1:]}, np.arange(30) % 2)
    folded = fold_cohort(DiscoveryFeatures.of(table), folds=3, seed=1)
    fits = fit(folded, folded.cohort.targets[:, None])
    # Each group is its line and its bend.
    coefficient = tuple(np.array([[2.0], [0.0], [-1.0], [0.0]]) for _ in range(3))
    by_hand = replace(fits, coefficient=coefficient, intercept=np.ones((3, 1)))
    given = contributions_of(folded, by_hand)
    train = folded.fold != 0
    held = np.clip(x, x[train].min(axis=0), x[train].max(axis=0))
    z = (held - x[train].mean(axis=0)) / x[train].std(axis=0)
    expected = (z - z.mean(axis=0)) * [2.0, -1.0]
    np.testing.assert_allclose(given.phi[0, ~train], expected[~train], atol=1e-12)
    np.testing.assert_allclose(given.base[0, ~train], 1 + z.mean(axis=0) @ [2.0, -1.0], atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16), features=st.integers(1, 60))
def test_components_lose_nothing_where_none_is_left_out(seed: int, features: int) -> None:
    # A ridge on all principal components is the ridge on the standardised features: the same logits.
    rng = np.random.default_rng(seed)
    X, labels = rng.normal(size=(40, features)), np.arange(40) % 2
    people = np.eye(40)
    places = {"end_motif": np.arange(features)}
    encoder = fit_encoder(X, people, places, random_state=0)
    standard = encoder.standardise(X)
    one = np.ones((40, 1)), np.array([10.0])
    targets = labels[:, None].astype(float)
    plain = Regressions(standard, logistic=True).solve(targets, *one)
    straight = encoder.encode(X)[:, : encoder.bent["end_motif"].start]
    turned = Regressions(straight, logistic=True).solve(targets, *one)
    said = standard @ plain.coefficient + plain.intercept
    np.testing.assert_allclose(straight @ turned.coefficient + turned.intercept, said, atol=1e-4)
    coefficient = np.zeros(encoder.dim)
    coefficient[: len(turned.coefficient)] = turned.coefficient[:, 0]
    added = encoder.by_feature(X, coefficient)
    np.testing.assert_allclose(added, standard * plain.coefficient[:, 0], atol=1e-3)
    assert encoder.explained["end_motif"] == pytest.approx(1.0)


def test_a_very_wide_group_keeps_its_leading_components() -> None:
    # 300 features of one latent: the first axis holds nearly all of what they have in common.
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 1)) + 0.1 * rng.normal(size=(400, 300))
    encoder = fit_encoder(X, np.eye(400), {"end_motif": np.arange(300)}, random_state=0)
    assert encoder.axes["end_motif"].shape == (300, COMPONENTS)
    assert 0.99 < encoder.explained["end_motif"] < 1
    np.testing.assert_allclose(
        encoder.axes["end_motif"].T @ encoder.axes["end_motif"], np.eye(COMPONENTS), atol=1e-9
    )


def test_gaps_constants_and_empty_columns_say_nothing() -> None:
    # The median of 1, 2, 9 is 2; a constant and a column without values are 0 for everybody.
    X = np.array([[1.0, 5.0, np.nan], [2.0, 5.0, np.nan], [9.0, 5.0, np.nan], [np.nan, 5.0, np.nan]])
    encoder = fit_encoder(X, np.eye(4), {"coverage": np.arange(3)}, random_state=0)
    assert encoder.median.tolist() == [2.0, 5.0, 0.0]
    standard = encoder.standardise(X)
    assert standard[3, 0] == standard[1, 0]
    assert not standard[:, 1:].any()


def test_groups_have_one_variance_whatever_their_number_of_columns() -> None:
    # Five varying columns (a constant counts for none) and one: their mean is 3 a group, so each has a total
    # variance of 3, .6 a column and 3.
    rng = np.random.default_rng(13)
    X = np.column_stack([rng.normal(size=(50, 5)), np.ones(50), 7 + 100 * rng.normal(size=50)])
    places = {"end_motif": np.arange(6), "coverage": np.array([6])}
    encoder = fit_encoder(X, np.eye(50), places, random_state=0)
    np.testing.assert_allclose(encoder.standardise(X).var(axis=0), [0.6] * 5 + [0, 3])
    # So have their lines and their bends.
    encoded = encoder.encode(X)
    for group, span in encoder.spans.items():
        turn = encoder.bent[group].start
        for part in (slice(span.start, turn), slice(turn, span.stop)):
            assert encoded[:, part].var(axis=0).sum() == pytest.approx(3)


def test_a_value_beyond_the_training_range_counts_as_the_furthest() -> None:
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    encoder = fit_encoder(X, np.eye(4), {"coverage": np.arange(1)}, random_state=0)
    far = encoder.standardise(np.array([[-50.0], [1e6], [2.0]]))
    np.testing.assert_array_equal(far, encoder.standardise(np.array([[0.0], [3.0], [2.0]])))


def test_the_encoder_of_a_fold_never_sees_its_test_subjects() -> None:
    rng = np.random.default_rng(5)
    labels = np.arange(40) % 2
    block = rng.normal(size=(40, 4))
    folded = fold_cohort(DiscoveryFeatures.of(table_of({"coverage": block}, labels)), folds=4, seed=1)
    changed = block.copy()
    changed[folded.fold == 0] += 100
    again = fold_cohort(DiscoveryFeatures.of(table_of({"coverage": changed}, labels)), folds=4, seed=1)
    np.testing.assert_array_equal(again.fold, folded.fold)
    np.testing.assert_array_equal(again.folds[0].encoder.mean, folded.folds[0].encoder.mean)
    first, second = fit_model(folded), fit_model(again)
    np.testing.assert_array_equal(first.coefficient[0], second.coefficient[0])


def test_several_samples_of_a_subject_count_as_one() -> None:
    # A subject listed three times with the same values is a subject listed once; with unequal ones its logit
    # is the mean of theirs.
    rng = np.random.default_rng(6)
    labels, block = np.arange(30) % 2, rng.normal(size=(30, 3))
    who = np.repeat(np.arange(30), np.where(np.arange(30) < 10, 3, 1))
    once = fold_cohort(DiscoveryFeatures.of(table_of({"coverage": block}, labels)), folds=3, seed=1)
    often = fold_cohort(
        DiscoveryFeatures.of(table_of({"coverage": block[who]}, labels[who], subjects=who)), folds=3, seed=1
    )
    np.testing.assert_allclose(
        contributions_of(once, fit_model(once)).phi, contributions_of(often, fit_model(often)).phi, atol=1e-9
    )
    noisy = block[who] + rng.normal(size=(len(who), 3))
    folded = fold_cohort(
        DiscoveryFeatures.of(table_of({"coverage": noisy}, labels[who], subjects=who)), folds=3, seed=1
    )
    fits = fit_model(folded)
    by_sample = contributions_of(folded, fits, samples=True).logit[0]
    averaged = np.bincount(who, by_sample) / np.bincount(who)
    np.testing.assert_allclose(contributions_of(folded, fits).logit[0], averaged, atol=1e-12)


def test_features_add_up_to_their_group() -> None:
    folded = four_groups(np.random.default_rng(7), missing=0.1)
    fits = fit_model(folded)
    phi, given = feature_contributions(folded, fits), contributions_of(folded, fits)
    for place, columns in enumerate(folded.cohort.groups.values()):
        np.testing.assert_allclose(phi[:, columns].sum(axis=1), given.phi[0, :, place], atol=1e-10)


def test_the_feature_that_carries_the_label_is_the_one_whose_interval_excludes_zero() -> None:
    rng = np.random.default_rng(8)
    labels = np.arange(200) % 2
    lengths, others = rng.normal(size=(200, 5)), rng.normal(size=(200, 5))
    lengths[:, 3] += 2 * labels
    folded = fold_cohort(
        DiscoveryFeatures.of(table_of({"fragment_length": lengths, "coverage": others}, labels)),
        folds=5,
        seed=1,
    )
    draws = np.stack([np.bincount(rng.integers(0, 200, 200), minlength=200) for _ in range(300)])
    table = feature_shares(folded, fit_model(folded), draws.astype(float)).set_index("feature")
    assert table["mean_abs_phi"].idxmax() == "fragment_length_3"
    assert table.loc["fragment_length_3", "low"] > 0
    assert table["share"].sum() == pytest.approx(1)
    assert (table.drop("fragment_length_3")["share"] < 0.1).all()


def test_a_group_that_is_left_out_has_no_coefficient_and_without_any_there_is_chance() -> None:
    folded = four_groups(np.random.default_rng(9))
    without = contributions_of(folded, fit_model(folded, ("end_motif", "coverage")))
    assert not without.phi[0][:, [0, 3]].any()
    assert without.phi[0][:, 1].any()
    assert cross_fitted_auroc(folded, fit_model(folded, ())) == 0.5


def test_a_frozen_score_is_the_mean_over_folds() -> None:
    folded = four_groups(np.random.default_rng(10))
    fits = fit_model(folded)
    new = np.random.default_rng(11).normal(size=(2, 101))
    encoded = [fold.encoder.encode(new) for fold in folded.folds]
    each = [z @ c[:, 0] + b[0] for z, c, b in zip(encoded, fits.coefficient, fits.intercept, strict=True)]
    np.testing.assert_allclose(frozen_logits(fits, encoded), (each[0] + each[1] + each[2]) / 3)


def test_a_class_smaller_than_the_folds_is_refused() -> None:
    labels = np.array([1, 1, *[0] * 20])
    cohort = DiscoveryFeatures.of(
        table_of({"coverage": np.random.default_rng(12).normal(size=(22, 3))}, labels)
    )
    with pytest.raises(InputError, match="2 discovery subjects with label 1 are too few for 3 folds"):
        fold_cohort(cohort, folds=3, seed=1)
