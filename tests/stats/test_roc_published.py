"""DeLong's method against its authors' own patients, with published figures, and against brute force."""

import numpy as np
import pytest
from scipy.stats import chi2, norm

from cfdna_interp.stats.roc import auroc_interval, delong, paired_difference

# The 43 complete patients of DeLong, DeLong and Clarke-Pearson (Biometrics 44:837, 1988), ovarian cancer with
# intestinal obstruction, as the SAS/STAT documentation prints them (PROC LOGISTIC, "Comparing Receiver
# Operating Characteristic Curves"): albumin, total protein, K-G score, died within two months of surgery (0)
# or not (1).
TABLE = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1
3.8 5.7 5 1  3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0
2.3 4.4 6 1  4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1
3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0
3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1
3.3 5.7 6 1  3.7 6.9 5 1  3.6 6.6 5 1
"""
PATIENTS = np.array(TABLE.split(), dtype=float).reshape(-1, 4)


def test_delongs_own_example_has_the_published_areas_errors_and_contrast():
    # SAS prints: albumin .7366 (.0927), total protein .6478 (.1000), K-G score .7258 (.1028); with the K-G
    # score as the reference, two degrees of freedom: chi-squared 2.5340, p .2817.
    labels = PATIENTS[:, 3].astype(int)
    areas, covariance = delong(labels, np.stack([PATIENTS[:, 0], PATIENTS[:, 1], 10 - PATIENTS[:, 2]]))
    np.testing.assert_allclose(areas, [0.7366, 0.6478, 0.7258], atol=5e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [0.0927, 0.1000, 0.1028], atol=5e-5)
    contrast = np.array([[1, 0, -1], [0, 1, -1]])
    gap = contrast @ areas
    statistic = gap @ np.linalg.solve(contrast @ covariance @ contrast.T, gap)
    assert statistic == pytest.approx(2.5340, abs=5e-5)
    assert chi2.sf(statistic, 2) == pytest.approx(0.2817, abs=5e-5)


def brute_force(labels, scores):
    """Return areas and covariance from the (scores, n1, n0) table of pairs, by DeLong's own formulas."""
    case, control = scores[:, labels == 1], scores[:, labels == 0]
    gap = case[:, :, None] - control[:, None, :]
    psi = np.where(gap > 0, 1.0, np.where(gap == 0, 0.5, 0.0))
    areas = psi.mean(axis=(1, 2))
    v10, v01 = psi.mean(axis=2) - areas[:, None], psi.mean(axis=1) - areas[:, None]
    n1, n0 = psi.shape[1:]
    return areas, v10 @ v10.T / (n1 - 1) / n1 + v01 @ v01.T / (n0 - 1) / n0


def test_thousand_random_cohorts_with_ties_equal_brute_force():
    rng = np.random.default_rng(7)
    for _ in range(1_000):
        n1, n0, k = rng.integers(2, 60), rng.integers(2, 60), rng.integers(1, 4)
        labels = rng.permutation(np.repeat([1, 0], [n1, n0]))
        # From nearly all tied to not tied at all.
        scores = np.round(rng.normal(size=(k, n1 + n0)) + labels * rng.normal(), rng.integers(0, 4))
        areas, covariance = delong(labels, scores)
        expected_areas, expected = brute_force(labels, scores)
        np.testing.assert_allclose(areas, expected_areas, atol=1e-12)
        np.testing.assert_allclose(covariance, expected, atol=1e-12)


def test_the_paired_test_is_walds_with_the_brute_force_variance():
    rng = np.random.default_rng(8)
    labels = np.repeat([1, 0], 35)
    scores = np.round(rng.normal(size=(2, 70)) + labels * np.array([[1.2], [0.5]]), 1)
    areas, covariance = brute_force(labels, scores)
    z = (areas[0] - areas[1]) / np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    got = paired_difference(labels, *scores, rng)
    assert got.p == pytest.approx(2 * norm.sf(abs(z)), rel=1e-9)
    assert got.difference / (got.high - got.difference) == pytest.approx(z / norm.isf(0.025), rel=1e-9)


@pytest.mark.parametrize(("n", "auroc"), [(40, 0.6), (40, 0.8), (40, 0.92), (100, 0.92)])
def test_coverage_from_forty_a_class_is_that_promised(n, auroc):
    # 2,000 binormal cohorts: Monte-Carlo SD .005 at .95.
    rng = np.random.default_rng(round(1_000 * auroc) + n)
    labels, shift = np.repeat([1, 0], n), np.sqrt(2) * norm.ppf(auroc)
    scores = rng.normal(size=(2_000, 2 * n)) + shift * labels
    intervals = [auroc_interval(labels, row, rng) for row in scores]
    assert 0.92 <= np.mean([i.low <= auroc <= i.high for i in intervals]) <= 0.97
