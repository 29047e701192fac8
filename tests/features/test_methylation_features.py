from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.features.methylation import entropy, methylation_features


def values(cells: dict[str, int]):
    profile = Profile()
    for key, count in cells.items():
        profile.add("methylation", key, [count])
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
