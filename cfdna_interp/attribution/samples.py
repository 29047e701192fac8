"""The samples of a role, with their subjects, labels and scores of a foreign model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cfdna_interp.stats.subjects import Subjects, by_subject


@dataclass(frozen=True, eq=False, kw_only=True)
class RoleSamples:
    """The samples of a role.

    Attributes
    ----------
    samples, subjects
        (samples,) names, in the order of the files.
    codes
        (samples,) integer code of the subject.
    labels
        (samples,) 1 case, 0 control. All are -1 in the held-out role, whose labels these stages don't read.
    scores
        (samples,) logits of a foreign model, which is then the model under study; None without one.
    """

    samples: tuple[str, ...]
    subjects: tuple[str, ...]
    codes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray | None = None

    @cached_property
    def places(self) -> np.ndarray:
        """(samples,) index of the sample's subject, with subjects by ascending code."""
        return Subjects(self.codes).index

    @cached_property
    def subject_labels(self) -> np.ndarray:
        """(subjects,) labels, subjects by ascending code."""
        labels: np.ndarray = self.labels[np.unique(self.codes, return_index=True)[1]]
        return labels

    def average(self, values: np.ndarray) -> np.ndarray:
        """Return (subjects, ...) means of (samples, ...) values over each subject's samples."""
        return by_subject(self.codes, values)
