"""Samples grouped by subject: every mean, weight, fold and test is over subjects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FOLDS = 5


class Subjects:
    """The subject of each sample. Subjects are in ascending order of their names.

    Parameters
    ----------
    names
        (samples,) name or code of each sample's subject.

    Attributes
    ----------
    names
        (subjects,) their names.
    first
        (subjects,) the first sample of each.
    index
        (samples,) index of each sample's subject in ``names``.
    counts
        (subjects,) number of samples.
    weights
        (samples,) one divided by the number of samples of the subject.
    """

    def __init__(self, names: np.ndarray | Sequence[str]) -> None:
        self.names, self.first, self.index, self.counts = np.unique(
            np.asarray(names), return_index=True, return_inverse=True, return_counts=True
        )
        self.weights = 1 / self.counts[self.index]

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, members: np.ndarray) -> np.ndarray:
        """Return the samples of some of the subjects.

        Parameters
        ----------
        members
            Places of the subjects in ``names``.
        """
        return np.flatnonzero(np.isin(self.index, members))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return (subjects, ...) sums of (samples, ...) values over the samples of each subject."""
        sums = np.zeros((len(self), *values.shape[1:]))
        np.add.at(sums, self.index, values)
        return sums

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return (subjects, ...) means of (samples, ...) values over the samples of each subject."""
        counts = self.counts.reshape(-1, *([1] * (values.ndim - 1)))
        return np.asarray(self.sums(values) / counts)


class LabelledSubjects(Subjects):
    """Subjects with their labels.

    Parameters
    ----------
    labels
        (samples,) 1 case, 0 control; the samples of a subject have the same label.
    names
        (samples,) name of each sample's subject.

    Attributes
    ----------
    labels
        (subjects,) 1 case, 0 control.
    """

    def __init__(self, labels: np.ndarray, names: np.ndarray | Sequence[str]) -> None:
        super().__init__(np.asarray(names, dtype=str))
        self.labels = np.asarray(labels)[self.first]

    def folds(self, members: np.ndarray, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
        """Divide subjects into at most five folds that are stratified by label.

        Parameters
        ----------
        members
            Places of the subjects in ``names``.
        rng
            Source of randomness of the division.

        Returns
        -------
        The training subjects and the tested subjects of each fold.
        """
        # scikit-learn takes a second to import, and most users of this module don't need it.
        from sklearn.model_selection import StratifiedKFold

        labels = self.labels[members]
        fewest = int(min((labels == 0).sum(), (labels == 1).sum()))
        splitter = StratifiedKFold(min(FOLDS, fewest), shuffle=True, random_state=int(rng.integers(2**31)))
        return [(members[a], members[b]) for a, b in splitter.split(np.zeros(len(members)), labels)]


def by_subject(names: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return (subjects, ...) means of (samples, ...) values, subjects in ascending order of their names."""
    return Subjects(names).means(values)


def first_samples(names: np.ndarray | Sequence[str]) -> np.ndarray:
    """Return the index of the first sample of each subject, in the order of the samples."""
    return np.sort(Subjects(names).first)
