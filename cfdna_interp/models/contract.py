"""The interface of an epigenetic model to the rest of the software."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
import torch

# Largest number of calls per fragment in a model's input. Fewer than 1 % of human cell-free fragments outside
# CpG islands have more.
MAX_CALLS = 16


@dataclass(frozen=True, eq=False)
class FragmentInputs:
    """Fragments as model inputs, with calls padded to a rectangular array.

    Attributes
    ----------
    length
        (n,) absolute fragment length in bp.
    offsets
        (n, MAX_CALLS) bp from the fragment's start to the C of each CpG, -1 for no call.
    states
        (n, MAX_CALLS) 1 methylated, 0 unmethylated, -1 for no call.
    locus
        (n,) locus class: 0 if the fragment touches no atlas block, else 1 + target class.
    region
        (n,) hashed genomic window, 0 to ``REGIONS - 1``.
    place
        (n,) 0-based position of the first base on the concatenated reference, that is the contigs of the
        FASTA end to end in the order of its index. -1 without a FASTA or if the contig isn't in it.
    strand
        (n,) +1 or -1: the strand that the molecule comes from; 0 unknown.
    """

    length: np.ndarray
    offsets: np.ndarray
    states: np.ndarray
    locus: np.ndarray
    region: np.ndarray
    place: np.ndarray
    strand: np.ndarray

    def __len__(self) -> int:
        return len(self.length)

    @property
    def counts(self) -> np.ndarray:
        """(n,) number of CpG calls, at most ``MAX_CALLS``."""
        counts: np.ndarray = (self.offsets >= 0).sum(axis=1)
        return counts

    @property
    def level(self) -> np.ndarray:
        """(n,) share of methylated calls, 0 without calls."""
        level: np.ndarray = (self.states == 1).sum(axis=1) / np.maximum(self.counts, 1)
        return level

    def take(self, rows: np.ndarray) -> FragmentInputs:
        """Return the fragments at ``rows``."""
        return FragmentInputs(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    def with_stretch_of(self, donors: FragmentInputs, rows: np.ndarray) -> FragmentInputs:
        """Return the fragments with length, place and call positions of donors.

        Parameters
        ----------
        donors
            Fragments to take from.
        rows
            (n,) row of ``donors`` for each fragment, -1 to leave a fragment unchanged. A donor has the same
            number of calls as its fragment, so that states and offsets stay aligned.
        """
        matched = rows >= 0
        taken = {}
        for name in ("length", "offsets", "place", "strand"):
            taken[name] = getattr(self, name).copy()
            taken[name][matched] = getattr(donors, name)[rows[matched]]
        return replace(self, **taken)

    def with_states(self, states: np.ndarray) -> FragmentInputs:
        """Return the fragments with other call states."""
        return replace(self, states=states)

    @staticmethod
    def concatenate(parts: list[FragmentInputs]) -> FragmentInputs:
        """Stack inputs along fragments."""
        names = [item.name for item in fields(FragmentInputs)]
        return FragmentInputs(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


class Encoder(Protocol):
    """A frozen map from fragments to vectors that never saw a label."""

    @property
    def digest(self) -> str:
        """SHA-256 over everything that decides an embedding: weights, rendering, pooling."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    @property
    def consumes(self) -> frozenset[str]:
        """What the encoder reads of a fragment: feature groups, ``locus`` and base ``sequence``."""

    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        """Return (n, dim) float32 embeddings; row i depends on fragment i alone."""
