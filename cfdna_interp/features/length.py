"""Fragment lengths of a whole sample, as shares, ratios, quantiles and shape.

Windows fixed in bp don't port across protocols (bisulfite and trimming move the modes), so features
relative to the sample's own mode stand beside them.
"""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.features import Feature
from cfdna_interp.artifacts.profiles import Profile

GROUP = "fragment_length"
BINS = range(60, 400, 5)  # bp; a bin is [low, low + 5)
SHORT, LONG = (100, 150), (151, 220)  # bp, both ends included
MONO, DI = (120, 220), (260, 400)
MODE_RANGE = (120, 220)
QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
LADDER_RANGE, LADDER_PERIOD = (80, 150), 10.4  # bp; one turn of the double helix on the nucleosome


def length_histogram(profile: Profile) -> np.ndarray:
    """Return (longest + 1,) fragments by absolute length in bp; index 0 is length 0."""
    cells = {int(key): int(counts[0]) for key, counts in profile.counts.get("length_1bp", {}).items()}
    histogram = np.zeros(max([*cells, BINS.stop]) + 1, dtype=np.int64)
    for length, count in cells.items():
        histogram[length] = count
    return histogram


def length_features(profile: Profile) -> list[Feature]:
    """Return the features of the group ``fragment_length``; NaN where the fragments for one are missing."""
    histogram = length_histogram(profile)
    total = int(histogram.sum())
    features = _bins(histogram)
    features.append(
        Feature(
            "length_short_long",
            GROUP,
            _log_ratio(_count(histogram, *SHORT), _count(histogram, *LONG)),
            "log2 ratio",
            _count(histogram, *SHORT) + _count(histogram, *LONG),
            "fragments of 100-150 bp over fragments of 151-220 bp",
        )
    )
    features.append(
        Feature(
            "length_mono_di",
            GROUP,
            _log_ratio(_count(histogram, *MONO), _count(histogram, *DI)),
            "log2 ratio",
            _count(histogram, *MONO) + _count(histogram, *DI),
            "fragments of 120-220 bp (one nucleosome) over fragments of 260-400 bp (two)",
        )
    )
    features.append(
        Feature(
            "length_upto_150",
            GROUP,
            _count(histogram, 0, 150) / total if total else np.nan,
            "share",
            total,
            "share of all fragments of at most 150 bp",
        )
    )
    for level in QUANTILES:
        features.append(
            Feature(
                f"length_q{round(100 * level):02d}",
                GROUP,
                quantile(histogram, level),
                "bp",
                total,
                f"{round(100 * level)} % quantile of all fragment lengths",
            )
        )
    return features + _relative_to_mode(histogram) + [_ladder(histogram)]


def quantile(histogram: np.ndarray, level: float) -> float:
    """Return a quantile in bp, each length spread evenly over its base pair; NaN without fragments.

    Spreading keeps the value continuous: 167 stands for the interval 166.5 to 167.5.
    """
    cumulative = np.concatenate([[0], np.cumsum(histogram)])
    if cumulative[-1] == 0:
        return float("nan")
    wanted = level * cumulative[-1]
    index = int(np.searchsorted(cumulative, wanted, side="left")) - 1
    index = max(index, int(np.flatnonzero(histogram)[0]))
    return index - 0.5 + float(wanted - cumulative[index]) / float(histogram[index])


def mode(histogram: np.ndarray) -> float:
    """Return the most frequent length within 120-220 bp after averaging over 5 bp; NaN without fragments."""
    smooth = np.convolve(histogram, np.ones(5), mode="same")[MODE_RANGE[0] : MODE_RANGE[1] + 1]
    return float(MODE_RANGE[0] + int(np.argmax(smooth))) if smooth.any() else float("nan")


def ladder_amplitude(histogram: np.ndarray) -> float:
    """Return the relative amplitude of the 10.4-bp component of the lengths 80-150 bp, whatever its phase.

    A cubic and one sine wave are fitted together by least squares; the wave's amplitude is divided by
    the mean count. NaN without fragments.
    """
    low, high = LADDER_RANGE
    counts = histogram[low : high + 1].astype(np.float64)
    if not counts.any():
        return float("nan")
    length = np.arange(low, high + 1)
    centred = (length - (low + high) / 2) / ((high - low) / 2)
    angle = 2 * np.pi * length / LADDER_PERIOD
    design = np.column_stack([np.vander(centred, 4), np.cos(angle), np.sin(angle)])
    solution = np.linalg.lstsq(design, counts, rcond=None)[0]
    return float(np.hypot(solution[-2], solution[-1]) / counts.mean())


def _bins(histogram: np.ndarray) -> list[Feature]:
    total = _count(histogram, BINS.start, BINS.stop - 1)
    return [
        Feature(
            f"length_bin_{low}_{low + BINS.step}",
            GROUP,
            _count(histogram, low, low + BINS.step - 1) / total if total else np.nan,
            "share",
            total,
            f"share of {low}-{low + BINS.step - 1} bp among fragments of {BINS.start}-{BINS.stop - 1} bp",
        )
        for low in BINS
    ]


def _relative_to_mode(histogram: np.ndarray) -> list[Feature]:
    peak = mode(histogram)
    near = _count(histogram, *MODE_RANGE)
    features = [
        Feature("length_mode", GROUP, peak, "bp", near, "most frequent length within 120-220 bp, over 5 bp")
    ]
    known = np.isfinite(peak)
    centre = int(peak) if known else 0
    around = _count(histogram, centre - 60, centre + 60) if known else 0
    for name, low, high in (("below", -60, -20), ("above", 20, 60)):
        features.append(
            Feature(
                f"length_{name}_mode",
                GROUP,
                _count(histogram, centre + low, centre + high) / around if around else np.nan,
                "share",
                around,
                f"share of fragments 20-60 bp {name} the mode among those within 60 bp of it",
            )
        )
    mono = _count(histogram, round(0.72 * centre), round(1.30 * centre)) if known else 0
    di = _count(histogram, round(1.70 * centre), round(2.30 * centre)) if known else 0
    features.append(
        Feature(
            "length_mono_di_by_mode",
            GROUP,
            _log_ratio(mono, di),
            "log2 ratio",
            mono + di,
            "fragments of 0.72-1.30 times the mode over fragments of 1.70-2.30 times the mode",
        )
    )
    return features


def _ladder(histogram: np.ndarray) -> Feature:
    return Feature(
        "length_ladder_10bp",
        GROUP,
        ladder_amplitude(histogram),
        "relative amplitude",
        _count(histogram, *LADDER_RANGE),
        "amplitude of the 10.4-bp wave over the mean count, lengths 80-150 bp, cubic trend taken out",
    )


def _count(histogram: np.ndarray, low: int, high: int) -> int:
    """Return the fragments of ``low`` to ``high`` bp, both included."""
    return int(histogram[max(low, 0) : high + 1].sum())


def _log_ratio(numerator: int, denominator: int) -> float:
    """Return log2 of the ratio, half a fragment added to both; NaN where both are zero."""
    if numerator + denominator == 0:
        return float("nan")
    return float(np.log2((numerator + 0.5) / (denominator + 0.5)))
