"""Shift between roles: read where planted, not read where absent, differences by hand."""

import numpy as np
import pytest
from scipy.stats import ttest_ind

from cfdna_interp.audit.shift import role_shift
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.multiplicity import benjamini_hochberg

NAMES = [f"f{i}" for i in range(20)]
GROUPS = ["fragment_length"] * 10 + ["coverage"] * 10


def run(seed, shift=0.0, n=60, m=40):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, 20)), rng.normal(size=(m, 20))
    b[:, 12] += shift
    return a, b, role_shift(a, b, NAMES, GROUPS, rng)


def test_a_planted_shift_is_read_and_its_feature_comes_first():
    a, b, got = run(1, shift=2.0)
    assert got.auroc > 0.8 and got.p == 1 / 200
    assert (got.discovery, got.heldout, got.missing) == (60, 40, None)
    first = got.features[0]
    assert (first.feature, first.group) == ("f12", "coverage")
    pooled = np.sqrt((a[:, 12].var() + b[:, 12].var()) / 2)
    assert first.difference == pytest.approx((b[:, 12].mean() - a[:, 12].mean()) / pooled)
    q = benjamini_hochberg([ttest_ind(b[:, i], a[:, i], equal_var=False).pvalue for i in range(20)])
    assert first.q == pytest.approx(q[12])
    assert {item.feature: item.q for item in got.features} == pytest.approx(dict(zip(NAMES, q, strict=True)))


def test_without_a_shift_p_is_uniform_and_chance_is_one_half():
    found = [run(seed)[2] for seed in range(10, 40)]
    p = np.array([item.p for item in found])
    # Mean of 30 uniform values: .5 with standard deviation .053.
    assert abs(p.mean() - 0.5) < 0.21
    assert (p <= 0.05).sum() <= 6
    assert np.mean([item.chance for item in found]) == pytest.approx(0.5, abs=0.01)
    assert np.mean([item.auroc for item in found]) == pytest.approx(0.5, abs=0.05)


def test_missing_and_constant_features():
    a, b, _ = run(2)
    a[:, 0], b[:, 0] = 1.0, 1.0
    b[:, 1] = np.nan
    a[:50, 2] = np.nan
    got = role_shift(a, b, NAMES, GROUPS, np.random.default_rng(3))
    assert {item.feature for item in got.features} == set(NAMES[2:])
    assert np.isfinite(got.auroc)


def test_few_controls_and_empty_tables_are_said():
    a, b, _ = run(3)
    assert role_shift(a, b[:9], NAMES, GROUPS, np.random.default_rng(1)).missing == Missing(
        why=Cause.FEW_CONTROLS_OF_A_ROLE, seen=9, needed=10
    )
    same = role_shift(a * 0, b * 0, NAMES, GROUPS, np.random.default_rng(1))
    assert same.missing == Missing(why=Cause.CONSTANT_FEATURES) and same.auroc is None
