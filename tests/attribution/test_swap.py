"""The swap intervention: what is replaced, what stays, and whose values come in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import toy_fragments

from cfdna_interp.attribution.interventions.donors import DonorBank
from cfdna_interp.attribution.interventions.swap import swap
from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import FragmentInputs


def bank_of(n: int, seed: int, **tilts: float) -> DonorBank:
    fragments = toy_fragments(n, np.random.default_rng(seed), **tilts)
    return DonorBank(fragments, role="discovery")


def level(fragments: FragmentInputs) -> np.ndarray:
    return (fragments.states == 1).sum(axis=1) / np.maximum(fragments.counts, 1)


@pytest.fixture(scope="module")
def swapped() -> tuple[FragmentInputs, ...]:
    bag = toy_fragments(4_000, np.random.default_rng(1), length=1.0, methylation=-0.8, tissue=0.8)
    return swap(bank_of(30_000, 2), bag, uniform=np.random.default_rng(3).random((4_000, 2))).versions


def test_only_what_a_version_names_is_replaced(swapped: tuple[FragmentInputs, ...]) -> None:
    own, length, calls, both = swapped
    assert (length.states == own.states).all()
    assert (calls.length == own.length).all() and (calls.offsets == own.offsets).all()
    for version in swapped:  # the context stays in every coalition
        assert (version.counts == own.counts).all()
        assert (version.locus == own.locus).all() and (version.region == own.region).all()
    assert (length.length != own.length).mean() > 0.9
    called = own.counts > 0
    assert (both.offsets[called] != own.offsets[called]).any(axis=1).mean() > 0.9


def test_swapped_values_follow_the_donors_distribution(swapped: tuple[FragmentInputs, ...]) -> None:
    own, length, calls, both = swapped
    # Donors have mean 167 bp, SD 20; the bag is one SD shorter. 4,000 draws: SE .32, bound 4 SE.
    assert abs(length.length.mean() - 167) < 1.5 and abs(both.length.mean() - 167) < 1.5
    assert abs(own.length.mean() - 147) < 1.5
    # Donors' fragments are methylated with probability .7 outside blocks, .5 inside, calls flip in 5 %:
    # mean level .05 + .9 p. The bag outside: p = .7 - .8 * sqrt(.21) = .333.
    outside, inside = (own.locus == 0) & (own.counts > 0), (own.locus > 0) & (own.counts > 0)
    for version in (calls, both):
        assert abs(level(version)[outside].mean() - (0.05 + 0.9 * 0.7)) < 0.04
        assert abs(level(version)[inside].mean() - (0.05 + 0.9 * 0.5)) < 0.08
    assert abs(level(own)[outside].mean() - (0.05 + 0.9 * 0.333)) < 0.04


def test_a_donor_gives_length_and_calls_as_one_fragment(swapped: tuple[FragmentInputs, ...]) -> None:
    both = swapped[3]
    donors = bank_of(30_000, 2).fragments
    real = {
        (n, o.tobytes(), s.tobytes())
        for n, o, s in zip(donors.length, donors.offsets, donors.states, strict=True)
    }
    assert all(
        (n, o.tobytes(), s.tobytes()) in real
        for n, o, s in zip(both.length, both.offsets, both.states, strict=True)
    )


def test_systematic_draws_carry_less_noise_than_independent_ones() -> None:
    # Mean swapped length over 60 bags of 1,000: independent draws would scatter by 20 / sqrt(1,000) = .63 bp.
    bank, rng = bank_of(20_000, 2), np.random.default_rng(15)
    bag = toy_fragments(1_000, np.random.default_rng(16))
    means = [swap(bank, bag, rng.random((1_000, 2))).versions[3].length.mean() for _ in range(60)]
    assert np.std(means) < 0.4
    # And they keep the donors' mean and spread: 167 and 20 bp.
    lengths = np.concatenate([swap(bank, bag, rng.random((1_000, 2))).versions[3].length for _ in range(20)])
    assert abs(lengths.mean() - 167) < 1 and abs(lengths.std() - 20) < 0.5
    # Every fragment may still get any donor: one fragment's lengths scatter like the donors' own.
    ones = [swap(bank, bag, uniform=rng.random((1_000, 2))).versions[3].length[0] for _ in range(60)]
    assert 12 < np.std(ones) < 28


def dependent_bank(n: int, seed: int) -> DonorBank:
    """Lengths of donors depend on their methylation: 140 bp if methylated, 200 bp if not."""
    fragments = toy_fragments(n, np.random.default_rng(seed))
    lengths = np.where(level(fragments) >= 0.5, 140, 200).astype(np.int32)
    return DonorBank(replace(fragments, length=lengths), role="discovery")


def test_what_comes_in_fits_the_group_that_stays() -> None:
    # A fragment that is methylated or not among its like gets the length of such a donor. Bag and donors
    # differ by chance: of a context's k fragments, a share p methylated, about .8 sqrt(p (1 - p) / k) have to
    # take a length of the other side. That is .04 at k = 90; most contexts have hundreds.
    bag = toy_fragments(13_500, np.random.default_rng(5))
    uniform = np.random.default_rng(6).random((len(bag), 2))
    _, length, calls, _ = swap(dependent_bank(20_000, 4), bag, uniform).versions
    clear = (bag.counts >= 3) & ((level(bag) <= 0.25) | (level(bag) >= 0.75))
    expected = np.where(level(bag) >= 0.75, 140, 200)
    assert (length.length[clear] == expected[clear]).mean() > 0.96
    # And the other way round: calls follow the length's rank among its like. Own lengths know nothing of
    # methylation, so the shorter half (of a context's .7 or .5 methylated donors) gets methylated ones.
    outside = (bag.counts >= 3) & (bag.locus == 0)
    short, long = bag.length < 160, bag.length > 185
    assert level(calls)[outside & short].mean() > 0.9 and level(calls)[outside & long].mean() < 0.3


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000), tilt=st.floats(-0.9, 0.6), stays=st.floats(-2, 2))
def test_what_comes_in_knows_nothing_of_the_group_that_stays(seed: int, tilt: float, stays: float) -> None:
    # Lengths of donors follow methylation, and the bag is tilted in both: in every context the same lengths
    # and calls come in whether or not the other group stays, so that no coalition mistakes one for the other.
    rng = np.random.default_rng(seed)
    bag = toy_fragments(600, rng, length=stays, methylation=tilt)
    result = swap(dependent_bank(5_000, 7), bag, rng.random((600, 2)))
    _, length, calls, both = result.versions
    found = np.unique(bag.locus * 100 + bag.counts, return_inverse=True)[1]
    for cell in range(found.max() + 1):
        rows = found == cell
        assert np.array_equal(np.sort(length.length[rows]), np.sort(both.length[rows]))
        assert np.array_equal(np.sort(level(calls)[rows]), np.sort(level(both)[rows]))


def test_what_comes_in_does_not_depend_on_whose_bag_it_is() -> None:
    # Retraining on swapped bags must find nothing: mean swapped lengths don't follow a bag's own lengths,
    # although the bags' fragments are in the pool. Left out of it, they would follow them inversely.
    bags = [toy_fragments(1_000, np.random.default_rng(20 + k), length=(k - 5) / 5) for k in range(11)]
    pool = FragmentInputs.concatenate(bags)
    own = np.array([bag.length.mean() for bag in bags])
    slopes = []
    for repeat in range(20):
        rng = np.random.default_rng(repeat)
        bank = DonorBank(pool.take(rng.permutation(len(pool))), role="discovery")
        came = [swap(bank, bag, rng.random((1_000, 2))).versions[3].length.mean() for bag in bags]
        slopes.append(np.polyfit(own, came, 1)[0])
    # Leaving own fragments out would give a slope of -1/10.
    assert abs(np.mean(slopes)) < 4 * np.std(slopes) / np.sqrt(20) < 0.05


def test_what_finds_no_donor_keeps_its_own_value_and_is_counted() -> None:
    bank = toy_fragments(50, np.random.default_rng(9))
    without = bank.take(np.flatnonzero(bank.counts <= 2))
    bag = toy_fragments(400, np.random.default_rng(10))
    result = swap(DonorBank(without, role="discovery"), bag, uniform=np.zeros((400, 2)))
    lonely = bag.counts > 2
    for version in result.versions:
        assert (version.length[lonely] == bag.length[lonely]).all()
        assert (version.states[lonely] == bag.states[lonely]).all()
    assert result.matching["unmatched"] >= lonely.mean() * 0.99


def test_calls_never_come_from_across_the_border_of_the_blocks() -> None:
    # Inside blocks everything is methylated, outside nothing. The pool's inside fragments are of class 1, the
    # bag's of class 2: no donor is of the same class, many outside have as many calls.
    pool, bag = (toy_fragments(n, np.random.default_rng(n)) for n in (4_000, 1_000))
    pool, bag = (
        replace(
            item,
            locus=np.where(item.locus > 0, number, 0).astype(item.locus.dtype),
            states=np.where(item.states < 0, -1, (item.locus > 0)[:, None]).astype(item.states.dtype),
        )
        for item, number in ((pool, 1), (bag, 2))
    )
    result = swap(DonorBank(pool, role="discovery"), bag, np.random.default_rng(1).random((1_000, 2)))
    inside = bag.locus > 0
    assert 0 < inside.sum() < 500
    for version in result.versions[2:]:
        assert (version.states[inside] != 0).all() and (version.states[~inside] != 1).all()
    # Every donor inside is of another class; among all fragments that is as few as lie inside.
    assert result.matching["relaxed_in_blocks"] + result.matching["unmatched_in_blocks"] == 1
    assert result.matching["relaxed"] < inside.mean() + 0.01


def test_the_same_numbers_give_the_same_donors() -> None:
    bag, uniform = toy_fragments(200, np.random.default_rng(11)), np.random.default_rng(12).random((200, 2))
    first, second = (swap(bank_of(5_000, 13), bag, uniform).versions[3] for _ in range(2))
    assert (first.length == second.length).all() and (first.states == second.states).all()


def test_donors_outside_discovery_and_empty_banks_are_errors() -> None:
    fragments = toy_fragments(10, np.random.default_rng(14))
    with pytest.raises(InputError, match="donors must come from the discovery cohort"):
        DonorBank(fragments, role="heldout")
    with pytest.raises(InputError, match="empty"):
        DonorBank(fragments.take(np.arange(0)), role="discovery")
