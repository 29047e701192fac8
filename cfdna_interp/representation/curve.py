"""The length curve: a smooth curve through the centroids of embeddings by length.

The curve is a penalised spline in length. Its penalty is weighted like the data, so its resolution in base
pairs is the same for common and rare lengths. An ordinary smoothing spline is stiffer in the tails and would
show a bend at the peak of the density of lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline
from scipy.ndimage import gaussian_filter1d

from cfdna_interp.representation.centroids import LengthSums

# Waves shorter than the cut-off are smoothed away. Even the shortest cut-off removes the 10.4-bp ladder,
# which periodicity.py analyses.
CUTOFFS = (24.0, 34.0, 48.0, 68.0, 96.0, 136.0, 192.0)  # bp
AXES_CUTOFF = 48.0  # bp, for the curves of the axes and the explained variance
MOST_COMPONENTS = 8
FOLDS = 5
_KNOT = 4  # bp between knots
_DEGREE = 3


class Smoother:
    """Penalised cubic spline over consecutive lengths.

    It minimises Σ w (y - f)² + (cutoff / 2π)⁶ ∫ w |f‴|². A wave of period p is reduced to the share 1 / (1 +
    (cutoff / p)⁶).

    Parameters
    ----------
    weight
        (lengths,) weight of the data by length, for the penalty.
    cutoff
        Period in bp that is reduced to half.
    """

    def __init__(self, weight: np.ndarray, cutoff: float) -> None:
        size = len(weight)
        spans = max(1, round((size - 1) / _KNOT))
        inner = np.linspace(0, size - 1, spans + 1)
        knots = np.concatenate([[inner[0]] * _DEGREE, inner, [inner[-1]] * _DEGREE])
        places = np.arange(size, dtype=np.float64)
        self.basis = BSpline.design_matrix(places, knots, _DEGREE).toarray()  # (lengths, splines)
        middles = (inner[:-1] + inner[1:]) / 2
        # Third derivatives are constant between knots.
        third = BSpline(knots, np.eye(self.basis.shape[1]), _DEGREE)(middles, nu=3)  # (spans, splines)
        smooth = gaussian_filter1d(np.sqrt(weight), cutoff / 4, mode="nearest")
        here = np.interp(middles, places, np.maximum(smooth, smooth.max() * 1e-6))
        strength = (cutoff / (2 * np.pi)) ** 6 * np.diff(inner)
        self.penalty = (third.T * (strength * here)) @ third

    def fit(self, weight: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Return (..., lengths, dim) curves.

        Parameters
        ----------
        weight
            (..., lengths) weights of the data.
        total
            (..., lengths, dim) weights times data.
        """
        lead = weight.shape[:-1]
        root = np.sqrt(weight)
        sums = total / np.maximum(root, 1e-12)[..., None]
        curves = [
            self.basis @ np.linalg.solve((self.basis.T * w) @ self.basis + self.penalty, self.basis.T @ s)
            for w, s in zip(root.reshape(-1, root.shape[-1]), sums.reshape(-1, *sums.shape[-2:]), strict=True)
        ]
        return np.stack(curves).reshape(*lead, *sums.shape[-2:])


@dataclass(frozen=True, eq=False)
class CurveComponents:
    """Directions in which embeddings vary with length.

    Attributes
    ----------
    centre
        (dim,) mean centroid.
    axes
        (dim, components) orthonormal, by descending variance of the curve.
    explained
        (components,) share of the curve's variance.
    """

    centre: np.ndarray
    axes: np.ndarray
    explained: np.ndarray


def spread(sums: LengthSums) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the centre, and the curve's variances and axes in descending order, in all directions."""
    weight, total = sums.pooled()
    curve = Smoother(weight, AXES_CUTOFF).fit(weight, total)
    share = weight / weight.sum()
    centre = share @ curve
    off = (curve - centre) * np.sqrt(share)[:, None]
    _, singular, axes = np.linalg.svd(off, full_matrices=False)
    axes = axes.T
    # Signs are fixed, so that equal data give equal axes on every machine.
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1, 1)
    return centre, singular**2, axes


def components(sums: LengthSums, floor: float) -> CurveComponents:
    """Return the principal components of the curve whose variance is above a floor, at most 8.

    Parameters
    ----------
    sums
        Of the cohort.
    floor
        Variance that the leading component reaches by chance: see ``length_nulls.py``.
    """
    centre, variances, axes = spread(sums)
    count = min(int((variances > floor).sum()), MOST_COMPONENTS)
    return CurveComponents(centre, axes[:, :count], variances[:count] / variances.sum())


def halves(people: int, rng: np.random.Generator) -> np.ndarray:
    """Return (2, subjects) 0 or 1: subjects dealt into two halves."""
    return np.asarray(rng.permutation(people) % 2 == np.arange(2)[:, None], dtype=np.float64)


def explained(sums: LengthSums, half: np.ndarray) -> float:
    """Return the share of the embeddings' variance on the curve, without the contribution of noise.

    It is the mean product of two curves fitted to disjoint halves of subjects, in which noise has expectation
    zero.

    Parameters
    ----------
    sums
        Of the cohort.
    half
        (2, subjects) multiplicity of each subject in each half.
    """
    weight, total = sums.pooled(half)
    curves = Smoother(weight.sum(axis=0), AXES_CUTOFF).fit(weight, total)  # (2, lengths, dim)
    share = weight.sum(axis=0) / weight.sum()
    off = curves - (share @ curves)[:, None]
    return float(share @ (off[0] * off[1]).sum(axis=1) / sums.variance)


def choose_cutoff(sums: LengthSums, rng: np.random.Generator) -> float:
    """Return the longest cut-off whose error on left-out subjects is within one standard error of the least.

    Parameters
    ----------
    sums
        Sums along the components.
    rng
        Source of the folds of subjects.
    """
    people = len(sums.weight)
    fold = rng.permutation(np.arange(people) % FOLDS)
    test = (fold == np.arange(FOLDS)[:, None]).astype(np.float64)
    train_weight, train_total = sums.pooled(1 - test)
    test_weight, test_total = sums.pooled(test)
    # The error has the root of the weights. With full weights, lengths near the mode would decide for all
    # others.
    root = np.sqrt(test_weight)
    scaled = test_total / np.maximum(root, 1e-12)[..., None]
    whole = sums.weight.sum(axis=0)
    errors = np.zeros((len(CUTOFFS), FOLDS))
    for row, cutoff in enumerate(CUTOFFS):
        curves = Smoother(whole, cutoff).fit(train_weight, train_total)
        # This is Σ √w |y - f|² without the Σ √w |y|² that all cut-offs share.
        gain = root[..., None] * curves**2 - 2 * scaled * curves
        errors[row] = gain.sum(axis=(1, 2)) / root.sum(axis=1)
    excess = errors - errors[errors.mean(axis=1).argmin()]
    slack = excess.std(axis=1, ddof=1) / np.sqrt(FOLDS)
    return max(cutoff for cutoff, e, s in zip(CUTOFFS, excess, slack, strict=True) if e.mean() <= s)
