"""Natural cubic splines against patsy's, and their straight ends."""

import numpy as np
import patsy
import pytest

from cfdna_interp.stats.splines import QUANTILES, natural_spline


def test_they_span_what_patsys_natural_splines_span():
    x = np.sort(np.random.default_rng(1).normal(size=60))
    knots = np.quantile(x, QUANTILES)
    mine = np.column_stack([np.ones(60), natural_spline(x, knots)])
    inside = (x >= knots[0]) & (x <= knots[-1])
    theirs = np.asarray(
        patsy.dmatrix(
            "cr(x, knots=inner, lower_bound=low, upper_bound=high) - 1",
            {"x": x, "inner": knots[1:-1], "low": knots[0], "high": knots[-1]},
        )
    )
    assert mine.shape == theirs.shape == (60, 4)
    both = np.column_stack([mine, theirs])
    assert np.linalg.matrix_rank(both[inside], tol=1e-8) == 4


def test_beyond_the_outer_knots_they_are_straight_and_the_first_term_is_the_value():
    x = np.linspace(-5, 5, 101)
    terms = natural_spline(x, np.array([-1.0, 0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(terms[:, 0], x)
    for side in (x < -1, x > 1):
        assert np.abs(np.diff(terms[side], n=2, axis=0)).max() < 1e-10
    assert np.abs(np.diff(terms[(x > -1) & (x < 1)], n=2, axis=0)).max() > 1e-4


def test_what_is_missing_stays_missing():
    assert np.isnan(natural_spline(np.array([0.3, np.nan]), np.array([-1.0, 0, 1]))[1]).all()
    assert natural_spline(np.array([0.3]), np.array([-1.0, 0, 1])).shape == (1, 2)
    assert pytest.approx(0.0) == natural_spline(np.array([-2.0]), np.array([-1.0, 0, 1]))[0, 1]
