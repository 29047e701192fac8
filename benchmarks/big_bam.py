"""Large coordinate-sorted BAM files of made-up cfDNA, tagged as three methylation callers would.

    python benchmarks/big_bam.py --pairs 1500000 --dialect xm --out benchmarks/out/extract

Writes ``xm-1500000.bam`` with its index, and the genome. Names, qualities and bases have about the entropy of
NovaSeq reads, so that decompression costs what it does on real files. Finished files are kept.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator
from pathlib import Path

import deflate
import numpy as np
import pysam
from big_genome import CONTIGS, Contig, make_contig, write_genome
from big_records import READ, Pairs, records

DIALECTS = ("xm", "mm", "bwameth")  # Bismark's XM; MM and ML without conversion; bwa-meth's YD without calls
SEED = 1

_MARGIN = 1_000  # bp without fragments at both ends of a contig
_BLOCK = 65_280  # bytes in a BGZF block, as htslib fills them
_LEVEL = 6  # what samtools compresses with
_EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_DUPLICATES, _LOW_MAPQ = 0.06, 0.05
_MAPQ = np.array([42, 42, 42, 42, 42, 42, 40, 40, 40, 24], dtype=np.uint8)


def draw_pairs(contig: Contig, count: int, first_name: int, rng: np.random.Generator) -> Pairs:
    """Draw molecules with the lengths of cfDNA (modes at 167, 330 and 500 bp), and PCR copies of some."""
    copies = round(count * _DUPLICATES)
    n = count - copies
    kind = rng.random(n)
    lengths = np.where(kind < 0.62, rng.normal(167, 12, n), rng.normal(145, 24, n))
    lengths = np.where(kind > 0.9, rng.normal(330, 28, n), lengths)
    lengths = np.where(kind > 0.985, rng.normal(500, 35, n), lengths)
    lengths = np.clip(lengths, READ, 700).astype(np.int32)
    mapqs = _MAPQ[rng.integers(0, len(_MAPQ), n)]
    low = rng.random(n) < _LOW_MAPQ
    mapqs[low] = rng.integers(0, 20, int(low.sum()))
    source = np.concatenate([np.arange(n), rng.integers(0, n, copies)])
    return Pairs(
        starts=rng.integers(_MARGIN, len(contig.codes) - _MARGIN, n, dtype=np.int32)[source],
        lengths=lengths[source],
        forward=(rng.random(n) < 0.5)[source],
        mapqs=mapqs[source],
        keys=rng.integers(0, 2**32, n, dtype=np.uint32)[source],
        duplicate=np.arange(count) >= n,
        names=rng.permutation(count) + first_name,
    )


def blocks(parts: Iterator[tuple[bytes, np.ndarray]]) -> Iterator[bytes]:
    """Cut records into pieces that fit a block; like htslib's, a block begins with a record."""
    for data, ends in parts:
        begin = 0
        while begin < len(data):
            end = int(ends[np.searchsorted(ends, begin + _BLOCK, side="right") - 1])
            yield data[begin:end]
            begin = end


def bgzf(data: bytes) -> bytes:
    """Return a BGZF block (SAM/BAM Format Specification, section 4.1)."""
    packed = bytes(deflate.deflate_compress(data, _LEVEL))
    head = struct.pack("<4BI2BH2B2H", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(packed) + 25)
    return head + packed + struct.pack("<2I", deflate.crc32(data), len(data))


def header() -> bytes:
    """Return the head of the file."""
    lines = ["@HD\tVN:1.6\tSO:coordinate", *(f"@SQ\tSN:{name}\tLN:{size}" for name, size in CONTIGS.items())]
    text = ("\n".join(lines) + "\n@RG\tID:big\tSM:big\tPL:ILLUMINA\n").encode()
    parts = [b"BAM\1", struct.pack("<i", len(text)), text, struct.pack("<i", len(CONTIGS))]
    for name, size in CONTIGS.items():
        parts.append(struct.pack("<i", len(name) + 1) + name.encode() + b"\0" + struct.pack("<i", size))
    return b"".join(parts)


def make_bam(pairs: int, dialect: str, folder: Path, seed: int = SEED) -> Path:
    """Write the file unless it is there, and return its path; the index comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    write_genome(seed, folder)
    path = folder / f"{dialect}-{pairs}.bam"
    done = path.with_suffix(".done")
    if done.exists():
        return path
    shares = np.cumsum([0, *CONTIGS.values()]) / sum(CONTIGS.values())
    bounds = np.round(shares * pairs).astype(int).tolist()
    with open(path, "wb") as file:
        file.write(bgzf(header()))
        for index in range(len(CONTIGS)):
            rng = np.random.default_rng([seed, 1_000 + index])
            contig = make_contig(seed, index)
            drawn = draw_pairs(contig, bounds[index + 1] - bounds[index], bounds[index], rng)
            for block in blocks(records(contig, drawn, dialect, rng)):
                file.write(bgzf(block))
        file.write(_EOF)
    pysam.index(str(path))
    done.touch()
    return path


def main() -> None:
    """Make one file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=1_500_000)
    parser.add_argument("--dialect", choices=DIALECTS, default="xm")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out" / "extract")
    arguments = parser.parse_args()
    print(make_bam(arguments.pairs, arguments.dialect, arguments.out))


if __name__ == "__main__":
    main()
