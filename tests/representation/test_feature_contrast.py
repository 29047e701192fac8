"""Features against heads of permuted labels: the statistic, the threshold, the error rate and the power."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from cfdna_interp.representation.feature_attribution import CodeAttributions
from cfdna_interp.representation.feature_contrast import (
    MATERIAL,
    FeatureTest,
    NullCounts,
    judge_features,
    null_threshold,
    welch,
)

SUBJECTS, FEATURES, HEADS = 60, 20, 19


def study(
    seed: int, *, heads: int = HEADS, effect: float = 0.0, scale: np.ndarray | None = None
) -> tuple[CodeAttributions, np.ndarray]:
    """Correlated attributions without signal; under the first model, feature 0 differs by ``effect``."""
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.permutation(np.arange(SUBJECTS) % 2) for _ in range(heads + 1)])
    activity = rng.standard_normal((SUBJECTS, 5)) @ rng.standard_normal((5, FEATURES))
    activity += rng.standard_normal((SUBJECTS, FEATURES))
    codes = activity * rng.standard_normal((heads + 1, 1, FEATURES))  # a head weighs features in its own way
    codes[0, :, 0] = rng.standard_normal(SUBJECTS) + effect * labels[0]
    codes *= np.ones(FEATURES) if scale is None else scale
    return CodeAttributions(codes, 0.1 * rng.standard_normal((heads + 1, SUBJECTS))), labels


def judged(attributed: CodeAttributions, labels: np.ndarray) -> tuple[FeatureTest, NullCounts]:
    return judge_features(attributed, labels, np.arange(SUBJECTS), resamples=200, seed=1)


def test_statistic_is_welchs() -> None:
    rng = np.random.default_rng(1)
    values, labels = 100 + rng.standard_normal((23, 4)) * [1, 5, 0.1, 2], np.arange(23) % 3 // 2
    expected = ttest_ind(values[labels == 1], values[labels == 0], equal_var=False).statistic
    np.testing.assert_allclose(welch(values, labels), expected)


def test_statistic_of_resamples_is_that_of_the_repeated_rows() -> None:
    rng = np.random.default_rng(2)
    values, labels = rng.standard_normal((20, 3)), np.arange(20) % 2
    counts = np.stack([np.bincount(rng.choice(20, 20), minlength=20) for _ in range(5)])
    found = welch(values, labels, counts)
    for draw, count in enumerate(counts):
        rows, y = np.repeat(values, count, axis=0), np.repeat(labels, count)
        np.testing.assert_allclose(
            found[draw], ttest_ind(rows[y == 1], rows[y == 0], equal_var=False).statistic
        )


def test_a_feature_that_never_differs_has_statistic_zero() -> None:
    assert welch(np.full((10, 1), 0.37), np.arange(10) % 2)[0] == 0.0


@given(st.integers(1, 400))
def test_threshold_is_the_rank_that_one_more_head_exceeds_in_at_most_a_twentieth(heads: int) -> None:
    # Of n + 1 exchangeable heads the new one lies above the k-th of the others with chance (n + 1 - k) / (n
    # + 1).
    threshold = null_threshold(np.arange(heads))
    rank = threshold + 1
    if heads >= 19:
        assert (heads + 1 - rank) / (heads + 1) <= 0.05 + 1e-12
        assert (heads + 2 - rank) / (heads + 1) > 0.05
    else:
        assert rank == heads


def test_planted_feature_survives_alone() -> None:
    # d = 3 between 30 and 30: t is about 3 / sqrt(2 / 30) = 11.6, the null's maximum over 20 about 3.2.
    test, _ = judged(*study(1, effect=3.0))
    assert np.flatnonzero(test.survived).tolist() == [0]
    assert test.t[0] == pytest.approx(11.6, abs=3)
    assert test.kept[0] > 0.99
    assert test.difference[0] > 0


def test_a_feature_that_hardly_passes_is_lost_in_resamples() -> None:
    # Where t is just above the threshold, about half of the resamples fall below it.
    for seed in range(200):
        test, _ = judged(*study(seed, effect=1.1))
        if test.passed[0] and abs(test.t[0]) < test.threshold + 0.4:
            break
    assert 0.3 < test.kept[0] < 0.9
    assert not test.survived[0]


def test_a_sure_but_tiny_feature_is_not_material() -> None:
    scale = np.ones(FEATURES)
    scale[0] = 1e-3
    test, _ = judged(*study(1, effect=3.0, scale=scale))
    assert abs(test.t[0]) > test.threshold
    assert test.share[0] < MATERIAL
    assert not test.passed[0]
    assert np.isnan(test.kept[0])


def test_shares_and_the_errors_make_one() -> None:
    test, _ = judged(*study(3))
    assert test.share.sum() + test.error_share == pytest.approx(1)


def test_without_signal_hardly_a_head_has_a_feature_that_survives() -> None:
    # At most 5 % of 100 studies have one above the threshold (binomial, mean 5, sd 2.2), fewer keep it.
    found = [judged(*study(seed))[0] for seed in range(100)]
    assert sum(test.passed.any() for test in found) <= 12
    assert sum(test.survived.any() for test in found) <= 2


def test_permuted_heads_are_held_against_the_others() -> None:
    _, null = judged(*study(4, heads=99))
    assert null.passed.shape == null.survived.shape == (99,)
    # With 98 others the threshold is their 95th; five of 99 lie above the 94th of all.
    assert (null.passed > 0).sum() <= 6
    assert (null.survived <= null.passed).all()


def test_samples_of_a_subject_count_once() -> None:
    attributed, labels = study(5, effect=3.0)
    twice = CodeAttributions(np.repeat(attributed.codes, 2, axis=1), np.repeat(attributed.error, 2, axis=1))
    subjects = np.repeat(np.arange(SUBJECTS), 2)
    one, _ = judged(attributed, labels)
    two, _ = judge_features(twice, np.repeat(labels, 2, axis=1), subjects, resamples=200, seed=1)
    np.testing.assert_allclose(one.t, two.t)
    np.testing.assert_array_equal(one.kept, two.kept)
