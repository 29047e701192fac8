"""Methylation dialects: the same reads for different chemistries and aligners.

``xm``
    Bisulfite, aligned by Bismark: unmethylated C read as T; call letters in ``XM``, strands in ``XR``
    and ``XG``.
``reference``
    Bisulfite, aligned by bwa-meth: the same bases, no calls; ``YD`` is f or r, the converted strand
    (https://github.com/brentp/bwa-meth).
``taps``
    TAPS, aligned by Bismark: the methylated C is read as T (Liu et al., Nature Biotechnology 37:424, 2019).
    Bismark's letters show the base that was read, with upper case for a C.
``mm``
    Native bases with base modifications (``MM``, ``ML``; SAM Optional Fields Specification, section 1.7): the
    CpGs of the molecule, all others unknown (``?``).

A sequencing error is at the same base in all of them and has the same effect on the call there. With the
reference, the calls are therefore the same. Without it a reader of ``MM`` recognises a CpG by its two bases,
and misses it if the read ends between them or the G is wrong.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cfdna_interp.simulation.library import Reads
from cfdna_interp.simulation.observation import READ_LENGTH

DIALECTS = ("xm", "mm", "reference", "taps")

# Columns of the sheet for dialects whose name or chemistry can't be found from the tags of the reads.
SHEET_COLUMNS: dict[str, dict[str, str]] = {
    "xm": {},
    "mm": {"methylation": "mm"},
    "reference": {"methylation": "reference"},
    "taps": {"chemistry": "taps"},
}

# The dialects whose calls or CpGs need the reference.
NEEDS_REFERENCE = ("mm", "reference")

# (reads, width) bytes, and a mask of those that belong to the record; None means all.
Cells = tuple[np.ndarray, np.ndarray | None]

_A, _C, _G, _T = range(4)


def text(content: bytes, rows: int) -> np.ndarray:
    """Return (rows, bytes) of the same text."""
    return np.broadcast_to(np.frombuffer(content, dtype=np.uint8), (rows, len(content)))


def u4(values: np.ndarray) -> np.ndarray:
    """Return (rows, 4) bytes of little-endian unsigned numbers."""
    return values.astype("<u4").view(np.uint8).reshape(len(values), 4)


def in_dialect(reads: Reads, dialect: str) -> Reads:
    """Return the reads with the bases and call letters of a dialect.

    Parameters
    ----------
    reads
        From :func:`cfdna_interp.simulation.library.sequence`: bisulfite reads with Bismark's letters.
    dialect
        One of ``DIALECTS``.
    """
    if dialect in ("xm", "reference"):
        return reads
    called = reads.calls != ord(".")
    methylated = called & (reads.calls < ord("a"))
    forward = reads.forward_strand[:, None]
    cytosine, thymine = np.where(forward, _C, _G), np.where(forward, _T, _A)
    if dialect == "mm":
        return replace(reads, bases=np.where(called, cytosine, reads.bases).astype(np.uint8))
    inverted = np.where(methylated, thymine, cytosine)
    return replace(
        reads,
        bases=np.where(called, inverted, reads.bases).astype(np.uint8),
        calls=np.where(called, reads.calls ^ 32, reads.calls).astype(np.uint8),  # the other case
    )


def tags(reads: Reads, dialect: str) -> list[Cells]:
    """Return the methylation tags of reads from :func:`in_dialect`, as in a BAM record.

    A tag is two letters, a type (A: one character, Z: text with a closing zero byte, B: array) and a value.
    """
    count = len(reads.positions)
    used = np.arange(READ_LENGTH) < reads.lengths[:, None]
    strand = np.where(reads.forward_strand[:, None], text(b"CT\0", count), text(b"GA\0", count))
    if dialect == "reference":
        letter = np.where(reads.forward_strand[:, None], text(b"f\0", count), text(b"r\0", count))
        return [(text(b"YDZ", count), None), (letter, None)]
    if dialect == "mm":
        return _modifications(reads, used)
    own = np.where(reads.first[:, None], text(b"CT\0", count), text(b"GA\0", count))
    return [
        (text(b"XMZ", count), None),
        (reads.calls, used),
        (text(b"\0XRZ", count), None),
        (own, None),
        (text(b"XGZ", count), None),
        (strand, None),
    ]


def _modifications(reads: Reads, used: np.ndarray) -> list[Cells]:
    """Return MM and ML. The calls are on the strand of read 1; read 2 shows the opposite strand.

    MM counts along the read as sequenced: the number of skipped bases of the same kind before each listed
    base.
    """
    count = len(reads.positions)
    reverse = (reads.flags & 0x10 != 0)[:, None]
    columns = np.arange(READ_LENGTH)
    sequenced = np.where(reverse, np.maximum(reads.lengths[:, None] - 1 - columns, 0), columns)

    def as_sequenced(values: np.ndarray) -> np.ndarray:
        turned: np.ndarray = np.take_along_axis(values, sequenced, axis=1) & used
        return turned

    counted = as_sequenced(reads.bases == np.where(reads.forward_strand[:, None], _C, _G))
    methylated = as_sequenced(reads.calls == ord("Z"))
    listed = methylated | as_sequenced(reads.calls == ord("z"))
    rank = np.cumsum(counted, axis=1)
    # The rank of the last listed base before each base, or 0.
    before = np.maximum.accumulate(np.where(listed, rank, 0), axis=1)
    before = np.concatenate([np.zeros((count, 1), before.dtype), before[:, :-1]], axis=1)
    passed = np.where(listed, rank - before - 1, 0)

    tens, units = passed // 10, passed % 10
    digits = np.stack([np.full_like(tens, ord(",")), tens + ord("0"), units + ord("0")], axis=2)
    mask = np.stack([listed, listed & (tens > 0), listed], axis=2)
    # Read 2 shows the G opposite the modified C.
    kind = np.where(reads.first[:, None], text(b"C+m?", count), text(b"G-m?", count))
    return [
        (text(b"MMZ", count), None),
        (kind, None),
        (digits.astype(np.uint8).reshape(count, -1), mask.reshape(count, -1)),
        (text(b";\0MLBC", count), None),
        (u4(listed.sum(axis=1)), None),
        (np.where(methylated, 255, 0).astype(np.uint8), listed),
    ]
