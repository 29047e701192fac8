"""Small BAM files whose fragments are known: a made-up genome, reads written base by base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

CONTIGS = {"chr1": 60_000, "chr2": 30_000, "chrX": 20_000}
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def genome(seed: int = 7) -> dict[str, str]:
    """A random genome with many CpGs: C and G 30 % each."""
    rng = np.random.default_rng(seed)
    return {
        name: "".join(rng.choice(list("ACGT"), size=length, p=[0.2, 0.3, 0.3, 0.2]))
        for name, length in CONTIGS.items()
    }


GENOME = genome()


@dataclass(frozen=True)
class Molecule:
    """A fragment as it was in the tube: ``methylated`` are the forward C positions of methylated CpGs."""

    name: str
    start: int
    length: int
    contig: str = "chr1"
    strand: str = "CT"  # CT: forward strand sequenced after conversion, GA: reverse strand
    methylated: frozenset[int] = frozenset()
    read_length: int = 60
    forward_first: bool = True
    mapq: tuple[int, int] = (60, 60)  # forward, reverse mate
    flag: int = 0  # added to both mates

    @property
    def end(self) -> int:
        return self.start + self.length

    def covered(self) -> set[int]:
        """Reference positions that a mate reads inside the molecule."""
        read = min(self.read_length, self.length)
        return set(range(self.start, self.start + read)) | set(range(self.end - read, self.end))

    def calls(self) -> dict[int, int]:
        """Forward C position -> state of each CpG whose cytosine (on the molecule's strand) is read."""
        reference = GENOME[self.contig]
        found = {}
        for position in self.covered():
            c = position if self.strand == "CT" else position - 1
            if c >= 0 and reference[c : c + 2] == "CG":
                found[c] = int(c in self.methylated)
        return found


def letters(molecule: Molecule, low: int, high: int) -> tuple[str, str]:
    """Read bases (forward orientation) and XM letters over [low, high): everything but CpGs converted."""
    reference = GENOME[molecule.contig]
    bases, calls = [], []
    for position in range(low, high):
        base, call = reference[position], "."
        if molecule.strand == "CT" and base == "C":
            after = reference[position + 1 : position + 3]
            context = "z" if after[:1] == "G" else "x" if after[1:] == "G" else "h"
            methylated = context == "z" and position in molecule.methylated
            base, call = ("C", context.upper()) if methylated else ("T", context)
        elif molecule.strand == "GA" and base == "G":
            before = reference[max(position - 2, 0) : position]
            context = "z" if before[-1:] == "C" else "x" if before[:1] == "C" else "h"
            methylated = context == "z" and position - 1 in molecule.methylated
            base, call = ("G", context.upper()) if methylated else ("A", context)
        bases.append(base)
        calls.append(call)
    return "".join(bases), "".join(calls)


def header(order: str = "coordinate", comments: tuple[str, ...] = ()) -> pysam.AlignmentHeader:
    record = {"HD": {"VN": "1.6", "SO": order}, "SQ": [{"SN": n, "LN": k} for n, k in CONTIGS.items()]}
    if comments:
        record["CO"] = list(comments)
    return pysam.AlignmentHeader.from_dict(record)


def record(
    name: str, flag: int, contig: int, start: int, bases: str, mate: int, mapq: int = 60, cigar: str = ""
) -> pysam.AlignedSegment:
    """One record; the mate lies on the same contig."""
    segment = pysam.AlignedSegment(header())
    segment.query_name, segment.flag, segment.mapping_quality = name, flag, mapq
    segment.reference_id, segment.reference_start = contig, start
    segment.next_reference_id, segment.next_reference_start = contig, mate
    segment.query_sequence = bases
    segment.cigarstring = cigar or f"{len(bases)}M"
    segment.query_qualities = pysam.qualitystring_to_array("I" * len(bases))
    return segment


def mates(molecule: Molecule, tags: bool = True) -> list[pysam.AlignedSegment]:
    """The forward and the reverse mate."""
    read = min(molecule.read_length, molecule.length)
    reverse_start = molecule.end - read
    contig = list(CONTIGS).index(molecule.contig)
    pair = []
    for is_reverse, start, other in (
        (False, molecule.start, reverse_start),
        (True, reverse_start, molecule.start),
    ):
        bases, calls = letters(molecule, start, start + read)
        flag = 0x1 | (0x10 if is_reverse else 0x20) | molecule.flag
        flag |= 0x40 if molecule.forward_first != is_reverse else 0x80
        segment = record(molecule.name, flag, contig, start, bases, other, molecule.mapq[int(is_reverse)])
        segment.template_length = -molecule.length if is_reverse else molecule.length
        if tags:
            segment.set_tags([("XM", calls, "Z"), ("XG", molecule.strand, "Z")])
        pair.append(segment)
    return pair


def random_molecules(count: int, seed: int = 1, contig: str = "chr1", prefix: str = "m") -> list[Molecule]:
    """Molecules of 70-400 bp on both strands, CpGs methylated at 70 %."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(count):
        length = int(np.clip(rng.normal(167, 40), 70, 400))
        start = int(rng.integers(10, CONTIGS[contig] - 410))
        cpgs = [p for p in range(start - 1, start + length + 1) if GENOME[contig][p : p + 2] == "CG"]
        found.append(
            Molecule(
                name=f"{prefix}{index}",
                start=start,
                length=length,
                contig=contig,
                strand="CT" if rng.random() < 0.5 else "GA",
                methylated=frozenset(p for p in cpgs if rng.random() < 0.7),
                forward_first=bool(rng.random() < 0.5),
            )
        )
    return found


def write_bam(
    path: Path,
    records: list[pysam.AlignedSegment],
    order: str = "coordinate",
    index: bool = True,
    comments: tuple[str, ...] = (),
) -> Path:
    """Write records, sorted where ``order`` says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if order == "coordinate":
        records = sorted(
            records, key=lambda r: (r.reference_id if r.reference_id >= 0 else 99, r.reference_start)
        )
    with pysam.AlignmentFile(str(path), "wb", header=header(order, comments)) as file:
        for segment in records:
            file.write(segment)
    if index:
        pysam.index(str(path))
    return path


def write_build(path: Path) -> Path:
    """The contig table of the made-up genome."""
    path.write_text("".join(f"{name}\t{length}\n" for name, length in CONTIGS.items()))
    return path


def write_atlas(
    path: Path, blocks: list[tuple[str, int, int, str, str]], types: dict[str, list[float]]
) -> Path:
    """An atlas of blocks (contig, start, end, target, direction) and cell type -> share per block."""
    lines = ["\t".join(["chr", "start", "end", "startCpG", "endCpG", "target", "name", "direction", *types])]
    for row, (contig, start, end, target, direction) in enumerate(blocks):
        shares = [str(column[row]) for column in types.values()]
        lines.append(
            "\t".join([contig, str(start), str(end), "0", "1", target, f"b{row}", direction, *shares])
        )
    path.write_text("\n".join(lines) + "\n")
    return path
