"""Drawn fragments for the length curve: within its range and with context held fixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.representation.centroids import (
    LengthSums,
    context_strata,
    context_weights,
    length_sums,
    stratum_effects,
)
from cfdna_interp.representation.material import Part


@dataclass(frozen=True, eq=False)
class LengthFragments:
    """Drawn fragments within the range of lengths.

    Attributes
    ----------
    embeddings
        (n, dim) minus the effects of their strata.
    inputs
        Inputs of the encoder.
    rows
        (n,) index of each one's length in ``lengths``.
    weights
        (n,) weights from ``centroids.context_weights``.
    sample, subject
        (n,) index of the sample, and code of the subject.
    lengths
        (lengths,) bp.
    people
        Number of subjects of the cohort.
    """

    embeddings: np.ndarray
    inputs: FragmentInputs
    rows: np.ndarray
    weights: np.ndarray
    sample: np.ndarray
    subject: np.ndarray
    lengths: np.ndarray
    people: int

    def sums(self, dealt: np.ndarray | None = None) -> LengthSums:
        """Return sums by subject and length. With ``dealt`` every fragment takes the length of another."""
        rows, weights = self.rows, self.weights
        if dealt is not None:
            rows, weights = rows[dealt], weights[dealt]
        return length_sums(self.embeddings, rows, self.subject, weights, self.lengths, self.people)

    @classmethod
    def of(cls, part: Part, sample: np.ndarray, codes: np.ndarray, lengths: np.ndarray) -> LengthFragments:
        """Select the fragments of a draw whose lengths are in the range.

        Parameters
        ----------
        part, sample
            From ``Material.draw``.
        codes
            (samples,) code of each sample's subject.
        lengths
            (lengths,) the range, from ``centroids.length_range``.
        """
        length = part.fragments.length
        in_range = np.flatnonzero((length >= lengths[0]) & (length <= lengths[-1]))
        inputs, sample = part.fragments.take(in_range), sample[in_range]
        rows, strata = length[in_range].astype(np.int64) - lengths[0], context_strata(inputs)
        embeddings = part.embeddings.numpy()[in_range]
        embeddings -= stratum_effects(embeddings, rows, strata).astype(embeddings.dtype)[strata]
        weights = context_weights(rows, strata, len(lengths))
        return cls(embeddings, inputs, rows, weights, sample, codes[sample], lengths, int(codes.max()) + 1)
