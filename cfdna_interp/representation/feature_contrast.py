"""Tests of whether a feature separates cases from controls through the head, against permuted labels.

A feature's statistic is Welch's t, over subjects, of its attribution to the logit between cases and controls.
It doesn't depend on scale. This matters because calibration shrinks the logits of heads that learnt nothing.
The threshold is the 95 % quantile, over heads fitted to permuted labels, of the largest |t| of any feature.
The chance that a head without signal has one feature above it is then at most 5 %, for any dependence between
features (Westfall & Young 1993, "Resampling-based multiple testing").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.representation.feature_attribution import CodeAttributions
from cfdna_interp.stats.resampling import bootstrap_counts, stream
from cfdna_interp.stats.subjects import by_subject

LEVEL = 0.95  # quantile over permuted heads, and share of resamples
# Smallest share of the whole contrast. A feature with less is irrelevant to the logit, even if it is
# significant.
MATERIAL = 0.01


@dataclass(frozen=True, eq=False)
class FeatureTest:
    """Test results of the features of one dictionary under one model.

    Attributes
    ----------
    t
        (features,) Welch's t of cases minus controls.
    difference
        (features,) mean attribution of cases minus that of controls, in units of the logit.
    share
        (features,) its absolute value divided by the sum of absolute values of all features and of the error.
    error_share
        The same share of the error.
    threshold
        Value that |t| has to exceed.
    passed
        (features,) |t| exceeds the threshold and the share reaches ``MATERIAL``.
    kept
        (features,) share of resamples of subjects in which t exceeds the threshold with the same sign; NaN if
        the feature has not passed.
    """

    t: np.ndarray
    difference: np.ndarray
    share: np.ndarray
    error_share: float
    threshold: float
    passed: np.ndarray
    kept: np.ndarray

    @property
    def survived(self) -> np.ndarray:
        """(features,) bool: passed, and kept in ``LEVEL`` of resamples."""
        survived: np.ndarray = np.nan_to_num(self.kept) >= LEVEL
        return survived


@dataclass(frozen=True, eq=False)
class NullCounts:
    """Features that pass under permuted heads, each compared with the threshold of the others.

    Attributes
    ----------
    passed, survived
        (heads,) number of features.
    """

    passed: np.ndarray
    survived: np.ndarray


def judge_features(
    attributed: CodeAttributions,
    labels: np.ndarray,
    subjects: np.ndarray,
    *,
    resamples: int,
    seed: int,
) -> tuple[FeatureTest, NullCounts]:
    """Test the features of a dictionary against permuted heads.

    Parameters
    ----------
    attributed
        Attributions under the run's heads, followed by those under heads of permuted labels.
    labels
        (models, samples) labels that each model was fitted to.
    subjects
        (samples,) subject codes.
    resamples
        Bootstrap draws of subjects within each class.
    seed
        The run's seed.
    """

    def people(model: int) -> np.ndarray:  # (subjects, features + 2), of one model at a time
        columns = (attributed.codes[model], attributed.error[model][:, None], labels[model][:, None])
        return by_subject(subjects, np.concatenate(columns, axis=1))

    largest = np.zeros(len(labels) - 1)
    for model in range(1, len(labels)):
        each = people(model)
        largest[model - 1] = np.abs(welch(each[:, :-2], each[:, -1])).max()
    nulls = [largest, *(np.delete(largest, i) for i in range(len(largest)))]
    tests = [
        _judge(people(model), null_threshold(others), resamples, stream(seed, "features", model))
        for model, others in enumerate(nulls)
    ]
    return tests[0], NullCounts(
        np.array([int(test.passed.sum()) for test in tests[1:]]),
        np.array([int(test.survived.sum()) for test in tests[1:]]),
    )


def null_threshold(largest: np.ndarray) -> float:
    """Return the 95 % quantile of (heads,) largest statistics, which a further head exceeds in ≤ 5 %.

    For n heads it is the ⌈.95 (n + 1)⌉-th smallest, the quantile of a rank test. For fewer than 19 heads it
    is the largest, which one of n + 1 heads exceeds by chance.
    """
    rank = min(len(largest), int(np.ceil(LEVEL * (len(largest) + 1) - 1e-9)))
    return float(np.sort(largest)[rank - 1])


def welch(values: np.ndarray, labels: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Return Welch's t (Biometrika 34:28, 1947) of label 1 minus label 0; 0 if nothing varies.

    Parameters
    ----------
    values
        (subjects, features).
    labels
        (subjects,) 0 or 1.
    counts
        (draws, subjects) multiplicity of each subject; by default 1.

    Returns
    -------
    (draws, features), without ``counts`` (features,).
    """
    weights = np.ones((1, len(labels))) if counts is None else counts
    centred = values - values.mean(axis=0)  # squares of numbers far from zero would lose digits
    means, errors = [], []
    for label in (1, 0):
        rows = labels == label
        own, at = weights[:, rows], centred[rows]
        n = own.sum(axis=1, keepdims=True)
        mean = own @ at / n
        variance = np.maximum(own @ at**2 / n - mean**2, 0) * n / (n - 1)
        means.append(mean)
        errors.append(variance / n)
    spread = np.sqrt(errors[0] + errors[1])
    t = np.divide(means[0] - means[1], spread, out=np.zeros_like(spread), where=spread > 1e-12)
    return np.asarray(t[0] if counts is None else t)


def _judge(people: np.ndarray, threshold: float, resamples: int, rng: np.random.Generator) -> FeatureTest:
    values, labels = people[:, :-1], people[:, -1]
    difference = values[labels == 1].mean(axis=0) - values[labels == 0].mean(axis=0)
    share = np.abs(difference) / max(float(np.abs(difference).sum()), np.finfo(float).tiny)
    t = welch(values[:, :-1], labels)
    passed = (np.abs(t) > threshold) & (share[:-1] >= MATERIAL)
    share_of_resamples = np.full(len(t), np.nan)
    if passed.any():
        counts = np.stack([bootstrap_counts(labels, rng) for _ in range(resamples)])
        drawn = welch(values[:, :-1][:, passed], labels, counts) * np.sign(t[passed])
        share_of_resamples[passed] = (drawn > threshold).mean(axis=0)
    return FeatureTest(
        t, difference[:-1], share[:-1], float(share[-1]), threshold, passed, share_of_resamples
    )
