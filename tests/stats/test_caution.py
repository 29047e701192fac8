"""A caution stands where intervals are known to fall short, and nowhere else."""

import numpy as np
import pytest
from scipy.stats import norm

from cfdna_interp.stats.caution import HIGH, LOWEST_SMALL, auroc_caution
from cfdna_interp.stats.roc import auroc_interval


@pytest.mark.parametrize(("case", "control", "auroc"), [(30, 30, HIGH), (200, 40, 0.5), (40, 40, 0.9)])
def test_nothing_is_said_where_coverage_is_as_promised(case, control, auroc):
    assert auroc_caution(case, control, auroc) == ""


def test_small_classes_and_high_aurocs_have_their_sentence():
    assert auroc_caution(12, 400, 0.7).startswith("With 12 subjects in the smaller class")
    assert auroc_caution(400, 29, 0.99).startswith("With 29 subjects")
    assert auroc_caution(60, 60, 0.95).startswith("So near to 1")


def test_the_worst_case_of_small_classes_is_as_bad_as_it_says():
    # 15 + 60 at .95, 500 cohorts: Monte-Carlo SD .016.
    rng = np.random.default_rng(1)
    labels = np.repeat([1, 0], [15, 60])
    held = 0
    for _ in range(500):
        scores = rng.normal(size=75) + np.sqrt(2) * norm.ppf(0.95) * labels
        interval = auroc_interval(labels, scores, rng, bootstrap=200)
        held += interval.low <= 0.95 <= interval.high
    assert held / 500 < 0.92
    assert held / 500 > LOWEST_SMALL / 100 - 0.05
