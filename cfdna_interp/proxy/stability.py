"""Features that are selected repeatedly in halves of the cohort.

Stability selection (Meinshausen and Bühlmann 2010) on complementary pairs of halves, for which the bound on
false selections holds whatever the dependence between features (Shah and Samworth 2013).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lars_path
from sklearn.preprocessing import StandardScaler

from cfdna_interp.proxy.steps import Impute
from cfdna_interp.records.proxy import Frequency, Stability
from cfdna_interp.stats.subjects import LabelledSubjects

PAIRS = 50
THRESHOLD = 0.75
# Tolerated expected number of selected features that are no better than chance.
FALSE = 1.0


def stability(
    X: np.ndarray,
    names: Sequence[str],
    labels: np.ndarray,
    subjects: np.ndarray,
    rng: np.random.Generator,
    pairs: int = PAIRS,
) -> Stability:
    """Select features in halves of the subjects and count how often each is selected.

    A half has half of the cases and half of the controls. Features are ordered by their entry into the lasso
    of the label on standardised features, whose path is known exactly (Efron et al. 2004). The number of
    features per half is the largest for which the bound is at most one false selection.

    Parameters
    ----------
    X
        (samples, features), none of them constant; NaN where missing. Samples of a subject are averaged.
    names
        (features,) their names.
    labels, subjects
        (samples,) label and subject.
    rng
        Source of the halves.
    pairs
        Number of pairs.
    """
    groups = LabelledSubjects(labels, subjects)
    means = groups.means(Impute().fit_transform(X))  # (subjects, features)
    count = means.shape[1]
    per_half = min(count, max(1, int(np.sqrt((2 * THRESHOLD - 1) * count * FALSE))))
    chosen = np.zeros(count)
    for _ in range(pairs):
        for half in _halves(groups.labels, rng):
            chosen[_first(means[half], groups.labels[half], per_half)] += 1
    frequency = chosen / (2 * pairs)
    order = sorted(range(count), key=lambda i: (-frequency[i], names[i]))
    return Stability(
        pairs=pairs,
        per_half=per_half,
        threshold=THRESHOLD,
        expected_false=min(float(count), per_half**2 / ((2 * THRESHOLD - 1) * count)),
        selected=tuple(names[i] for i in order if frequency[i] >= THRESHOLD),
        features=tuple(
            Frequency(name=name, frequency=float(value)) for name, value in zip(names, frequency, strict=True)
        ),
    )


def _halves(labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    first, second = [], []
    for label in (0, 1):
        members = rng.permutation(np.flatnonzero(labels == label))
        size = len(members) // 2
        first.append(members[:size])
        second.append(members[size : 2 * size])
    return np.concatenate(first), np.concatenate(second)


def _first(X: np.ndarray, labels: np.ndarray, wanted: int) -> np.ndarray:
    """Return the first ``wanted`` features to enter the lasso path, or all that ever enter."""
    Z = StandardScaler().fit_transform(X)
    with warnings.catch_warnings():
        # Of two nearly equal columns only one enters.
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, _, path = lars_path(Z, labels - labels.mean(), method="lasso", max_iter=2 * wanted + 2)
    entered = np.logical_or.accumulate(path != 0, axis=1)  # (features, steps)
    enough = np.flatnonzero(entered.sum(axis=0) >= wanted)
    return np.flatnonzero(entered[:, enough[0] if len(enough) else -1])
