"""Read the reference genome's bases under fragments: end motifs and GC, also where no base was sequenced."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pysam

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import bare

UNKNOWN = 4  # code of any base but A C G T
_CODES = np.full(256, UNKNOWN, dtype=np.uint8)
_CODES[list(b"ACGTacgt")] = (0, 1, 2, 3, 0, 1, 2, 3)  # soft-masked bases are bases
_MOTIF = 4  # bases of an end motif
_ROWS = 2_048  # fragments that are looked up at once; it bounds the bases in memory
_GAP = 1_000  # bp; fragments no further apart are read as one stretch
_APART = 1 << 33  # bp from the start of a contig to the start of the next on one axis; longer than any contig


class ReferenceGenome:
    """An indexed FASTA file; contigs match by :func:`cfdna_interp.fragments.build.bare`.

    Parameters
    ----------
    path
        FASTA file, plain or bgzipped, with its ``.fai`` (and ``.gzi``) beside it.

    Raises
    ------
    InputError
        The file or its index is missing or can't be read.
    """

    def __init__(self, path: str):
        self.path = path
        if not os.path.isfile(path):
            raise InputError(f"reference {path} does not exist; correct reference.fasta")
        # Otherwise htslib writes a missing index beside the file, whose folder may be shared or read-only.
        for index in (f"{path}.fai", *([f"{path}.gzi"] if path.endswith((".gz", ".bgz")) else [])):
            if not os.path.isfile(index):
                raise InputError(f"reference {path} has no index {index}; run samtools faidx on it")
        verbosity = pysam.set_verbosity(0)
        try:
            self._file = pysam.FastaFile(path)
        except (OSError, ValueError) as error:
            raise InputError(
                f"reference {path} cannot be opened ({' '.join(str(error).split())}); "
                "give a FASTA file that samtools faidx has indexed"
            ) from None
        finally:
            pysam.set_verbosity(verbosity)
        self._lengths = dict(zip(self._file.references, self._file.lengths, strict=True))
        self._aliases = {bare(name): name for name in reversed(self._file.references)}

    def check(self, contigs: Sequence[str]) -> None:
        """Raise ``InputError`` where a contig is absent."""
        for contig in contigs:
            self._name(contig)

    def has(self, contig: str) -> bool:
        """Tell whether the contig is there."""
        return contig in self._lengths or bare(contig) in self._aliases

    def length(self, contig: str) -> int:
        """Return a contig's bases; raise ``InputError`` where it is absent."""
        return int(self._lengths[self._name(contig)])

    def fit(self, contigs: Mapping[str, int], who: str) -> None:
        """Refuse a genome of another build: one that has a longer contig than the sample.

        Between two builds some chromosomes get longer and others shorter. A shorter contig proves nothing,
        since the file may hold only the first part of a genome. The mitochondrion isn't compared: its
        sequence differs between distributions of one build.

        Parameters
        ----------
        contigs
            Contig -> length (bp) in the sample's header.
        who
            Begins the error message: sample and file.
        """
        for contig, length in contigs.items():
            name = contig if contig in self._lengths else self._aliases.get(bare(contig))
            if name is not None and bare(name) != "MT" and self._lengths[name] > length:
                raise InputError(
                    f"{who}: contig {contig} has {length:,} bp, in reference {self.path} it has "
                    f"{self._lengths[name]:,} bp; set reference.fasta to the genome that the sample was "
                    "aligned to"
                )

    def codes(self, contig: str, start: int, end: int) -> np.ndarray:
        """Return (end - start,) uint8: 0..3 for A C G T, 4 unknown or outside of the sequence.

        Parameters
        ----------
        contig
            Name, in any naming that :func:`cfdna_interp.fragments.build.bare` knows.
        start, end
            0-based, half-open; may lie beyond the ends of the contig.

        Raises
        ------
        InputError
            The contig is absent, or the file is shorter than its index says.
        """
        name = self._name(contig)
        codes = np.full(end - start, UNKNOWN, dtype=np.uint8)
        low, high = max(start, 0), min(end, self._lengths[name])
        if low >= high:
            return codes
        try:
            bases = self._file.fetch(name, low, high).encode()
        except (OSError, ValueError) as error:
            raise InputError(
                f"reference {self.path}: {name}:{low + 1}-{high} cannot be read "
                f"({' '.join(str(error).split())}); copy it again and run samtools faidx"
            ) from None
        if len(bases) != high - low:
            raise InputError(
                f"reference {self.path}: {name}:{low + 1}-{high} holds {len(bases)} bases; "
                "the index is of another file, run samtools faidx again"
            )
        codes[low - start : high - start] = _CODES[np.frombuffer(bases, dtype=np.uint8)]
        return codes

    def _name(self, contig: str) -> str:
        name = contig if contig in self._lengths else self._aliases.get(bare(contig))
        if name is None:
            raise InputError(
                f"reference {self.path} has no contig {contig}; set reference.fasta to the genome that the "
                "sample was aligned to, or leave the contig out of extract.contigs"
            )
        return name


def motifs_at(reference: ReferenceGenome, table: FragmentTable) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) int16 each: the end motifs of the forward and of the reverse strand, -1 unknown.

    Numbers are indices into ``artifacts.fragments.MOTIFS``: the first four bases of each strand, read
    5' to 3'. The reverse strand begins at the fragment's end.
    """
    five, three = (np.full(len(table), -1, dtype=np.int16) for _ in range(2))
    along = np.arange(_MOTIF)
    for part in _stretches(reference, table):
        forward = part.codes[part.first[:, None] + along]
        reverse = part.codes[part.last[:, None] - 1 - along]
        five[part.rows] = _motif(forward)
        three[part.rows] = _motif(np.where(reverse < UNKNOWN, 3 - reverse, reverse))
    return five, three


def gc_of(reference: ReferenceGenome, table: FragmentTable) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) int64 each: bases G or C of every fragment, and its known bases (A C G T)."""
    strong, known = (np.zeros(len(table), dtype=np.int64) for _ in range(2))
    for part in _stretches(reference, table):
        for counts, mask in (
            (strong, (part.codes == 1) | (part.codes == 2)),
            (known, part.codes < UNKNOWN),
        ):
            sums = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])
            counts[part.rows] = sums[part.last] - sums[part.first]
    return strong, known


def with_reference_ends(table: FragmentTable, reference: ReferenceGenome) -> FragmentTable:
    """Return the table with the reference's end motifs instead of those of the reads."""
    motif_5p, motif_3p = motifs_at(reference, table)
    return replace(table, motif_5p=motif_5p, motif_3p=motif_3p)


def with_reference_bases(table: FragmentTable, reference: ReferenceGenome) -> tuple[FragmentTable, int, int]:
    """Return the table with the reference's end motifs and GC, for fragments whose own bases aren't known.

    Returns
    -------
    The table; bases G or C under all fragments, and known bases (A C G T) under them.
    """
    strong, known = gc_of(reference, table)
    gc = np.where(known > 0, strong / np.maximum(known, 1), np.nan).astype(np.float32)
    return replace(with_reference_ends(table, reference), gc=gc), int(strong.sum()), int(known.sum())


@dataclass(frozen=True, eq=False)
class _Stretches:
    """The bases under some fragments; those of close fragments are read together.

    Fragment ``rows[i]`` of the table covers ``codes[first[i]:last[i]]``. At least four codes lie on
    either side, so that also a fragment shorter than a motif has a motif.
    """

    rows: np.ndarray
    codes: np.ndarray
    first: np.ndarray
    last: np.ndarray


def _stretches(reference: ReferenceGenome, table: FragmentTable) -> Iterator[_Stretches]:
    order = np.lexsort((table.start, table.contig))
    for begin in range(0, len(order), _ROWS):
        rows = order[begin : begin + _ROWS]
        # All contigs lie on one axis, and a new contig is a wide gap.
        start = table.contig[rows].astype(np.int64) * _APART + table.start[rows]
        end = start + table.length[rows]
        reach = np.maximum.accumulate(end)
        opens = np.concatenate([[True], start[1:] > reach[:-1] + _GAP])
        lows = start[opens] - _MOTIF
        highs = reach[np.concatenate([opens[1:], [True]])] + _MOTIF
        pieces = []
        for low, high, contig in zip(lows, highs, table.contig[rows][opens], strict=True):
            shift = int(contig) * _APART
            pieces.append(reference.codes(table.contig_names[contig], int(low) - shift, int(high) - shift))
        sizes = highs - lows
        # Place on the axis + shift = place among the codes.
        shifts = np.cumsum(sizes) - sizes - lows
        shift_of = shifts[np.cumsum(opens) - 1]
        yield _Stretches(rows, np.concatenate(pieces), start + shift_of, end + shift_of)


def _motif(codes: np.ndarray) -> np.ndarray:
    index = codes.astype(np.int64) @ np.array([64, 16, 4, 1])
    return np.where((codes == UNKNOWN).any(axis=1), -1, index).astype(np.int16)
