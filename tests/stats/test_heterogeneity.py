"""Cochran's Q over AUROCs: by hand, its size under the null, its power on a planted difference."""

import numpy as np
import pytest
from scipy.stats import chi2, norm

from cfdna_interp.stats.heterogeneity import VarianceObstacle, heterogeneity, why_untested
from cfdna_interp.stats.roc import delong


def groups_of(per_class, aurocs, rng):
    """Return labels, scores and rows of groups with these AUROCs, groups shifted against each other."""
    labels, scores, groups = [], [], []
    for i, auroc in enumerate(aurocs):
        y = np.repeat([1, 0], per_class)
        groups.append(np.arange(2 * per_class) + 2 * per_class * i)
        labels.append(y)
        scores.append(rng.normal(size=2 * per_class) + np.sqrt(2) * norm.ppf(auroc) * y + 2 * i)
    return np.concatenate(labels), np.concatenate(scores), groups


def test_two_groups_are_walds_test_of_their_difference():
    labels, scores, groups = groups_of(15, (0.6, 0.9), np.random.default_rng(1))
    gaps, variances = [], []
    for rows in groups:
        area, variance = (item.item() for item in delong(labels[rows], scores[rows]))
        gaps.append(np.log(area / (1 - area)))
        variances.append(variance / (area * (1 - area)) ** 2)
    statistic = (gaps[0] - gaps[1]) ** 2 / sum(variances)
    got = heterogeneity(labels, scores, groups)
    assert (got.statistic, got.df) == (pytest.approx(statistic), 1)
    assert got.p == pytest.approx(chi2.sf(statistic, 1))


def test_it_keeps_its_size_and_finds_what_is_planted():
    # Binomial SD over 400 cohorts at .05 is .011. AUROCs .6 and .9 of 30 + 30 differ by about 4 errors.
    rng = np.random.default_rng(2)
    null = [heterogeneity(*groups_of(15, (0.75, 0.75, 0.75), rng)).p for _ in range(400)]
    assert np.mean(np.array(null) <= 0.05) <= 0.05 + 3 * 0.011
    assert np.mean(null) == pytest.approx(0.5, abs=0.1)
    planted = [heterogeneity(*groups_of(30, (0.6, 0.9), rng)).p for _ in range(50)]
    assert np.mean(np.array(planted) <= 0.05) > 0.8


def test_a_separated_group_is_left_out():
    labels, scores, groups = groups_of(10, (0.7, 0.7, 0.7), np.random.default_rng(3))
    scores[groups[0]] += 100 * labels[groups[0]]
    got = heterogeneity(labels, scores, groups)
    assert got == heterogeneity(labels, scores, groups[1:])
    # Two groups of 10 + 10 are left.
    assert (got.groups, got.n, got.df) == (2, 40, 1)
    assert why_untested(labels[groups[0]], scores[groups[0]]) is VarianceObstacle.SCORE_SEPARATES
    assert why_untested(labels[groups[1]], scores[groups[1]]) is None
    assert why_untested(labels[groups[1]], np.zeros(20)) is VarianceObstacle.CONSTANT_SCORE
    assert heterogeneity(labels, scores, groups[:2]) is None
