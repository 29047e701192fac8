"""Natural cubic splines: curves that are linear beyond their outer knots."""

from __future__ import annotations

import numpy as np

# Quantiles of the values at which the knots are. Four knots give a curve of three terms (Harrell, Regression
# Modeling Strategies, 2015, table 2.3).
QUANTILES = (0.05, 0.35, 0.65, 0.95)


def natural_spline(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the (n, knots - 1) terms of a natural cubic spline, the first of them the values.

    The terms are truncated powers, corrected so that the curve is linear beyond the outer knots (Harrell
    2015, eq. 2.25), in units of the squared distance of the outer knots.

    Parameters
    ----------
    values
        (n,) numbers; NaN gives NaN.
    knots
        At least three knots, increasing.
    """

    def cubed(knot: float) -> np.ndarray:
        return np.asarray(np.maximum(values - knot, 0) ** 3)

    last, before = float(knots[-1]), float(knots[-2])
    terms = [values]
    for knot in knots[:-2]:
        outer = (cubed(before) * (last - knot) - cubed(last) * (before - knot)) / (last - before)
        terms.append((cubed(float(knot)) - outer) / (last - knots[0]) ** 2)
    return np.stack(terms, axis=1)
