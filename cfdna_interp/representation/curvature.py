"""The sharpest bend of the length curve, and whether noise and the curve's shape explain it.

Curvature at a length is the angle between the chord that ends there and the chord that begins there, divided
by half the arc from the start of the first to the end of the second. On a circle it is 1 / radius, at any
speed along the circle. Chords of fixed reach in bp are well defined even where pointwise derivatives are
noise.

Curvature measured with noise is never zero, and it is largest where there are few fragments. A bend is
therefore compared with curves of constant curvature, equal to the typical curvature of this curve, with the
same speed and the same noise, which is estimated from resamples of subjects. In this sense a straight line
and a circle have no bend, for any density of lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation

from cfdna_interp.records.geometry import BendFinding

# A bend is at least twice as sharp as the curve is typically; less would be a matter of taste.
SHARPER = 2.0
# A chord has to be at least this many standard errors long. Otherwise its direction is noise.
_CLEAR = 3.0
# A bend can't be placed where noise alone has more than half of its curvature.
_LOUD = 2.0
_SHORTEST_REACH = 8  # bp
_BAND = 0.95  # quantile of the null shown at each length
# Quantile of the maximum under the null. Components are chosen on the same data as the bend, so their noise
# is a little larger than resamples show. With 95 % shallow arcs had a bend in 14 of 100 draws.
_QUANTILE = 0.99
_WIDEST = 0.25  # largest width of the interval of a bend's place, as a share of the range of lengths
NUCLEOSOME = 167  # bp, core particle, linker and linker histone


def reach_of(cutoff: float) -> int:
    """Return the length of chords in bp, which is the resolution of a curve smoothed with a cut-off."""
    return max(_SHORTEST_REACH, round(cutoff / 3))


def arc_length(curves: np.ndarray) -> np.ndarray:
    """Return (..., lengths) arc length from the start of (..., lengths, components) curves."""
    steps = np.linalg.norm(np.diff(curves, axis=-2), axis=-1)
    start = np.zeros((*steps.shape[:-1], 1))
    return np.concatenate([start, np.cumsum(steps, axis=-1)], axis=-1)


def turning(curves: np.ndarray, reach: int) -> np.ndarray:
    """Return (..., lengths - 2 reach) angle in radians between the chords before and after each length.

    Parameters
    ----------
    curves
        (..., lengths, components) at consecutive bp.
    reach
        Length of chords in bp.
    """
    chords = curves[..., reach:, :] - curves[..., :-reach, :]
    units = chords / np.maximum(np.linalg.norm(chords, axis=-1, keepdims=True), 1e-300)
    before, after = units[..., :-reach, :], units[..., reach:, :]
    # This form is accurate at small and at large angles, unlike the arc cosine (Kahan 2006).
    apart = np.linalg.norm(after - before, axis=-1)
    together = np.linalg.norm(after + before, axis=-1)
    return np.asarray(2 * np.arctan2(apart, together))


def curvature(curves: np.ndarray, reach: int) -> np.ndarray:
    """Return (..., lengths - 2 reach) radians per unit of arc; arguments as for :func:`turning`."""
    arc = arc_length(curves)
    span = (arc[..., 2 * reach :] - arc[..., : -2 * reach]) / 2
    return np.asarray(turning(curves, reach) / np.maximum(span, 1e-300))


@dataclass(frozen=True, eq=False)
class Bend:
    """The sharpest bend of a curve.

    Attributes
    ----------
    curvature, low, high, null_high
        (lengths,) radians per unit of arc, its 95 % band over resamples, and the 95 % quantile of curves of
        constant curvature; NaN within the reach of the ends.
    typical
        Median of curvature along the arc, minus noise.
    at, at_low, at_high
        Place in bp, with 95 % interval; NaN if no length has a clear direction.
    excess, excess_null
        Largest curvature in standard deviations above curves that turn evenly, and the 99 % quantile of its
        maximum over lengths among these.
    finding
        What was found of the sharpest place.
    """

    curvature: np.ndarray
    low: np.ndarray
    high: np.ndarray
    null_high: np.ndarray
    typical: float
    at: float
    at_low: float
    at_high: float
    excess: float
    excess_null: float
    finding: BendFinding

    @property
    def claimed(self) -> bool:
        """Whether there is a bend."""
        return self.finding is BendFinding.SHARP


def find_bend(curve: np.ndarray, draws: np.ndarray, lengths: np.ndarray, reach: int) -> Bend:
    """Find the sharpest bend.

    Parameters
    ----------
    curve
        (lengths, components) with at least two components.
    draws
        (draws, lengths, components) curves of resamples of subjects.
    lengths
        (lengths,) consecutive bp, more than twice the reach.
    reach
        Length of chords in bp.
    """
    observed, resampled = curvature(curve, reach), curvature(draws, reach)
    noise = draws - draws.mean(axis=0)
    clear = _clear(curve, noise, reach)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    shown = [_padded(values, reach) for values in (observed, low, high)]
    if not clear.any():
        nan = float("nan")
        nothing = np.full(len(curve), np.nan)
        unknown = BendFinding.NO_DIRECTION
        return Bend(shown[0], shown[1], shown[2], nothing, nan, nan, nan, nan, nan, nan, unknown)
    pace = _pace(curve, noise)
    straight = curvature(_even_curve(pace, 0.0, curve.shape[-1]) + noise, reach)
    level = np.sqrt((straight**2).mean(axis=0))  # root mean square of noise alone
    less_noise = np.sqrt(np.maximum(observed**2 - level**2, 0.0))
    typical = _typical(less_noise, curve, clear, reach)
    null = curvature(_even_curve(pace, typical, curve.shape[-1]) + noise, reach)
    excess, null_excess = _excess(observed, null), _excess(null, null)
    ceiling = float(np.quantile(null_excess[:, clear].max(axis=1), _QUANTILE))
    sharp = clear & (excess > ceiling) & (_LOUD * level <= observed)
    place = sharp if sharp.any() else clear
    peak = int(np.where(place, less_noise, -1.0).argmax())
    # Resamples may place the bend within a chord of the sharp lengths.
    near = binary_dilation(place, iterations=reach) & clear & (_LOUD * level <= observed[peak])
    near[peak] = True
    first = int(lengths[reach])
    # A resample has the noise of the cohort and its own noise, hence twice the variance.
    spread = first + np.where(near, resampled**2 - 2 * level**2, -np.inf).argmax(axis=1)
    at_low, at_high = (float(v) for v in np.quantile(spread, [0.025, 0.975]))
    at_low, at_high = min(at_low, first + peak), max(at_high, first + peak)
    ends = first + np.flatnonzero(clear)[[0, -1]]
    if not sharp.any():
        finding = BendFinding.EVEN
    elif less_noise[peak] < SHARPER * typical:
        finding = BendFinding.BLUNT
    elif at_low <= ends[0] or at_high >= ends[1]:
        # A peak has two sides; here the curve may well go on turning.
        finding = BendFinding.AT_AN_END
    elif at_high - at_low > _WIDEST * len(lengths):
        finding = BendFinding.SCATTERED
    else:
        finding = BendFinding.SHARP
    return Bend(
        curvature=shown[0],
        low=shown[1],
        high=shown[2],
        null_high=_padded(np.quantile(null, _BAND, axis=0), reach),
        typical=typical,
        at=float(first + peak),
        at_low=at_low,
        at_high=at_high,
        excess=float(excess[clear].max()),
        excess_null=ceiling,
        finding=finding,
    )


def _padded(values: np.ndarray, reach: int) -> np.ndarray:
    return np.pad(values, reach, constant_values=np.nan)


def _clear(curve: np.ndarray, noise: np.ndarray, reach: int) -> np.ndarray:
    """Return (lengths - 2 reach,) bool: the chords on both sides are clearly longer than their error."""

    def chords(curves: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(curves[..., reach:, :] - curves[..., :-reach, :], axis=-1))

    long = chords(curve) >= _CLEAR * np.sqrt((chords(noise) ** 2).mean(axis=0))
    return np.asarray(long[:-reach] & long[reach:])


def _pace(curve: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return (lengths - 1,) arc per bp, without the contribution of noise."""
    steps = (np.diff(curve, axis=0) ** 2).sum(axis=1)
    added = (np.diff(noise, axis=1) ** 2).sum(axis=2).mean(axis=0)
    return np.asarray(np.sqrt(np.maximum(steps - added, 0.0)))


def _even_curve(pace: np.ndarray, bend: float, components: int) -> np.ndarray:
    """Return a (lengths, components) plane curve that turns by ``bend`` radians per unit of arc."""
    angle = bend * np.cumsum(pace)
    steps = np.zeros((len(pace) + 1, components))
    steps[1:, 0], steps[1:, 1] = pace * np.cos(angle), pace * np.sin(angle)
    return np.cumsum(steps, axis=0)


def _typical(values: np.ndarray, curve: np.ndarray, clear: np.ndarray, reach: int) -> float:
    """Return the median of (lengths - 2 reach) values over the arc with a clear direction."""
    arc = np.diff(arc_length(curve))[reach : len(curve) - reach][clear]
    order = np.argsort(values[clear])
    run = np.cumsum(arc[order])
    return float(values[clear][order][np.searchsorted(run, run[-1] / 2)])


def _excess(values: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return, by length, values minus the null's median in units of its upper spread."""
    middle, upper = np.quantile(null, [0.5, 0.84], axis=0)
    return np.asarray((values - middle) / np.maximum(upper - middle, 1e-300))
