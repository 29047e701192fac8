"""A made-up genome: CpG-depleted sequence, CpG islands, marker blocks and nucleosome positions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cfdna_interp.stats.resampling import stream

CONTIGS: tuple[tuple[str, int], ...] = (("chr1", 1_000_000), ("chr2", 800_000), ("chr3", 700_000))
BASES = np.frombuffer(b"ACGT", dtype=np.uint8)  # codes 0..3, so that the complement of c is 3 - c
MARGIN = 1_200  # bp at each contig end without nucleosomes: no fragment can leave its contig

_CELL = 4_200  # bp; each cell has one marker block, and every tenth cell starts with an island
_GAP = 600  # bp without blocks at both ends of a cell, so that no fragment touches two blocks
_GC = 0.41
_ISLAND_GC = 0.65  # in islands no CpG has decayed, which gives one per 9.5 bp by chance
_CPG_KEPT = 0.24  # of the CpGs expected by chance, so that about one per 100 bp remains
_NUCLEOSOME = 190  # bp from dyad to dyad


@dataclass(frozen=True, eq=False)
class Genome:
    """The contigs end to end. Positions are 0-based on that line unless stated otherwise.

    Attributes
    ----------
    names, lengths
        The contigs.
    offsets
        (contigs + 1,) start of each contig on the line.
    codes
        (bases,) 0..3 for A, C, G, T.
    cpgs
        (CpGs,) position of the C of the forward strand, ascending.
    cpg_rank
        (bases + 1,) number of CpGs whose C lies before the position.
    contexts
        (2, bases) Bismark's letter (z CpG, x CHG, h CHH) of the cytosine of the forward strand
        (row 0) and of the reverse strand (row 1), 0 where that strand has none.
    gc_before
        (bases + 1,) number of G and C before the position.
    island
        (bases,) whether the base lies in a CpG island.
    block_starts, block_ends
        (blocks,) marker blocks, ascending, more than 1,000 bp apart.
    dyads
        (nucleosomes,) centres of nucleosomes.
    """

    names: tuple[str, ...]
    lengths: tuple[int, ...]
    offsets: np.ndarray
    codes: np.ndarray
    cpgs: np.ndarray
    cpg_rank: np.ndarray
    contexts: np.ndarray
    gc_before: np.ndarray
    island: np.ndarray
    block_starts: np.ndarray
    block_ends: np.ndarray
    dyads: np.ndarray

    def contig_of(self, positions: np.ndarray) -> np.ndarray:
        """Return the contig index of positions on the line."""
        return np.searchsorted(self.offsets, positions, side="right") - 1

    def touched_block(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return the block that each half-open interval overlaps, -1 for none."""
        nearest = np.searchsorted(self.block_ends, starts, side="right")
        candidate = np.minimum(nearest, len(self.block_starts) - 1)
        touches = (nearest < len(self.block_starts)) & (self.block_starts[candidate] < ends)
        return np.where(touches, candidate, -1)

    def fasta(self) -> tuple[str, str]:
        """Return the text of the FASTA file and of its index (``.fai``)."""
        width = 60
        text, index, written = [], [], 0
        for i, (name, length) in enumerate(zip(self.names, self.lengths, strict=True)):
            sequence = BASES[self.codes[self.offsets[i] : self.offsets[i + 1]]].tobytes().decode()
            lines = [sequence[at : at + width] for at in range(0, length, width)]
            record = f">{name}\n" + "\n".join(lines) + "\n"
            index.append(f"{name}\t{length}\t{written + len(name) + 2}\t{width}\t{width + 1}\n")
            text.append(record)
            written += len(record)
        return "".join(text), "".join(index)


@lru_cache(maxsize=4)
def build_genome(seed: int) -> Genome:
    """Make the genome of ``seed``. The same seed gives the same genome."""
    rng = stream(seed, "genome")
    lengths = np.array([length for _, length in CONTIGS])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    codes = _background(int(offsets[-1]), rng)
    cells = np.concatenate(
        [
            start + np.arange(_CELL, length - 2 * _CELL, _CELL)
            for start, length in zip(offsets[:-1], lengths, strict=True)
        ]
    )
    block_lengths = rng.integers(300, 601, size=len(cells))
    block_starts = (
        cells + _GAP + (rng.random(len(cells)) * (_CELL - 2 * _GAP - block_lengths)).astype(np.int64)
    )
    block_ends = block_starts + block_lengths
    island = np.zeros(len(codes), dtype=bool)
    for centre in cells[::10]:
        half = int(rng.integers(250, 501))
        island[centre - half : centre + half] = True
        codes[centre - half : centre + half] = _bases(2 * half, _ISLAND_GC, rng)
    for start, end in zip(block_starts, block_ends, strict=True):
        _plant(codes, start, end, rng)
    is_cpg = np.zeros(len(codes), dtype=bool)
    is_cpg[:-1] = (codes[:-1] == 1) & (codes[1:] == 2)
    dyads = [
        np.cumsum(rng.integers(_NUCLEOSOME - 12, _NUCLEOSOME + 13, size=length // _NUCLEOSOME)) + start
        for start, length in zip(offsets[:-1], lengths, strict=True)
    ]
    inside = [
        d[(d >= start + MARGIN) & (d < start + length - MARGIN)]
        for d, start, length in zip(dyads, offsets[:-1], lengths, strict=True)
    ]
    return Genome(
        names=tuple(name for name, _ in CONTIGS),
        lengths=tuple(int(length) for length in lengths),
        offsets=offsets,
        codes=codes,
        cpgs=np.flatnonzero(is_cpg),
        cpg_rank=np.concatenate([[0], np.cumsum(is_cpg)]),
        contexts=_contexts(codes),
        gc_before=np.concatenate([[0], np.cumsum((codes == 1) | (codes == 2))]),
        island=island,
        block_starts=block_starts,
        block_ends=block_ends,
        dyads=np.concatenate(inside),
    )


def _bases(size: int, gc: float, rng: np.random.Generator) -> np.ndarray:
    """Draw bases with a given share of G and C."""
    edges = np.array([(1 - gc) / 2, 0.5, (1 + gc) / 2])  # A | C | G | T
    return np.searchsorted(edges, rng.random(size), side="right").astype(np.uint8)


def _background(size: int, rng: np.random.Generator) -> np.ndarray:
    codes = _bases(size, _GC, rng)
    cpgs = np.flatnonzero((codes[:-1] == 1) & (codes[1:] == 2))
    lost = cpgs[rng.random(len(cpgs)) > _CPG_KEPT]
    # Deamination turns CG into TG, or into CA if the C of the other strand decayed.
    forward = rng.random(len(lost)) < 0.5
    codes[lost[forward]] = 3
    codes[lost[~forward] + 1] = 0
    return codes


def _plant(codes: np.ndarray, start: int, end: int, rng: np.random.Generator) -> None:
    """Write a CpG every 22 to 38 bp into ``[start, end)``."""
    at = start + np.cumsum(rng.integers(22, 39, size=(end - start) // 22))
    at = at[at < end - 1]
    codes[at] = 1
    codes[at + 1] = 2


def _contexts(codes: np.ndarray) -> np.ndarray:
    """Return Bismark's context letters for both strands; the two bases at each end of the line have none."""
    result = np.zeros((2, len(codes)), dtype=np.uint8)
    for row, (cytosine, step) in enumerate(((1, 1), (2, -1))):
        at = np.flatnonzero(codes == cytosine)
        at = at[(at >= 2) & (at < len(codes) - 2)]
        guanine = 3 - cytosine  # the other strand's G in forward codes
        letters = np.where(codes[at + 2 * step] == guanine, ord("x"), ord("h"))
        result[row, at] = np.where(codes[at + step] == guanine, ord("z"), letters)
    return result
