"""Splines and balances: partition of unity, straight lines, orthonormality, numbers by hand."""

import numpy as np
import pytest
from scipy.stats import gmean

from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.proxy.basis import basis_of, histograms
from cfdna_interp.proxy.linear import log_parts

LENGTHS = [f"length_bin_{low}_{low + 5}" for low in range(60, 400, 5)]


def test_histograms_are_told_by_their_names_in_the_order_of_the_axis():
    names = ["fsd_1p_105_109", "fsd_1p_100_104", "length_mode", "fsd_1q_100_104", "age_5_5", "gc_30"]
    assert histograms(names) == {
        "fsd_1p": [(100, 104, 1), (105, 109, 0)],
        "fsd_1q": [(100, 104, 3)],
    }


def test_splines_sum_to_one_in_every_bin_and_leave_other_features_alone():
    basis = basis_of([*LENGTHS, "length_mode"], ProxySettings(basis="splines", spline_functions=10))
    assert basis.matrix.shape == (11, 69)
    np.testing.assert_allclose(basis.matrix[:, :68].sum(axis=0), 1)
    assert (basis.matrix[:, :68] >= 0).all()
    np.testing.assert_array_equal(basis.matrix[10], np.eye(69)[68])


def test_splines_hold_every_cubic_and_no_step():
    # B-splines of degree 3 span the cubics: some combination is any cubic in the bins' middles exactly. A
    # step within their spacing of 37.8 bp they can't be.
    matrix = basis_of(LENGTHS, ProxySettings(basis="splines")).matrix
    x = (np.arange(62.5, 400, 5) - 230) / 170
    for target, exact in ((1 - 2 * x + 3 * x**3, True), ((x > 0).astype(float), False)):
        left = target - matrix.T @ np.linalg.lstsq(matrix.T, target, rcond=None)[0]
        assert (np.abs(left).max() < 1e-10) == exact


@pytest.mark.parametrize("parts", [2, 3, 7, 16])
def test_balances_are_orthonormal_and_see_ratios_only(parts):
    matrix = basis_of([f"p{i}" for i in range(parts)], ProxySettings(basis="ilr")).matrix
    assert matrix.shape == (parts - 1, parts)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(parts - 1), atol=1e-12)
    np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-12)


def test_balances_by_hand():
    # Four parts: the first is sqrt(2·2/4) times the log ratio of the geometric means of the halves
    # (Egozcue and Pawlowsky-Glahn 2005), the next sqrt(1·1/2) times log(x1/x2).
    x = np.array([1.0, 2, 4, 8])
    coordinates = basis_of(list("abcd"), ProxySettings(basis="ilr")).matrix @ np.log(x)
    assert coordinates[0] == pytest.approx(np.log(gmean(x[:2]) / gmean(x[2:])))
    assert coordinates[1] == pytest.approx(0.5**0.5 * np.log(1 / 2))


def test_zeros_are_replaced_and_the_rest_lowered_by_as_much():
    # Total 1, stand-in .01 for two zeros: the others are multiplied by 1 - .02 and the whole stays 1.
    parts = np.exp(log_parts(np.array([[0, 0.25, 0, 0.75], [1, 1, 1, 1]]), 1.0, 0.01))
    np.testing.assert_allclose(parts[0], [0.01, 0.245, 0.01, 0.735])
    np.testing.assert_allclose(parts[1], 0.25)
    np.testing.assert_allclose(np.exp(log_parts(np.zeros((1, 3)), 1.0, 0.01)), 0.01)
