"""A made-up genome of 100 million bases, and the files in which tools want it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

CONTIGS = {"chr1": 30_000_000, "chr2": 28_000_000, "chr3": 24_000_000, "chr4": 18_000_000}
A, C, G, T = range(4)  # so that the complement of a base is 3 - base
LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)

_DRAWS = np.repeat(np.arange(4, dtype=np.uint8), (75, 53, 53, 75))  # of 256: 41 % G and C
_CPG_LOST = 195  # of 256 CpGs that chance makes, so that about one per 100 bp is left
_LINE = 50  # bases to a line of the FASTA file: contigs are whole lines
_TWO_BIT = np.array([2, 1, 3, 0], dtype=np.uint8)  # UCSC's codes of A, C, G, T
_LEVEL_BIN = 11  # 2 ** 11 bp share a methylation level


@dataclass(frozen=True, eq=False)
class Contig:
    """A contig of the genome.

    Attributes
    ----------
    index, name
        Its place in the header, and its name.
    codes
        (bases,) 0..3 for A, C, G, T.
    levels
        (bins,) share of methylated CpGs in each stretch of 2,048 bp, in units of 2 ** -32.
    """

    index: int
    name: str
    codes: np.ndarray
    levels: np.ndarray

    @cached_property
    def contexts(self) -> np.ndarray:
        """Bismark's letters (z CpG, x CHG, h CHH) of the cytosines on both strands.

        (2, bases): forward strand, reverse strand (at its Gs), 0 where there is none.
        """
        letters = np.zeros((2, len(self.codes)), dtype=np.uint8)
        for row, codes in ((letters[0], self.codes), (letters[1, ::-1], 3 - self.codes[::-1])):
            cytosine, guanine = codes[:-2] == C, codes == G
            row[:-2][cytosine] = ord("h")
            row[:-2][cytosine & guanine[2:]] = ord("x")
            row[:-2][cytosine & guanine[1:-1]] = ord("z")
        return letters

    def protected(self, letters: np.ndarray, positions: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Tell which cytosines bisulfite leaves alone in molecules known by ``keys``, the same in every read.

        Parameters
        ----------
        letters, positions, keys
            (n,) context letter; 0-based position; uint32 that belongs to the molecule.
        """
        level = np.where(letters == ord("z"), self.levels[positions >> _LEVEL_BIN], np.uint32(0.004 * 2**32))
        mixed = positions.astype(np.uint32) * np.uint32(2_654_435_761) ^ keys
        mixed = (mixed ^ mixed >> np.uint32(16)) * np.uint32(0x7FEB352D)
        mixed = (mixed ^ mixed >> np.uint32(15)) * np.uint32(0x846CA68B)
        return mixed ^ mixed >> np.uint32(16) < level


def make_contig(seed: int, index: int) -> Contig:
    """Make one contig; the same seed gives the same bases."""
    name, length = list(CONTIGS.items())[index]
    rng = np.random.default_rng([seed, index])
    codes = _DRAWS[rng.integers(0, 256, size=length, dtype=np.uint8)]
    cpgs = np.flatnonzero((codes[:-1] == C) & (codes[1:] == G))
    lost = cpgs[rng.integers(0, 256, size=len(cpgs), dtype=np.uint8) < _CPG_LOST]
    # Deamination over the ages: CG became TG, or CA where the other strand's C decayed.
    forward = rng.random(len(lost)) < 0.5
    codes[lost[forward]] = T
    codes[lost[~forward] + 1] = A
    share = np.where(rng.random((length >> _LEVEL_BIN) + 1) < 0.1, 0.05, 0.85)
    return Contig(index, name, codes, (share * 2**32).astype(np.uint32))


def write_genome(seed: int, folder: Path) -> None:
    """Write ``genome.fa`` (+ ``.fai``), ``genome.2bit`` and ``build.tsv``; the last one comes last."""
    if (folder / "build.tsv").exists():
        return
    offset = 16 + sum(1 + len(name) + 4 for name in CONTIGS)
    head, body, fai = [struct.pack("<4I", 0x1A412743, 0, len(CONTIGS), 0)], [], ""
    with open(folder / "genome.fa", "wb") as fasta:
        for index, (name, length) in enumerate(CONTIGS.items()):
            codes = make_contig(seed, index).codes
            fasta.write(f">{name}\n".encode())
            fai += f"{name}\t{length}\t{fasta.tell()}\t{_LINE}\t{_LINE + 1}\n"
            rows = np.full((length // _LINE, _LINE + 1), ord("\n"), dtype=np.uint8)
            rows[:, :_LINE] = LETTERS[codes].reshape(-1, _LINE)
            fasta.write(rows.tobytes())
            # UCSC's .2bit: a contig has its length, no N and no masked blocks, a zero, four bases to a byte.
            quads = _TWO_BIT[codes].reshape(-1, 4)
            packed = quads[:, 0] << 6 | quads[:, 1] << 4 | quads[:, 2] << 2 | quads[:, 3]
            head.append(struct.pack("<B", len(name)) + name.encode() + struct.pack("<I", offset))
            body.append(struct.pack("<4I", length, 0, 0, 0) + packed.tobytes())
            offset += len(body[-1])
    (folder / "genome.fa.fai").write_text(fai)
    (folder / "genome.2bit").write_bytes(b"".join(head + body))
    (folder / "build.tsv").write_text("".join(f"{name}\t{length}\n" for name, length in CONTIGS.items()))
