"""Stability selection: what is planted is found, of nothing no more than the bound, and the bound by hand."""

import numpy as np
import pytest

from cfdna_interp.proxy.stability import stability


def cohort(n, p, seed, effect=0.0, carriers=0, shared=0.0):
    rng = np.random.default_rng(seed)
    y = np.tile([1, 0], n // 2)
    X = rng.normal(size=(n, p)) + shared * rng.normal(size=(n, 1))
    X[:, :carriers] += effect * y[:, None]
    return X, tuple(f"f{i:03d}" for i in range(p)), y, np.array([f"P{i:03d}" for i in range(n)])


def test_planted_features_are_selected_and_the_bound_is_as_by_hand():
    # 100 features, threshold .75: 7 per half, since 7² / (.5 · 100) = .98 and 8² would be 1.28.
    found = stability(*cohort(120, 100, 1, effect=1.5, carriers=3, shared=0.5), np.random.default_rng(1))
    assert (found.per_half, found.expected_false) == (7, pytest.approx(0.98))
    assert {"f000", "f001", "f002"} <= set(found.selected)
    assert len(found.selected) <= 5
    frequency = {row.name: row.frequency for row in found.features}
    assert min(frequency[name] for name in found.selected) >= 0.75


def test_without_an_effect_false_selections_stay_below_the_bound():
    # Bound .98 of 100 features: at most 5.9 over 6 cohorts are expected, in practice far fewer.
    wrong = [
        len(stability(*cohort(60, 100, seed, shared=0.5), np.random.default_rng(seed), pairs=20).selected)
        for seed in range(6)
    ]
    assert np.mean(wrong) <= 0.98
    found = stability(*cohort(60, 100, 1), np.random.default_rng(1))
    # Each half selects 7 of 100: frequencies average .07.
    assert np.mean([row.frequency for row in found.features]) == pytest.approx(0.07, abs=1e-9)


def test_samples_of_a_subject_count_once():
    X, names, y, subjects = cohort(40, 20, 3, effect=1.0, carriers=1)
    once = stability(X, names, y, subjects, np.random.default_rng(1), pairs=5)
    twice = stability(
        np.repeat(X, 2, axis=0),
        names,
        np.repeat(y, 2),
        np.repeat(subjects, 2),
        np.random.default_rng(1),
        pairs=5,
    )
    assert [row.frequency for row in once.features] == pytest.approx(
        [row.frequency for row in twice.features]
    )


def test_one_feature_alone_is_selected_whatever_it_carries():
    # One of one is always the first to enter: the bound says that this is worth nothing.
    found = stability(*cohort(20, 1, 1), np.random.default_rng(1), pairs=5)
    assert found.selected == ("f000",)
    assert found.expected_false == 1
