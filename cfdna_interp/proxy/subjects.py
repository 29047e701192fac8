"""Samples gathered by subject: folds, weights and mean logits are of subjects."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedKFold

FOLDS = 5


class Subjects:
    """Samples gathered by subject; subjects in sorted order of their names.

    Attributes
    ----------
    labels
        (subjects,) 1 case, 0 control.
    index
        (samples,) each sample's subject.
    first
        (subjects,) the first sample of each.
    counts
        (subjects,) number of samples.
    weights
        (samples,) one over the number of samples of the subject.
    """

    def __init__(self, labels: np.ndarray, subjects: np.ndarray) -> None:
        _, self.first, self.index, self.counts = np.unique(
            np.asarray(subjects, dtype=str), return_index=True, return_inverse=True, return_counts=True
        )
        self.labels = np.asarray(labels)[self.first]
        self.weights = 1 / self.counts[self.index]

    def folds(self, members: np.ndarray, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (training, tested) subjects of each fold, drawn from ``members``, stratified by label."""
        labels = self.labels[members]
        fewest = int(min((labels == 0).sum(), (labels == 1).sum()))
        splitter = StratifiedKFold(min(FOLDS, fewest), shuffle=True, random_state=int(rng.integers(2**31)))
        return [(members[a], members[b]) for a, b in splitter.split(np.zeros(len(members)), labels)]

    def rows(self, members: np.ndarray) -> np.ndarray:
        """Return the samples of the given subjects."""
        return np.flatnonzero(np.isin(self.index, members))

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return (subjects, ..) means over each subject's samples of (samples, ..) values."""
        order = np.argsort(self.index, kind="stable")
        starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        sums = np.add.reduceat(values[order], starts, axis=0)
        return np.asarray((sums.T / self.counts).T)

    def mean_logits(self, logits: np.ndarray, members: np.ndarray) -> np.ndarray:
        """Return the mean logit of each of ``members``; other samples' logits may be anything."""
        rows = self.rows(members)
        sums = np.bincount(self.index[rows], weights=logits[rows], minlength=len(self.labels))
        return np.asarray((sums / self.counts)[members])
