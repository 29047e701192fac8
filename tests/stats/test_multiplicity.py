"""Adjusted p values by hand, and their order and bounds on random ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfdna_interp.stats.multiplicity import benjamini_hochberg, holm


def test_holm_by_hand():
    # Sorted .01, .03, .04 times 3, 2, 1: .03, .06, and .04 raised to .06.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])


def test_benjamini_hochberg_by_hand():
    # Sorted .01, .03, .04 times 3/1, 3/2, 3/3: .03, .045 lowered to .04, .04.
    np.testing.assert_allclose(benjamini_hochberg([0.01, 0.04, 0.03]), [0.03, 0.04, 0.04])


def test_missing_tests_stay_missing_and_do_not_count():
    np.testing.assert_allclose(holm([0.02, np.nan, 0.01]), [0.02, np.nan, 0.02])
    assert np.isnan(benjamini_hochberg([np.nan])).all()
    assert len(holm([])) == 0


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_values_are_no_smaller_and_keep_the_order(adjust, p):
    q = adjust(p)
    assert (q >= np.array(p) - 1e-12).all()
    assert (q <= 1).all()
    order = np.argsort(p)
    assert (np.diff(q[order]) >= -1e-12).all()
