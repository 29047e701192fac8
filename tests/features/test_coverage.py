from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.features.coverage import coverage_features


def test_by_hand():
    profile = Profile()
    profile.add("window", "chr10:0", [10, 30, 60])
    profile.add("window", "chr2:5000000", [0, 0, 0])
    profile.add("window", "chr2:0", [5, 14, 30])
    features = {feature.name: feature for feature in coverage_features(profile)}
    # Mean of the three windows: 30.
    assert features["coverage_chr10:0"].value == pytest.approx(np.log2(2.01 / 1.01))
    assert features["coverage_chr2:0"].value == 0
    assert features["coverage_chr2:5000000"].value == pytest.approx(np.log2(0.01 / 1.01))
    assert list(features) == ["coverage_chr10:0", "coverage_chr2:0", "coverage_chr2:5000000"]


def test_more_of_the_same_changes_nothing():
    # An empty window lies in a gap of the assembly: it must not become a measure of depth.
    def values(depth: int) -> list[float]:
        profile = Profile()
        for place, share in enumerate((0, 3, 4, 5)):
            profile.add("window", f"chr1:{place}", [0, 0, share * depth])
        return [feature.value for feature in coverage_features(profile)]

    assert values(2_000) == values(100)


def test_nothing_counted():
    assert coverage_features(Profile()) == []
    profile = Profile()
    profile.add("window", "chr1:0", [0, 0, 0])
    assert all(np.isnan(feature.value) for feature in coverage_features(profile))
