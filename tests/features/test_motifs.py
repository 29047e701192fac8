from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.artifacts.fragments import MOTIFS
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.features.motifs import diversity, motif_features


def values(counts: dict[str, int]):
    profile = Profile()
    for motif, count in counts.items():
        profile.add("motif", motif, [count])
    return {feature.name: feature.value for feature in motif_features(profile)}


def test_diversity_has_its_extremes():
    assert values(dict.fromkeys(MOTIFS, 3))["motif_diversity"] == pytest.approx(1)
    assert values({"CCCA": 9})["motif_diversity"] == 0
    # Two equally frequent motifs: log 2 / log 256 = 1/8.
    assert values({"CCCA": 9, "AAAA": 9})["motif_diversity"] == pytest.approx(1 / 8)
    assert np.isnan(diversity(np.full(256, np.nan)))


def test_shares_by_hand():
    got = values({"CCCA": 5, "CCTT": 3, "AGAG": 2})
    assert got["motif_CCCA"] == 0.5
    assert got["motif_CC"] == 0.8
    assert got["motif_AG"] == 0.2
    assert sum(got[f"motif_{a}{b}"] for a in "ACGT" for b in "ACGT") == pytest.approx(1)


def test_missing_without_ends():
    assert all(np.isnan(value) for value in values({}).values())
