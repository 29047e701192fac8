"""Types around reading alignments: settings go in, chunks of fragments and totals come out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.fragments.filters import Rules, Tally
from cfdna_interp.fragments.intervals import Intervals
from cfdna_interp.records.qc import Dialect, Library, Reads

CHUNK = 16_384  # fragments of a chunk


@dataclass(frozen=True)
class Settings:
    """How records are read.

    Attributes
    ----------
    rules
        What a fragment must be.
    dialect
        ``xm``, ``mm``, ``reference`` or ``none``.
    seed
        Seed of the fragments' hashes.
    ignore_5p, ignore_3p
        Bases at the ends of a mate, as sequenced, whose calls are ignored, because end repair fills them in.
        One number is for both mates, two are for the first and the second mate.
    reads
        ``paired``: a fragment is two mates. ``single``: each read is one. ``merged``: a read is one where it
        isn't flagged as one of a pair.
    invert
        Whether a letter in upper case, or a base that wasn't converted, is an unmethylated cytosine (TAPS).
    converted_upper
        Whether the file's letters are in upper case at converted bases (XM of 5-base libraries).
    by_quality
        Whether the base of higher quality decides where mates disagree. Otherwise neither counts.
    threshold
        From this probability on, a base is modified; up to 1 minus it, unmodified.
    known_sites
        Contig index -> (starts, ends), as in ``rules.blacklist``: places without calls, where calls or their
        contexts come from the reference.
    opposite_strand
        Whether molecules of the other strand are looked at too. Where they differ from the reference, a
        comparison with the reference makes no calls.
    library
        How reads without strand tags lie to their molecules. Only a comparison with the reference asks.
    """

    rules: Rules
    dialect: Dialect
    seed: int
    ignore_5p: int | tuple[int, ...] = 0
    ignore_3p: int | tuple[int, ...] = 0
    reads: Reads = "paired"
    invert: bool = False
    converted_upper: bool = False
    by_quality: bool = False
    threshold: float = 0.8
    known_sites: Intervals = field(default_factory=dict)
    opposite_strand: bool = False
    library: Library = "directional"


@dataclass
class Totals:
    """Running sums over all fragments of a sample. They are whole numbers, so the order doesn't matter.

    Attributes
    ----------
    tally
        Reads by reason.
    m_bias
        For the first and the second mate (positions, 2) methylated and all CpG calls, by position along the
        read as sequenced. All calls count, also those that are later ignored, merged or cut off.
    chh
        Methylated and all CHH calls.
    strong, known
        G and C (unmethylated calls among them), and known bases, inside the fragments.
    modified
        (3,) int64 CpG calls of modified bases that are unclear, 5hmC, or differ between the strands of a
        duplex.
    longest_read
        Bases of the longest read. It shows the machine's read length even if short fragments are trimmed.
    reference
        (contigs, 3) int64 by comparison with the reference: bases A C G T at cytosines of the read's own
        strand; those of them that are a third base, neither the cytosine nor what conversion makes of it;
        reads whose strand can't be told. Without rows where nothing was compared.
    """

    tally: Tally = field(default_factory=Tally)
    m_bias: tuple[np.ndarray, np.ndarray] = field(
        default_factory=lambda: (np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64))
    )
    chh: tuple[int, int] = (0, 0)
    strong: int = 0
    known: int = 0
    modified: np.ndarray = field(default_factory=lambda: np.zeros(3, np.int64))
    longest_read: int = 0
    reference: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int64))

    def add(self, other: Totals) -> None:
        """Add the sums of another part of the same sample."""
        for name, count in other.tally.counts.items():
            self.tally.counts[name] += count
        for name in ("mapped", "flagged_duplicate", "unique", "below_mapq"):
            setattr(self.tally, name, getattr(self.tally, name) + getattr(other.tally, name))
        self.m_bias = (_sum(self.m_bias[0], other.m_bias[0]), _sum(self.m_bias[1], other.m_bias[1]))
        self.chh = (self.chh[0] + other.chh[0], self.chh[1] + other.chh[1])
        self.strong += other.strong
        self.known += other.known
        self.modified = self.modified + other.modified
        self.longest_read = max(self.longest_read, other.longest_read)
        self.reference = _sum(self.reference, other.reference)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some fragments, without atlas blocks (all -1), and the 64-bit hash of each one's read name and seed."""

    table: FragmentTable
    hashes: np.ndarray  # (n,) uint64


def _sum(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    total = np.zeros((max(len(one), len(other)), one.shape[1]), dtype=np.int64)
    total[: len(one)] += one
    total[: len(other)] += other
    return total
