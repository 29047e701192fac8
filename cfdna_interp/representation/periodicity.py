"""The periodic part of the length curve. DNA turns once in 10.4 bp, and nucleases cut it in such steps.

Below the nucleosome the slow trend of centroids by length is subtracted. Waves of each period are fitted to
the remainder, in all directions of the embedding together.
"""

from __future__ import annotations

import numpy as np

from cfdna_interp.records.geometry import CurvePeriod, PeriodFinding
from cfdna_interp.records.values import KnownInterval
from cfdna_interp.representation.centroids import LengthSums

WINDOW = (60, 160)  # bp, the lengths at which cfDNA shows the ladder
PERIODS = (6.0, 20.0)  # bp, scanned
LADDER = 10.4  # bp
_TREND = 40.0  # bp, shortest period that the trend follows
_FREQUENCIES = 281  # a step is .05 bp at 10.4 bp
_SHUFFLES = 199
_SHORTEST = 60  # lengths needed: three waves of the longest period
_WIDEST = 2.0  # bp, largest interval of a claimed period
# Largest weight. Lengths near the mode have a hundred times the fragments of short ones and would otherwise
# decide alone.
_CAP = 4.0


def find_period(sums: LengthSums, multiplicity: np.ndarray, rng: np.random.Generator) -> CurvePeriod | None:
    """Find the strongest period between 6 and 20 bp; None with fewer than 60 lengths in 60-160 bp.

    Parameters
    ----------
    sums
        Sums of the cohort, in any coordinates.
    multiplicity
        (draws, subjects) multiplicity of each subject in a resample.
    rng
        Source of the null's shuffles.
    """
    inside = (sums.lengths >= WINDOW[0]) & (sums.lengths <= WINDOW[1])
    if inside.sum() < _SHORTEST:
        return None
    lengths = sums.lengths[inside]
    weight, total = sums.weight[:, inside], sums.total[:, inside]
    pooled = weight.sum(axis=0)
    root = np.sqrt(np.minimum(pooled, _CAP * np.median(pooled)))
    trend = _trend(lengths, root)
    periods, waves = _waves(lengths, root, trend)

    def rest(mean: np.ndarray) -> np.ndarray:
        weighted = root[:, None] * mean
        return np.asarray(weighted - trend @ (trend.T @ weighted))

    left = rest(total.sum(axis=0) / np.maximum(pooled, 1e-12)[:, None])
    power = _power(waves, left)
    best = int(power.argmax())
    shuffled = [left[rng.permutation(len(left))] for _ in range(_SHUFFLES)]
    null = [_power(waves, part - trend @ (trend.T @ part)).max() for part in shuffled]
    ceiling = float(np.quantile(null, 0.95))
    usual = total.sum(axis=0) / np.maximum(pooled, 1e-12)[:, None]
    places = []
    for counts in multiplicity:
        drawn = counts @ weight
        sum_drawn = np.tensordot(counts, total, axes=1)
        # A length without fragments in a resample keeps its centroid.
        mean = np.where(drawn[:, None] > 0, sum_drawn / np.maximum(drawn, 1e-12)[:, None], usual)
        places.append(periods[_power(waves, rest(mean)).argmax()])
    low, high = (float(v) for v in np.quantile(places, [0.025, 0.975]))
    period = float(periods[best])
    low, high = min(low, period), max(high, period)
    if power[best] <= ceiling:
        finding = PeriodFinding.CHANCE
    elif best in (0, len(periods) - 1):
        finding = PeriodFinding.AT_AN_END
    elif high - low > _WIDEST:
        finding = PeriodFinding.SCATTERED
    else:
        finding = PeriodFinding.SHOWN
    at_ladder = power[np.abs(periods - LADDER).argmin()] / np.median(power)
    return CurvePeriod(
        bp=KnownInterval(value=period, low=low, high=high),
        power=float(power[best]),
        null_high=ceiling,
        finding=finding,
        claimed=finding is PeriodFinding.SHOWN,
        at_10_4=float(at_ladder),
    )


def _trend(lengths: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Return (lengths, terms) orthonormal: a line, and cosines down to the trend's shortest period."""
    width = lengths[-1] - lengths[0]
    x = (lengths - lengths[0]) / width
    waves = [np.cos(np.pi * j * x) for j in range(1, int(2 * width / _TREND) + 1)]
    return np.linalg.qr(root[:, None] * np.stack([np.ones_like(x), x, *waves], axis=1))[0]


def _waves(lengths: np.ndarray, root: np.ndarray, trend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (periods,) bp, and (periods, 2, lengths) orthonormal pairs of waves without trend."""
    frequency = np.linspace(1 / PERIODS[1], 1 / PERIODS[0], _FREQUENCIES)
    angle = 2 * np.pi * frequency[:, None] * (lengths - lengths[0])
    pairs = np.stack([np.cos(angle), np.sin(angle)], axis=2) * root[:, None]  # (periods, lengths, 2)
    pairs = pairs - trend @ (trend.T @ pairs)
    return 1 / frequency, np.linalg.qr(pairs)[0].transpose(0, 2, 1)


def _power(waves: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return the (periods,) share of (lengths, dim) that each pair of waves explains."""
    periods, _, lengths = waves.shape
    along = (waves.reshape(-1, lengths) @ left).reshape(periods, -1)
    return np.asarray((along**2).sum(axis=1) / max(float((left**2).sum()), 1e-300))
