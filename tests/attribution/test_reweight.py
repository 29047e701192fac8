"""Reweighting: planted tilts are undone, what stays is left alone, poor weights are not given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import toy_fragments

from cfdna_interp.attribution.coalitions import COALITIONS
from cfdna_interp.attribution.interventions.margins import FLOOR, ReferenceMargins
from cfdna_interp.attribution.interventions.reweight import Reweighted, coalition_weights
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs

BAG = 4_000
ALL = COALITIONS.index((True, True, True))
NONE = COALITIONS.index((False, False, False))


@pytest.fixture(scope="module")
def pool() -> FragmentInputs:
    return toy_fragments(60_000, np.random.default_rng(1))


@pytest.fixture(scope="module")
def margins(pool: FragmentInputs) -> ReferenceMargins:
    return ReferenceMargins(pool, bag_size=BAG)


def level(fragments: FragmentInputs) -> np.ndarray:
    return (fragments.states == 1).sum(axis=1) / np.maximum(fragments.counts, 1)


def summaries(fragments: FragmentInputs, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean length, mean level of called fragments outside blocks, the same inside."""
    weights = np.ones(len(fragments)) if weights is None else weights
    outside = (fragments.locus == 0) & (fragments.counts > 0)
    inside = (fragments.locus > 0) & (fragments.counts > 0)
    share = level(fragments)
    return np.array(
        [
            np.average(fragments.length, weights=weights),
            np.average(share[outside], weights=weights[outside]),
            np.average(share[inside], weights=weights[inside]),
        ]
    )


def test_what_goes_is_the_references_and_what_stays_is_the_samples(
    pool: FragmentInputs, margins: ReferenceMargins
) -> None:
    bag = toy_fragments(BAG, np.random.default_rng(2), length=0.4, methylation=-0.3, tissue=0.5)
    result = coalition_weights(bag, margins)
    assert result.valid.all() and result.reason == ""
    own, reference = summaries(bag), summaries(pool)
    # Planted: 8 bp shorter, .9 * .3 * sqrt(.21) = .12 less and .9 * .25 = .23 more methylated.
    assert (np.abs(own - reference - [-8, -0.12, 0.23]) < [1.5, 0.04, 0.08]).all()
    for present, weights in zip(COALITIONS, result.weights, strict=True):
        wanted = np.where(present, own, reference)
        # The pool's context differs a little from the bag's, and within joined classes the bag's own remains.
        assert (np.abs(summaries(bag, weights) - wanted) < [0.6, 0.012, 0.02]).all()


def test_every_marginal_holds_in_every_coalition(margins: ReferenceMargins) -> None:
    bag = toy_fragments(BAG, np.random.default_rng(3), length=-0.3, tissue=-0.4)
    result = coalition_weights(bag, margins)
    for present, weights in zip(COALITIONS, result.weights, strict=True):
        for group, stays in zip(margins.groups(bag), present, strict=True):
            shares = np.bincount(group.codes, weights, minlength=len(group.own)) / BAG
            assert np.abs(shares - (group.own if stays else group.reference)).max() < 1e-6
        # Context: the sample's own share of fragments inside blocks, and of each frequent number of calls.
        assert weights[bag.locus > 0].sum() == pytest.approx((bag.locus > 0).sum(), rel=1e-6)
        for calls in range(5):
            assert weights[bag.counts == calls].sum() == pytest.approx((bag.counts == calls).sum(), rel=1e-6)


def test_the_coalition_of_all_is_the_bag_as_it_is(margins: ReferenceMargins) -> None:
    result = coalition_weights(toy_fragments(500, np.random.default_rng(4), length=0.3), margins)
    assert (result.weights[ALL] == 1).all() and result.valid[ALL]
    assert result.effective[ALL] == result.largest[ALL] == 1 and result.moved[ALL] == 0


def test_a_bag_of_the_reference_keeps_weights_near_one(pool: FragmentInputs) -> None:
    # A class of c expected fragments gets a weight with variance of about 1 / c. Lengths have at most some 70
    # classes of 2 bp within three standard deviations (20 bp), the other marginals a dozen: about 80 / 4,000.
    # Measured against five times that: 1 / (1 + .1).
    bag = pool.take(np.random.default_rng(5).permutation(len(pool))[:BAG])
    result = coalition_weights(bag, ReferenceMargins(pool, bag_size=BAG))
    assert result.valid.all() and result.effective.min() > 1 / 1.1
    # The whole pool as a bag: every marginal holds already.
    same = coalition_weights(pool, ReferenceMargins(pool, bag_size=len(pool)))
    np.testing.assert_allclose(same.weights, 1, rtol=1e-6)


def test_weights_undo_a_known_tilt_of_lengths(pool: FragmentInputs) -> None:
    # A bag of the pool's fragments drawn with probability proportional to exp(-(length - 167) / 40): weights
    # without length have to be its inverse, up to scale and the noise of a class of c fragments, 1 / sqrt(c).
    tilt = np.exp(-(pool.length - 167) / 40)
    rng = np.random.default_rng(6)
    bag = pool.take(rng.choice(len(pool), 20_000, p=tilt / tilt.sum()))
    weights = coalition_weights(bag, ReferenceMargins(pool, bag_size=20_000)).weights
    inverse = np.exp((bag.length - 167) / 40)
    inverse /= inverse.mean()
    middle = np.abs(bag.length - 160) < 30
    got = weights[COALITIONS.index((False, True, True))]
    assert np.median(np.abs(got[middle] / inverse[middle] - 1)) < 0.08
    assert np.corrcoef(np.log(got[middle]), np.log(inverse[middle]))[0, 1] > 0.97
    # And nothing is moved where length stays.
    assert np.abs(weights[COALITIONS.index((True, False, False))] - 1).mean() < 0.08


def test_length_is_compared_within_the_context_of_the_bag(pool: FragmentInputs) -> None:
    # Planted: 20 bp per call. A bag with more calls is longer for that alone, and keeps it without length.
    def with_mechanics(fragments: FragmentInputs) -> FragmentInputs:
        return replace(fragments, length=fragments.length + 20 * fragments.counts.astype(np.int32))

    reference = with_mechanics(pool)
    rich = np.where(pool.counts > 2, 2.0, 1.0)
    rows = np.random.default_rng(7).choice(len(pool), BAG, p=rich / rich.sum())
    bag = reference.take(rows)
    assert bag.length.mean() > reference.length.mean() + 7
    weights = coalition_weights(bag, ReferenceMargins(reference, bag_size=BAG)).weights[NONE]
    assert np.average(bag.length, weights=weights) == pytest.approx(bag.length.mean(), abs=2)


def test_the_samples_dependence_between_groups_stays(pool: FragmentInputs, margins: ReferenceMargins) -> None:
    # Lengths in the pool know nothing of methylation; in the bag methylated fragments are 20 bp longer.
    bag = toy_fragments(BAG, np.random.default_rng(8))
    outside = (bag.locus == 0) & (bag.counts > 2)
    high = level(bag) >= 0.75
    bag = replace(bag, length=bag.length + np.where(outside & high, 10, -10).astype(np.int32))
    result = coalition_weights(bag, margins)
    weights = result.weights[NONE]
    assert result.valid[NONE]
    assert (np.abs(summaries(bag, weights) - summaries(pool)) < [0.6, 0.012, 0.02]).all()
    gap = [np.average(bag.length[outside & side], weights=weights[outside & side]) for side in (high, ~high)]
    assert gap[0] - gap[1] > 12


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_weights_belong_to_fragments_not_to_their_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    margins = ReferenceMargins(toy_fragments(5_000, rng), bag_size=600)
    bag = toy_fragments(600, rng, length=0.2, tissue=0.3)
    order = rng.permutation(600)
    first, second = coalition_weights(bag, margins), coalition_weights(bag.take(order), margins)
    np.testing.assert_allclose(second.weights, first.weights[:, order], rtol=1e-6)
    assert (first.valid == second.valid).all()


def invalid(result: Reweighted) -> list[tuple[bool, ...]]:
    assert np.isnan(result.weights[~result.valid]).all() and np.isfinite(result.weights[result.valid]).all()
    return [present for present, valid in zip(COALITIONS, result.valid, strict=True) if not valid]


def test_a_sample_without_the_references_lengths_has_no_value_without_length(
    margins: ReferenceMargins,
) -> None:
    bag = toy_fragments(BAG, np.random.default_rng(9))
    result = coalition_weights(replace(bag, length=np.minimum(bag.length, 150)), margins)
    # Lengths are normal around 167 with SD 20: P(length > 150.5) = .80, less what is in the class of 150.
    assert result.moved[NONE] == pytest.approx(0.80, abs=0.02)
    assert invalid(result) == [present for present in COALITIONS if not present[0]]
    assert (
        result.reason
        == "more than 5% of the reference lies where the sample has no fragment in 4 of 8 coalitions"
    )


def test_too_few_effective_fragments_are_no_value(margins: ReferenceMargins) -> None:
    # Normal lengths shifted by t SD: weights exp(t z) have an effective share of exp(-t^2), for t = 1.2 .24.
    bag = toy_fragments(BAG, np.random.default_rng(10), length=1.2)
    result = coalition_weights(bag, margins)
    assert result.effective[NONE] < 0.30 and not result.valid[NONE]
    assert "effective sample size under 30% of the bag" in result.reason
    assert result.valid[COALITIONS.index((True, False, False))]


def test_one_fragment_that_stands_for_many_is_no_value(pool: FragmentInputs) -> None:
    # 1 fragment in 4,000 for the methylated ones outside blocks with three calls or more: some 500 of 4,000.
    margins = ReferenceMargins(pool, bag_size=BAG)
    bag = toy_fragments(20_000, np.random.default_rng(11))
    high = (bag.locus == 0) & (bag.counts > 2) & (level(bag) >= 0.75)
    rows = np.concatenate([np.flatnonzero(~high)[: BAG - 1], np.flatnonzero(high)[:1]])
    result = coalition_weights(bag.take(rows), margins)
    assert result.largest[NONE] > 100
    assert all(not present[1] for present in invalid(result)) and len(invalid(result)) == 4


def test_loci_that_the_reference_lacks_stay_as_they_are(pool: FragmentInputs) -> None:
    known = ReferenceMargins(pool.take(np.flatnonzero(pool.locus < 3)), bag_size=BAG)
    drawn = toy_fragments(BAG, np.random.default_rng(12), tissue=0.4)
    bag = drawn.take(np.flatnonzero((drawn.locus != 3) | (np.arange(BAG) % 4 == 0)))
    strange = (bag.locus == 3) & (bag.counts > 0)
    result = coalition_weights(bag, known)
    without = COALITIONS.index((True, True, False))
    assert result.valid[without] and result.moved[without] == pytest.approx(strange.mean())
    weights = result.weights[without]
    np.testing.assert_allclose(weights[strange].sum(), strange.sum(), rtol=1e-5)
    seen = (bag.locus > 0) & (bag.locus != 3) & (bag.counts > 0)
    # Levels inside blocks are drawn with probability .5 in the pool: mean level .05 + .9 * .5.
    assert np.average(level(bag)[seen], weights=weights[seen]) == pytest.approx(0.5, abs=0.02)
    own = level(bag)[strange].mean()
    assert np.average(level(bag)[strange], weights=weights[strange]) == pytest.approx(own, abs=0.02)
    assert own > 0.6


def test_loci_of_like_level_are_joined_until_their_rarer_levels_have_enough_fragments() -> None:
    # Loci of 300 fragments with four calls, in a pool as large as the bag. Unmethylated: 3 in loci 1 and 3,
    # 100 in locus 2, 296 in loci 4 and 5; the others are methylated. Beside the commonest level are 3, 3,
    # 100, 4, 4 with a floor of 5: 4 and 5 join, 2 stands alone, 1 and 3 join.
    low = np.array([3, 100, 3, 296, 296])
    locus = np.repeat(np.arange(1, 6), 300)
    methylated = np.concatenate([np.repeat([0, 4], [few, 300 - few]) for few in low])
    called = np.arange(MAX_CALLS) < 4
    fragments = replace(
        toy_fragments(1_500, np.random.default_rng(13)),
        offsets=np.tile(np.where(called, 10 * np.arange(MAX_CALLS), -1), (1_500, 1)).astype(np.int16),
        states=np.where(called, np.arange(MAX_CALLS) < methylated[:, None], -1).astype(np.int8),
        locus=locus.astype(np.int16),
    )
    joined = ReferenceMargins(fragments, bag_size=1_500).context(fragments)[0]
    classes = [np.unique(joined[locus == number]).tolist() for number in range(1, 6)]
    assert classes == [[3], [2], [3], [1], [1]]
    assert FLOOR == 5


def test_a_cohort_without_methylation_has_only_lengths() -> None:
    rng = np.random.default_rng(14)

    def bare(fragments: FragmentInputs) -> FragmentInputs:
        nothing = np.full((len(fragments), MAX_CALLS), -1)
        return replace(
            fragments,
            offsets=nothing.astype(np.int16),
            states=nothing.astype(np.int8),
            locus=np.zeros(len(fragments), np.int16),
        )

    margins = ReferenceMargins(bare(toy_fragments(9_000, rng)), bag_size=900)
    result = coalition_weights(bare(toy_fragments(900, rng, length=0.3)), margins)
    assert result.valid.all()
    for present, weights in zip(COALITIONS, result.weights, strict=True):
        np.testing.assert_allclose(weights, result.weights[ALL if present[0] else NONE], rtol=1e-5)


def test_a_small_pool_makes_wide_classes() -> None:
    # 50 fragments can't tell 2-bp classes: ten classes of lengths at most, however large the bags are.
    pool = toy_fragments(50, np.random.default_rng(15))
    bag = toy_fragments(4_000, np.random.default_rng(16))
    for size in (50, 4_000):
        length = ReferenceMargins(pool, bag_size=size).groups(bag)[0]
        assert 1 < len(length.own) <= 50 / FLOOR
