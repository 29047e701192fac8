"""The bend of a feature: the part of a natural cubic spline that isn't linear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Three knots at these quantiles (Harrell, Regression Modeling Strategies, 2015, table 2.3) give a line and
# one bend per feature. This is enough for a U-shape and linear beyond the outer knots.
KNOTS = (0.1, 0.5, 0.9)


@dataclass(frozen=True, eq=False)
class Bends:
    """One bend per feature, with its linear part removed.

    Attributes
    ----------
    knots
        (3, features) quantiles of the training samples.
    line
        (2, features) intercept and slope of the bend on the feature among training subjects, which are
        subtracted.
    scale
        (features,) divisor; infinite if a feature has too few different values for a bend.
    """

    knots: np.ndarray
    line: np.ndarray
    scale: np.ndarray

    def bend(self, filled: np.ndarray) -> np.ndarray:
        """Return (samples, features): the scaled bends without their linear part."""
        left = _spline(filled, self.knots) - self.line[0] - self.line[1] * filled
        scaled: np.ndarray = left / self.scale
        return scaled


def fit_bends(filled: np.ndarray, averaging: np.ndarray) -> Bends:
    """Fit on a fold's training samples, without labels.

    Parameters
    ----------
    filled
        (samples, features) without missing values.
    averaging
        Sparse (subjects, samples), as for ``fit_encoder``.
    """
    knots = np.quantile(filled, KNOTS, axis=0)
    spline = _spline(filled, knots)
    people, bent = averaging @ filled, averaging @ spline
    centred = people - people.mean(axis=0)
    squares = (centred**2).sum(axis=0)
    slope = (centred * bent).sum(axis=0) / np.where(squares > 0, squares, 1.0)
    intercept = bent.mean(axis=0) - slope * people.mean(axis=0)
    left = bent - intercept - slope * people
    spread, whole = left.std(axis=0), bent.std(axis=0)
    apart = (knots[1] > knots[0]) & (knots[2] > knots[1])
    # A bend of this size in a straight line is rounding.
    scale = np.where(apart & (spread > 1e-9 * whole), spread, np.inf)
    return Bends(knots, np.stack([intercept, slope]), scale)


def _spline(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the restricted cubic spline of three knots, per squared distance of the outer ones."""
    first, middle, last = knots
    upper, lower = last - middle, middle - first
    width = np.where(last > first, last - first, 1.0)
    # A feature with equal knots is left out; a width of 1 avoids dividing by zero.
    upper = np.where(upper > 0, upper, 1.0)
    total: np.ndarray = _cube(values - first)
    total -= _cube(values - middle) * ((upper + lower) / upper)
    total += _cube(values - last) * (lower / upper)
    total /= width**2
    return total


def _cube(distance: np.ndarray) -> np.ndarray:
    """Return the cube of the positive part. Products are many times as fast as powers."""
    above = np.maximum(distance, 0)
    cubed: np.ndarray = above * above * above
    return cubed
