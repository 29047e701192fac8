from __future__ import annotations

from math import comb, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.features.methylation import (
    discordance,
    entropy,
    epipolymorphism,
    methylation_by_length_features,
    methylation_features,
    pattern_entropy,
)


def values(cells: dict[str, int], **others: dict[str, list[int]]):
    profile = Profile()
    for key, count in cells.items():
        profile.add("methylation", key, [count])
    for kind, found in others.items():
        for key, counts in found.items():
            profile.add(f"methylation_{kind}", key, counts)
    return {feature.name: (feature.value, feature.n) for feature in methylation_features(profile)}


def test_by_hand():
    # 10 fragments 4:4, 6 of 4:0, 4 of 4:1, 5 of 2:1 (too few calls for a pattern).
    got = values({"4:4": 10, "4:0": 6, "4:1": 4, "2:1": 5})
    assert got["methylation_level"] == ((40 + 4 + 5) / 90, 90)
    # Entropy of 1/4: 0.25 * 2 + 0.75 * log2(4/3) = 0.8113 bit, in 4 of 20 fragments.
    assert got["methylation_entropy"][0] == pytest.approx(0.8112781 * 4 / 20, abs=1e-7)
    assert got["methylation_discordance"] == (4 / 20, 20)
    assert got["methylation_fully_methylated"] == (10 / 20, 20)
    assert got["methylation_fully_unmethylated"] == (6 / 20, 20)


def test_entropy_at_its_corners():
    np.testing.assert_allclose(entropy(np.array([0.0, 0.5, 1.0])), [0, 1, 0])


def test_random_calls_are_discordant_and_ordered_ones_are_not():
    # Independent calls at one half, 4 a fragment: binomial weights 1 4 6 4 1; 14 of 16 discordant.
    got = values({"4:0": 1, "4:1": 4, "4:2": 6, "4:3": 4, "4:4": 1})
    assert got["methylation_discordance"][0] == pytest.approx(14 / 16)
    ordered = values({"4:0": 8, "4:4": 8})
    assert ordered["methylation_discordance"][0] == 0
    assert ordered["methylation_level"][0] == got["methylation_level"][0] == 0.5


def test_missing_is_not_zero():
    assert all(np.isnan(value) for value, _ in values({}).values())
    few = values({"2:1": 5})
    assert few["methylation_level"][0] == 0.5
    assert np.isnan(few["methylation_discordance"][0])


@given(st.integers(4, 40), st.floats(0, 1))
def test_discordance_does_not_follow_the_number_of_calls(calls, level):
    # Independent calls: four of them agree with probability p^4 + (1 - p)^4, however many there are.
    weights = [comb(calls, m) * level**m * (1 - level) ** (calls - m) for m in range(calls + 1)]
    expected = sum(w * discordance(calls, m) for m, w in enumerate(weights))
    assert expected == pytest.approx(1 - level**4 - (1 - level) ** 4, abs=1e-9)


def test_discordance_by_hand():
    assert [discordance(4, m) for m in range(5)] == [0, 1, 1, 1, 0]
    # One of five calls differs: it is left out in one of five choices of four.
    assert discordance(5, 1) == pytest.approx(0.8)
    # 4 + 4: of comb(8, 4) = 70 choices two agree.
    assert discordance(8, 4) == pytest.approx(68 / 70)
    # 10 fragments of 5:1, 10 of 6:6, 5 with too few calls.
    assert values({"5:1": 10, "6:6": 10, "3:1": 5})["methylation_discordance"] == (pytest.approx(0.4), 20)


def test_levels_by_context():
    got = values({"4:4": 10}, context={"island": [3, 30], "shore": [0, 0], "elsewhere": [9, 10]})
    assert got["methylation_level_in_island"] == (0.1, 30)
    assert got["methylation_level_in_elsewhere"] == (0.9, 10)
    assert np.isnan(got["methylation_level_in_shore"][0])
    assert got["methylation_level_in_shore"][1] == 0
    assert not any("_in_" in name for name in values({"4:4": 10}))


def test_epipolymorphism_is_a_share_of_pairs():
    assert values({}, pairs={"4": [6, 8]})["methylation_epipolymorphism"] == (0.75, 8)
    assert np.isnan(epipolymorphism(0, 0))


def test_pattern_entropy_by_hand():
    # Two patterns, 100 fragments each: ln 2 + (2 - 1) / 400 nat, over 4 ln 2.
    assert pattern_entropy(np.array([100, 100])) == pytest.approx((log(2) + 1 / 400) / (4 * log(2)))
    assert pattern_entropy(np.array([0, 500])) == 0
    assert pattern_entropy(np.full(16, 10)) == 1
    assert np.isnan(pattern_entropy(np.array([99])))
    got = values({}, pattern={"0000": [100], "0110": [100]})["methylation_pattern_entropy"]
    assert got == (pattern_entropy(np.array([100, 100])), 200)


def test_levels_by_length():
    profile = Profile()
    rows = (
        (99, 1, 1),
        (100, 1, 4),
        (150, 2, 4),
        (151, 0, 5),
        (220, 5, 5),
        (221, 9, 9),
        (260, 1, 3),
        (400, 0, 1),
    )
    for length, methylated, n in rows:
        profile.add("methylation_length", str(length), [methylated, n])
    got = {f.name: (f.value, f.n, f.group) for f in methylation_by_length_features(profile)}
    assert got == {
        "methylation_level_100_150bp": (3 / 8, 8, "methylation_by_length"),
        "methylation_level_151_220bp": (0.5, 10, "methylation_by_length"),
        "methylation_level_260_400bp": (0.25, 4, "methylation_by_length"),
    }
    assert all(np.isnan(f.value) and f.n == 0 for f in methylation_by_length_features(Profile()))
