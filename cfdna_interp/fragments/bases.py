"""The read bases of a chunk of fragments, all in one array, and what they say without methylation calls.

The mates lie one after the other: the forward mates at even, the reverse mates at odd read numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.fragments.methylation import xm
from cfdna_interp.fragments.pairing import Read

# Base letter -> 0..3 in the order of MOTIFS, 4 unknown; 3 - code is the complement.
_CODES = np.full(256, 4, dtype=np.uint8)
_CODES[np.frombuffer(b"ACGT", dtype=np.uint8)] = (0, 1, 2, 3)
UNPLACED = -(2**30)  # reference position of read bases that are inserted or clipped
# What the CIGAR operations MIDNSHP=X (0..8) move: along the read, along the reference (SAM specification).
_CONSUMES_READ = (True, True, False, False, True, False, False, True, True)
_CONSUMES_REFERENCE = (True, False, True, True, False, False, False, True, True)


@dataclass(frozen=True, eq=False)
class Bases:
    """All read bases of a chunk: (bases,) arrays, and (reads + 1,) where each read begins."""

    splits: np.ndarray
    read: np.ndarray
    position: np.ndarray  # on the reference, UNPLACED for inserted and clipped bases
    letters: np.ndarray  # XM
    strand: np.ndarray
    codes: np.ndarray  # 0..3, conversion undone


def end_motif(codes: np.ndarray) -> np.ndarray:
    """Return (n,) indices into ``MOTIFS`` of (n, 4) base codes read 5' to 3', -1 where one is unknown."""
    index = codes.astype(np.int64) @ np.array([64, 16, 4, 1])
    return np.where((codes > 3).any(axis=1), -1, index).astype(np.int16)


def gather(mates: Sequence[Read], dialect: str) -> tuple[Bases, np.ndarray]:
    """Lay out the bases of mates (forward, reverse, forward, ...).

    Returns
    -------
    The bases, and (reads,) the genome strand of each mate, 0 unknown.
    """
    sequences = [read.query_sequence for read in mates]
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    splits = np.concatenate([[0], np.cumsum(lengths)])
    read = np.repeat(np.arange(len(mates), dtype=np.int32), lengths)
    begin = np.array([mate.reference_start for mate in mates], dtype=np.int64)
    position = np.arange(splits[-1], dtype=np.int64) + np.repeat(begin - splits[:-1], lengths)
    for number, mate in enumerate(mates):
        cigar = mate.cigartuples
        if len(cigar) != 1 or cigar[0][0] != 0:
            position[splits[number] : splits[number + 1]] = _positions(cigar, begin[number], lengths[number])
    codes = np.frombuffer("".join(sequences).encode(), dtype=np.uint8)
    if dialect == "none":
        nothing = np.zeros(0, dtype=np.uint8)
        unknown = np.zeros(len(mates), dtype=np.int8)
        return Bases(splits, read, position, nothing, nothing, _CODES[codes]), unknown
    calls = [xm.calls_of(mate, len(sequence)) for mate, sequence in zip(mates, sequences, strict=True)]
    letters = np.frombuffer("".join(text for text, _ in calls).encode(), dtype=np.uint8)
    read_strand = np.array([strand for _, strand in calls], dtype=np.int8)
    strand = read_strand[read]
    restored = xm.undo_conversion(codes, letters, strand)
    return Bases(splits, read, position, letters, strand, _CODES[restored]), read_strand


def _positions(cigar: list[tuple[int, int]], start: int, length: int) -> np.ndarray:
    """Return the reference position of each base of one read."""
    positions = np.full(length, UNPLACED, dtype=np.int64)
    base = 0
    for operation, size in cigar:
        if _CONSUMES_READ[operation] and _CONSUMES_REFERENCE[operation]:
            positions[base : base + size] = np.arange(start, start + size)
        base += size * _CONSUMES_READ[operation]
        start += size * _CONSUMES_REFERENCE[operation]
    return positions


def gc_share(bases: Bases, start: np.ndarray, end: np.ndarray, forward_end: np.ndarray) -> np.ndarray:
    """Return (n,) the share of G and C in the known bases inside the fragment, the overlap read once."""
    n = len(start)
    # The forward mate counts up to the fragment's end, the reverse mate from where the forward one ends.
    low = np.column_stack([start, np.maximum(start, forward_end)]).ravel()
    high = np.repeat(end, 2)
    inside = (bases.position >= low[bases.read]) & (bases.position < high[bases.read]) & (bases.codes < 4)
    fragment = bases.read >> 1
    known = np.bincount(fragment[inside], minlength=n)
    strong = np.bincount(fragment[inside & ((bases.codes == 1) | (bases.codes == 2))], minlength=n)
    return strong / np.maximum(known, 1)


def end_motifs(bases: Bases) -> tuple[np.ndarray, np.ndarray]:
    """Return the end motifs of the forward and of the reverse strand.

    They come from the read's first sequenced bases, clipped ones included: adapters follow a molecule's
    3' end, so what the aligner clips from a 5' end is still the molecule.
    """
    codes = np.append(bases.codes, np.uint8(4))
    here = np.arange(4)
    starts, ends = bases.splits[:-1], bases.splits[1:]
    short = np.diff(bases.splits) < 4
    forward = codes[np.where(short[0::2, None], -1, starts[0::2, None] + here)]
    reverse = codes[np.where(short[1::2, None], -1, ends[1::2, None] - 1 - here)]
    complement = np.where(reverse < 4, 3 - reverse, reverse)
    return end_motif(forward), end_motif(complement)
