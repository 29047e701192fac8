from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.features.length import ladder_amplitude, length_features, mode, quantile


def profile(counts: dict[int, int]) -> Profile:
    made = Profile()
    for length, count in counts.items():
        made.add("length_1bp", str(length), [count])
    return made


def values(counts):
    return {feature.name: feature.value for feature in length_features(profile(counts))}


def test_by_hand():
    # 8 at 100, 16 at 150, 32 at 167, 4 at 330, 1 at 400: 61 fragments, 60 of them in 60-399 bp.
    got = values({100: 8, 150: 16, 167: 32, 330: 4, 400: 1})
    assert got["length_bin_100_105"] == 8 / 60
    assert got["length_bin_150_155"] == 16 / 60
    assert got["length_bin_330_335"] == 4 / 60
    assert got["length_bin_395_400"] == 0
    # Short 8 + 16 = 24, long 32, half a fragment added to each.
    assert got["length_short_long"] == pytest.approx(np.log2(24.5 / 32.5))
    # Mono (120-220) 16 + 32 = 48, di (260-400) 4 + 1 = 5.
    assert got["length_mono_di"] == pytest.approx(np.log2(48.5 / 5.5))
    assert got["length_upto_150"] == 24 / 61
    # Smoothed over 5 bp, 165 to 169 all hold 32; the first of them counts.
    assert got["length_mode"] == 165
    # Within 60 of 165: 150 and 167. 20-60 below: [105, 145]: none.
    assert got["length_below_mode"] == 0
    assert got["length_above_mode"] == 0
    # 0.72 * 165 = 119 to 1.30 * 165 = 214: 48; 1.7 * 165 = 280 to 2.3 * 165 = 380: 4.
    assert got["length_mono_di_by_mode"] == pytest.approx(np.log2(48.5 / 4.5))


def test_bins_are_shares():
    got = values({length: 3 for length in range(60, 500)})
    bins = [value for name, value in got.items() if name.startswith("length_bin_")]
    assert len(bins) == 68
    assert sum(bins) == pytest.approx(1)
    assert bins == pytest.approx([1 / 68] * 68)


def test_quantiles_of_uniform_lengths():
    # 100 lengths, 101 to 200, once each: spread over [100.5, 200.5), so the q quantile is 100.5 + 100 q.
    histogram = np.zeros(300, int)
    histogram[101:201] = 1
    for level in (0.05, 0.25, 0.5, 0.95, 0.123):
        assert quantile(histogram, level) == pytest.approx(100.5 + 100 * level)
    single = np.zeros(300, int)
    single[167] = 9
    assert quantile(single, 0.5) == pytest.approx(167.0)


@given(st.lists(st.integers(60, 400), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_quantile_lies_beside_the_order_statistic(lengths, level):
    got = quantile(np.bincount(lengths), level)
    low = np.quantile(lengths, level, method="inverted_cdf")
    assert low - 0.5 <= got <= low + 0.5


@pytest.mark.parametrize("amplitude", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("phase", [0.0, 1.0, 2.5])
def test_ladder_has_the_planted_amplitude(amplitude, phase):
    # Closed form: a straight line times nothing plus a wave of known height over a flat mean.
    length = np.arange(0, 401)
    wave = 1e6 * amplitude * np.cos(2 * np.pi * length / 10.4 + phase)
    trend = 1e6 + 3_000.0 * (length - 115)  # its mean over 80-150 is 1e6
    # The wave's own mean over 71 bp (6.8 periods) is below 3 % of its height.
    assert ladder_amplitude(trend + wave) == pytest.approx(amplitude, rel=0.03, abs=1e-9)


def test_ladder_is_blind_to_another_period():
    length = np.arange(0, 401)
    assert ladder_amplitude(1e6 * (1 + 0.3 * np.cos(2 * np.pi * length / 5.2))) < 0.03


def test_mode_follows_a_shift():
    length = np.arange(401)
    for peak in (140, 157, 167, 200):
        assert mode(np.round(1e5 * np.exp(-0.5 * ((length - peak) / 15) ** 2))) == peak


def test_without_fragments_all_is_missing():
    got = length_features(profile({}))
    assert all(np.isnan(feature.value) for feature in got)
    assert [f.name for f in got] == [f.name for f in length_features(profile({167: 5}))]
    assert len({feature.name for feature in got}) == len(got)
