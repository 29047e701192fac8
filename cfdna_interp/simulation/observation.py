"""Fragment tables of what a pair of reads shows of each molecule."""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.simulation.biology import Molecules
from cfdna_interp.simulation.genome import Genome

READ_LENGTH = 100  # bp of each mate; shorter fragments are read to their end


def fragment_table(genome: Genome, molecules: Molecules) -> FragmentTable:
    """Return the molecules as in a perfect library, with all bases correct and all pairs mapped.

    Only CpGs under one of the two reads are called. The C of a reverse-strand molecule's CpG is on its G, one
    base further. G and C are counted over the sequenced bases.
    """
    starts, lengths = molecules.starts, molecules.lengths
    ends = starts + lengths
    read = np.minimum(lengths, READ_LENGTH)
    contig = genome.contig_of(starts)

    counts = np.diff(molecules.splits)
    owner = np.repeat(np.arange(len(molecules)), counts)
    rank = np.repeat(molecules.first_cpg - molecules.splits[:-1], counts) + np.arange(molecules.splits[-1])
    offsets = genome.cpgs[rank] - starts[owner]
    seen_at = offsets + (molecules.strands[owner] < 0)
    seen = (seen_at >= 0) & (seen_at < lengths[owner])
    seen &= (seen_at < read[owner]) | (seen_at >= (lengths - read)[owner])
    calls_per_fragment = np.bincount(owner[seen], minlength=len(molecules))

    # Where the mates overlap, the shared bases count once.
    second = np.maximum(starts + read, ends - read)
    gc = genome.gc_before[starts + read] - genome.gc_before[starts]
    gc = gc + genome.gc_before[ends] - genome.gc_before[second]
    return FragmentTable(
        contig_names=genome.names,
        contig=contig.astype(np.int32),
        start=(starts - genome.offsets[contig]).astype(np.int32),
        length=lengths.astype(np.int32),
        mapq=np.full(len(molecules), 60, dtype=np.uint8),
        strand=molecules.strands.astype(np.int8),
        gc=(gc / (read + ends - second)).astype(np.float32),
        motif_5p=_motif(genome.codes, starts, 1),
        motif_3p=_motif(genome.codes, ends - 1, -1),
        cpg_splits=np.concatenate([[0], np.cumsum(calls_per_fragment)]),
        cpg_offsets=offsets[seen].astype(np.int32),
        cpg_states=molecules.states[seen],
        block=molecules.blocks.astype(np.int32),
    )


def _motif(codes: np.ndarray, first: np.ndarray, step: int) -> np.ndarray:
    """Return the index of the 4-mer from ``first`` in a direction; backwards it is complemented."""
    motif = np.zeros(len(first), dtype=np.int16)
    for i in range(4):
        code = codes[first + i * step].astype(np.int16)
        motif = motif * 4 + (code if step > 0 else 3 - code)
    return motif.astype(np.int16)
