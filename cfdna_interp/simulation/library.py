"""Conversion of molecules to aligned reads: mates, bisulfite, errors, duplicates, as Bismark writes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.simulation.biology import Molecules
from cfdna_interp.simulation.genome import Genome
from cfdna_interp.simulation.observation import READ_LENGTH
from cfdna_interp.simulation.worlds import Library

_Z = ord("z")
_GOOD_MAPQ = np.array([42, 42, 42, 42, 42, 42, 40, 40, 36, 24], dtype=np.uint8)
_ERROR_QUALITY = 14


@dataclass(frozen=True, eq=False)
class Reads:
    """Aligned reads in order of coordinate, two per pair.

    Attributes
    ----------
    names
        (reads,) number of the pair; mates share it.
    contigs, positions, mate_positions
        (reads,) contig index; 0-based leftmost base on the contig.
    lengths
        (reads,) read bases.
    flags, mapqs, template_lengths
        (reads,) as in SAM.
    first, forward_strand
        (reads,) whether it is read 1, and whether its molecule is the forward (CT) strand.
    bases
        (reads, READ_LENGTH) 0..3 for A, C, G, T in forward coordinates; unused beyond the read's length.
    qualities
        (reads, READ_LENGTH) Phred.
    calls
        (reads, READ_LENGTH) Bismark's call string (``XM``) as ASCII.
    """

    names: np.ndarray
    contigs: np.ndarray
    positions: np.ndarray
    mate_positions: np.ndarray
    lengths: np.ndarray
    flags: np.ndarray
    mapqs: np.ndarray
    template_lengths: np.ndarray
    first: np.ndarray
    forward_strand: np.ndarray
    bases: np.ndarray
    qualities: np.ndarray
    calls: np.ndarray


def sequence(genome: Genome, molecules: Molecules, library: Library, rng: np.random.Generator) -> Reads:
    """Read both ends of each molecule after directional bisulfite conversion and PCR.

    A duplicate shares coordinates, conversion and mapping quality with its molecule and has its own name and
    sequencing errors. Read 1 of a forward-strand molecule lies on the forward strand (flags 99/147), that
    of a reverse-strand molecule on the reverse strand (83/163).
    """
    n = len(molecules)
    duplicate_share = rng.uniform(*library.duplicates)
    copies = rng.integers(0, n, size=round(n * duplicate_share / (1 - duplicate_share)))
    molecule = np.concatenate([np.arange(n), copies])
    mapq = _GOOD_MAPQ[rng.integers(len(_GOOD_MAPQ), size=n)]
    low = rng.random(n) < rng.uniform(*library.low_mapq)
    mapq[low] = rng.integers(0, 20, size=int(low.sum()))
    pairs = len(molecule)
    names = rng.permutation(pairs) + 1

    # Each pair's left and right read, in order of coordinate.
    pair = np.tile(np.arange(pairs), 2)
    right = np.repeat([False, True], pairs)
    left_ends = molecules.starts[molecule]
    read = np.minimum(molecules.lengths[molecule], READ_LENGTH)
    right_starts = left_ends + molecules.lengths[molecule] - read
    starts = np.concatenate([left_ends, right_starts])
    order = np.argsort(starts, kind="stable")
    pair, right, starts = pair[order], right[order], starts[order]
    mates = np.where(right, left_ends[pair], right_starts[pair])
    own = molecule[pair]
    forward = molecules.strands[own] > 0
    first = right != forward  # the left read of a forward-strand molecule is read 1
    flags = np.select(
        [forward & ~right, forward & right, ~forward & ~right, ~forward & right], [99, 147, 163, 83]
    )
    flags = flags + 1024 * (pair >= n)
    lengths = read[pair]
    fragment = molecules.lengths[own]
    contig = genome.contig_of(starts)

    bases, calls, wrong = _bases_and_calls(genome, molecules, library, own, starts, right, lengths, rng)
    qualities = _qualities(right, lengths)
    qualities[wrong] = _ERROR_QUALITY
    return Reads(
        names=names[pair],
        contigs=contig,
        positions=starts - genome.offsets[contig],
        mate_positions=mates - genome.offsets[contig],
        lengths=lengths,
        flags=flags,
        mapqs=mapq[own],
        template_lengths=np.where(right, -fragment, fragment),
        first=first,
        forward_strand=forward,
        bases=bases,
        qualities=qualities,
        calls=calls,
    )


def _bases_and_calls(
    genome: Genome,
    molecules: Molecules,
    library: Library,
    own: np.ndarray,
    starts: np.ndarray,
    right: np.ndarray,
    lengths: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bases, call letters and a mask of sequencing errors, each (reads, READ_LENGTH)."""
    forward = molecules.strands[own] > 0
    columns = np.arange(READ_LENGTH)
    positions = starts[:, None] + columns  # (reads, bases)
    bases = genome.codes[positions]
    context = genome.contexts.ravel()[positions + np.where(forward, 0, len(genome.codes))[:, None]]
    is_cytosine = context != 0

    # Bisulfite doesn't convert methylated CpGs and a few missed bases of the molecule.
    unconverted = np.zeros(bases.shape, dtype=bool)
    rows, at = np.nonzero((context == _Z) & (columns < lengths[:, None]))
    molecule = own[rows]
    # A reverse-strand call is on the G, one base after the C.
    rank = genome.cpg_rank[positions[rows, at]] - ~forward[rows]
    state = molecules.states[molecules.splits[molecule] + rank - molecules.first_cpg[molecule]]
    unconverted[rows, at] = state == 1
    _scatter_missed(unconverted, molecules, library, own, right, lengths, rng)

    protected = np.where(forward, 1, 2).astype(np.uint8)[:, None]
    converted = np.where(forward, 3, 0).astype(np.uint8)[:, None]
    bases = np.where(is_cytosine & ~unconverted, converted, bases)

    wrong = np.zeros(bases.shape, dtype=bool)
    hit = rng.integers(0, bases.size, size=rng.binomial(bases.size, library.errors))
    hit = np.unique(hit)
    wrong.ravel()[hit] = True
    bases.ravel()[hit] = (bases.ravel()[hit] + rng.integers(1, 4, size=len(hit))) % 4

    calls = np.full(bases.shape, ord("."), dtype=np.uint8)
    methylated = is_cytosine & (bases == protected)
    unmethylated = is_cytosine & (bases == converted)
    calls[methylated] = context[methylated] - 32  # upper case
    calls[unmethylated] = context[unmethylated]
    return bases, calls, wrong


def _scatter_missed(
    kept: np.ndarray,
    molecules: Molecules,
    library: Library,
    own: np.ndarray,
    right: np.ndarray,
    lengths: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Mark the bases of each molecule that bisulfite missed, in every read that covers them."""
    # Misses are placed at random and can hit a base twice. With this rate a base has no miss with probability
    # `conversion` exactly.
    missed = rng.poisson(-np.log(library.conversion) * molecules.lengths)
    first = np.concatenate([[0], np.cumsum(missed)])
    offsets = (rng.random(first[-1]) * np.repeat(molecules.lengths, missed)).astype(np.int64)
    counts = missed[own]
    ends = np.cumsum(counts)
    rows = np.repeat(np.arange(len(own)), counts)
    which = np.arange(len(rows)) - np.repeat(ends - counts, counts) + first[own[rows]]
    column = offsets[which] - np.where(right, molecules.lengths[own] - lengths, 0)[rows]
    seen = (column >= 0) & (column < lengths[rows])
    kept[rows[seen], column[seen]] = True


def _qualities(right: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return Phred qualities that fall with the sequencing cycle; a right read is sequenced from its end."""
    by_cycle = np.full(READ_LENGTH, 37, dtype=np.uint8)
    by_cycle[:3], by_cycle[70:], by_cycle[90:] = 32, 35, 31
    columns = np.arange(READ_LENGTH)
    cycle = np.where(right[:, None], lengths[:, None] - 1 - columns, columns)
    qualities: np.ndarray = by_cycle[np.maximum(cycle, 0)]
    return qualities
