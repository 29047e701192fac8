"""The reference line: the contigs of a FASTA file end to end, so that one number is a place in the genome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import common_name, load_build
from cfdna_interp.fragments.reference import ReferenceGenome


@dataclass(frozen=True, eq=False)
class Located:
    """Places of n fragments: name of each contig, and (n,) 0-based start on it."""

    names: list[str]
    starts: np.ndarray


class ReferenceLine:
    """The bases of a reference and the contigs of its line.

    Parameters
    ----------
    fasta
        Indexed FASTA file, plain or bgzipped.

    Raises
    ------
    InputError
        The file or its index is missing or can't be read.
    """

    def __init__(self, fasta: str) -> None:
        self.fasta = fasta
        reference = ReferenceGenome(fasta)
        self.contigs = _contigs(fasta)
        self.codes = reference.codes
        self._names = list(self.contigs)
        self._ends = np.cumsum(list(self.contigs.values()))

    def locate(self, place: np.ndarray, length: np.ndarray) -> Located:
        """Return contig and start of fragments.

        Parameters
        ----------
        place
            (n,) 0-based positions of first bases on the line.
        length
            (n,) bp.

        Raises
        ------
        InputError
            A fragment lies on no contig of the reference, or ends beyond its contig.
        """
        lost = int((place < 0).sum())
        if lost:
            raise InputError(
                f"{lost:,} of {len(place):,} fragments lie on contigs that reference {self.fasta} doesn't "
                "have; set reference.fasta to the genome of the alignments, or leave the contigs out of "
                "extract.contigs"
            )
        number = np.minimum(np.searchsorted(self._ends, place, side="right"), len(self._ends) - 1)
        starts = place - np.concatenate([[0], self._ends[:-1]])[number]
        beyond = np.flatnonzero(place + length > self._ends[number])
        if len(beyond):
            row = beyond[0]
            name = self._names[number[row]]
            raise InputError(
                f"a fragment of {length[row]} bp at {name}:{starts[row] + 1:,} ends beyond its contig of "
                f"{self.contigs[name]:,} bp in reference {self.fasta}; set reference.fasta to the genome of "
                "the alignments"
            )
        return Located([self._names[i] for i in number.tolist()], starts)


def contig_starts(fasta: str) -> dict[str, int]:
    """Return the start of each contig on the reference line, by the contig's common name.

    The line has the contigs in the order of the FASTA's index. If a chromosome has several names, the first
    one counts.

    Raises
    ------
    InputError
        The index is missing or can't be read.
    """
    starts: dict[str, int] = {}
    end = 0
    for name, length in _contigs(fasta).items():
        starts.setdefault(common_name(name), end)
        end += length
    return starts


def _contigs(fasta: str) -> dict[str, int]:
    """Return contig -> length (bp) in the order of the FASTA's index."""
    index = Path(f"{fasta}.fai")
    if not index.is_file():
        raise InputError(f"reference {fasta} has no index {index}; run samtools faidx on it")
    return load_build(index)
