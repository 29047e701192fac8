"""Writer of aligned reads as BAM, which builds the bytes of all reads at once.

The layout of records and header is that of the SAM/BAM Format Specification, sections 4.2 and 5.3 (hts-specs,
2024).
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pysam

from cfdna_interp.simulation.dialects import Cells, in_dialect, tags, text, u4
from cfdna_interp.simulation.genome import Genome
from cfdna_interp.simulation.library import Reads
from cfdna_interp.simulation.observation import READ_LENGTH

_NIBBLES = np.array([1, 2, 4, 8], dtype=np.uint8)  # A, C, G, T in the 4-bit code
_DIGITS = 7


def header_text(genome: Genome, sample: str, comment: str) -> str:
    """Return the SAM header of a sample; ``comment`` is one line."""
    lines = ["@HD\tVN:1.6\tSO:coordinate"]
    lines += [f"@SQ\tSN:{n}\tLN:{length}" for n, length in zip(genome.names, genome.lengths, strict=True)]
    lines += [f"@RG\tID:{sample}\tSM:{sample}\tPL:ILLUMINA", f"@CO\t{comment}"]
    return "\n".join(lines) + "\n"


def write_bam(
    path: Path, genome: Genome, sample: str, comment: str, reads: Reads, dialect: str = "xm"
) -> None:
    """Write the reads of a sample to ``path``, without an index.

    The reads come from :func:`cfdna_interp.simulation.library.sequence`; for ``dialect`` see
    :mod:`cfdna_interp.simulation.dialects`.
    """
    header = header_text(genome, sample, comment).encode()
    head = [b"BAM\x01", struct.pack("<i", len(header)), header, struct.pack("<i", len(genome.names))]
    for name, length in zip(genome.names, genome.lengths, strict=True):
        encoded = name.encode() + b"\0"
        head += [struct.pack("<i", len(encoded)), encoded, struct.pack("<i", length)]
    # Level 1 takes a ninth of the default level's time, and files are a tenth larger. htslib accepts the
    # level as part of the mode, which pysam's types don't list.
    with pysam.BGZFile(str(path), "wb1", None) as handle:  # type: ignore[arg-type]
        handle.write(b"".join(head))
        handle.write(_records(sample, in_dialect(reads, dialect), dialect))


def _records(sample: str, reads: Reads, dialect: str) -> bytes:
    """Return all records, from a table of equally wide rows without the unused cells of shorter reads."""
    count = len(reads.positions)
    used = np.arange(READ_LENGTH) < reads.lengths[:, None]
    packed_used = np.arange(READ_LENGTH // 2) < ((reads.lengths + 1) // 2)[:, None]
    nibbles = np.where(used, _NIBBLES[reads.bases], 0).astype(np.uint8)
    packed = (nibbles[:, 0::2] << 4) | nibbles[:, 1::2]
    name = _names(sample, reads.names)
    cells: list[Cells] = [
        (name, None),
        (u4(reads.lengths << 4), None),
        (packed, packed_used),
        (reads.qualities, used),
        *tags(reads, dialect),
        (text(b"RGZ" + sample.encode() + b"\0", count), None),
    ]
    body = np.concatenate([part for part, _ in cells], axis=1)
    mask = np.concatenate([np.ones(part.shape, bool) if k is None else k for part, k in cells], axis=1)
    fixed = _fixed(reads, name.shape[1], mask.sum(axis=1))
    table = np.concatenate([fixed, body], axis=1)
    everything = np.concatenate([np.ones(fixed.shape, bool), mask], axis=1)
    return bytes(table[everything])


def _fixed(reads: Reads, name_length: int, body_length: np.ndarray) -> np.ndarray:
    """Return (reads, 36) bytes of the fields before the read name."""
    layout = np.dtype(
        [
            ("block_size", "<i4"), ("ref", "<i4"), ("pos", "<i4"), ("l_name", "u1"), ("mapq", "u1"),
            ("bin", "<u2"), ("n_cigar", "<u2"), ("flag", "<u2"), ("l_seq", "<i4"), ("next_ref", "<i4"),
            ("next_pos", "<i4"), ("tlen", "<i4"),
        ]
    )  # fmt: skip
    rows = np.zeros(len(reads.positions), dtype=layout)
    rows["block_size"] = body_length + layout.itemsize - 4  # the field doesn't include itself
    rows["ref"] = rows["next_ref"] = reads.contigs
    rows["pos"], rows["next_pos"] = reads.positions, reads.mate_positions
    rows["l_name"], rows["n_cigar"] = name_length, 1
    rows["mapq"], rows["flag"] = reads.mapqs, reads.flags
    rows["bin"] = _bins(reads.positions, reads.positions + reads.lengths)
    rows["l_seq"], rows["tlen"] = reads.lengths, reads.template_lengths
    return rows.view(np.uint8).reshape(len(rows), layout.itemsize)


def _bins(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the bin of the UCSC scheme for each half-open interval."""
    result = np.zeros(len(starts), dtype=np.int64)
    # Bins go from the widest to the narrowest. The last one that contains the whole interval is used.
    for shift in (26, 23, 20, 17, 14):
        offset = ((1 << (29 - shift)) - 1) // 7
        inside = starts >> shift == (ends - 1) >> shift
        result = np.where(inside, offset + (starts >> shift), result)
    return result


def _names(sample: str, numbers: np.ndarray) -> np.ndarray:
    """Return (reads, width) bytes of ``sample:0001234`` with a closing zero byte."""
    digits = numbers[:, None] // 10 ** np.arange(_DIGITS - 1, -1, -1) % 10 + ord("0")
    lead = text(sample.encode() + b":", len(numbers))
    return np.concatenate([lead, digits.astype(np.uint8), text(b"\0", len(numbers))], axis=1)
