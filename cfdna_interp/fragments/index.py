"""Read from the index of a BAM file where the records of each contig begin."""

from __future__ import annotations

import gzip
import operator
import os
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from cfdna_interp.artifacts.addresses import shown
from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError

MOST = 1 << 27  # most bytes of an inflated index; a 60-GB file has one of about 10 MB
PIECE = 1 << 20  # bytes inflated at a time
BAI_DEPTH = 5  # levels of bins below the one that holds a whole contig
CSI_DEPTH = 9  # most levels of bins; with more, bin numbers don't fit 32 bits
_ANY = (1 << 31) - 1  # contigs, where their number isn't known yet


def contig_starts(path: str, contigs: int, who: str, index: str = "") -> tuple[int | None, ...]:
    """Return the virtual offset of the first record of each contig.

    The index lies where htslib looks for it, and CSI goes before BAI. Formats: SAM specification, section
    5.2, and the CSI specification (github.com/samtools/hts-specs).

    Parameters
    ----------
    path
        A BAM file on this machine.
    contigs
        Contigs in the header of the BAM file.
    who
        Sample and file, as error messages begin.
    index
        Its path; "" for where htslib looks.

    Returns
    -------
    tuple
        A virtual offset per contig, None for a contig without reads. It is the place of the BGZF block in
        the file, times 65,536, plus the place of the record in the inflated block.

    Raises
    ------
    InputError
        There is no index, or it is damaged or of another file.
    """
    name = index or _index_of(path)
    if name is None:
        raise InputError(f"{who} has no index; run samtools index on it")
    return _read(name, contigs, who)


def check_index(path: str, who: str, index: str = "") -> None:
    """Check an index before htslib reads it, which dies on some damaged ones.

    Parameters
    ----------
    path
        A file of alignments on this machine.
    who
        Sample and file, as error messages begin.
    index
        Its path; "" for where htslib looks.

    Raises
    ------
    InputError
        There is an index of a BAM file beside it, and it is damaged. Or the index that is named is not there.
    """
    if index and not os.path.exists(index):
        raise InputError(
            f"{who}: its index {shown(index)} does not exist; correct the index column of the sheet"
        )
    name = index or _index_of(path)
    if name is not None:
        check_regular(name, f"{who}: its index", "remove it and run samtools index on the alignments")
        _read(name, _ANY, who)


def _index_of(path: str) -> str | None:
    """Return the index where htslib looks for it."""
    stem = os.path.splitext(path)[0]
    names = (path + ".csi", stem + ".csi", path + ".bai", stem + ".bai")
    return next((name for name in names if os.path.exists(name)), None)


def _read(name: str, contigs: int, who: str) -> tuple[int | None, ...]:
    try:
        return tuple(_starts(_Bytes(_load(name)), contigs))
    except (_DamageError, OSError, EOFError, zlib.error) as error:
        why = " ".join(str(error).split())
        raise InputError(
            f"{who}: its index {name} is damaged or of another file ({why}); "
            "remove it and run samtools index on the alignments"
        ) from None


def shards(
    starts: Sequence[int | None], first: int, size: int, parts: int, who: str
) -> list[tuple[int, int | None]]:
    """Cut a BAM file at contig starts.

    Parameters
    ----------
    starts
        What :func:`contig_starts` returns.
    first
        Virtual offset of the first record of the file.
    size
        Compressed size of the file, bytes.
    parts
        Most ranges to return, at least 1.
    who
        Sample and file, as error messages begin.

    Returns
    -------
    list
        Ranges ``(begin, end)`` of virtual offsets. Together they hold every record once, and they are as
        equal in compressed bytes as contigs allow. The last ``end`` is None: that range reaches the end of
        the file and holds the reads without a position.

    Raises
    ------
    InputError
        The starts are not ascending or not inside the file: the index is of another file.
    """
    cuts = np.array([start for start in starts if start is not None], dtype=np.int64)
    blocks = cuts >> 16
    if len(cuts) and (cuts[0] < first or (np.diff(cuts) <= 0).any() or blocks[-1] >= size):
        raise InputError(
            f"{who}: its index is of another file (contigs begin out of order or outside the file); "
            "remove it and run samtools index on the alignments"
        )
    begins = [first]
    cuts = cuts[1:]  # the first contig begins where the file's records begin
    for part in range(1, parts):
        if len(cuts) == 0:
            break
        target = (first >> 16) + part * (size - (first >> 16)) / parts
        best = int(cuts[np.argmin(np.abs((cuts >> 16) - target))])
        if best > begins[-1]:
            begins.append(best)
    return list(zip(begins, [*begins[1:], None], strict=True))


class _DamageError(Exception):
    """The bytes are no index of the file."""


class _Bytes:
    """Bytes that are read from the front. Reading beyond their end is an error."""

    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise _DamageError(f"{count} bytes announced at byte {self._at}, {self.left} left")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, most: int = (1 << 31) - 1) -> int:
        """Read a signed 32-bit number that must lie from 0 to ``most``."""
        value: int = struct.unpack("<i", self.take(4))[0]
        if not 0 <= value <= most:
            raise _DamageError(f"{value} at byte {self._at - 4}, 0 to {most} expected")
        return value

    def offsets(self, count: int) -> tuple[int, ...]:
        """Read unsigned 64-bit numbers."""
        return struct.unpack(f"<{count}Q", self.take(8 * count))


def _load(name: str) -> bytes:
    """Read an index, inflated: CSI is compressed by BGZF, BAI is not."""
    with open(name, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file = gzip.GzipFile(fileobj=raw) if packed else raw
        pieces, size = [], 0
        while piece := file.read(PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > MOST:
                raise _DamageError(f"it has more than {MOST} bytes")
    return b"".join(pieces)


def _starts(data: _Bytes, contigs: int) -> list[int | None]:
    magic = data.take(4)
    if magic not in (b"BAI\1", b"CSI\1"):
        raise _DamageError("it begins like neither BAI nor CSI")
    is_csi, depth = magic == b"CSI\1", BAI_DEPTH
    if is_csi:
        data.number(63)  # bits of position in the smallest bin
        depth = data.number(CSI_DEPTH)
        data.take(data.number())  # for other formats than BAM
    bins = (8 ** (depth + 1) - 1) // 7
    starts = [_start(data, bins, is_csi) for _ in range(data.number(contigs))]
    if data.left not in (0, 8):  # the number of reads without a position may follow
        raise _DamageError(f"{data.left} bytes after the last contig")
    return starts if contigs == _ANY else [*starts, *[None] * (contigs - len(starts))]


def _start(data: _Bytes, bins: int, is_csi: bool) -> int | None:
    """Return the offset of the next contig's first record. Its bins must agree with its summary, if any."""
    numbers: set[int] = set()
    begin = None
    summary: tuple[int, ...] = ()
    for _ in range(data.number()):
        number: int = struct.unpack("<I", data.take(4))[0]
        if is_csi:
            data.take(8)  # lowest offset of what overlaps the bin
        chunks = data.offsets(2 * data.number())
        if number in numbers or (number >= bins and number != bins + 1):
            raise _DamageError(f"bin {number} is there twice or impossible")
        numbers.add(number)
        if number == bins + 1:
            summary = chunks  # begin and end of the contig, mapped and unmapped reads
        elif chunks:
            if any(map(operator.ge, chunks[::2], chunks[1::2])):
                raise _DamageError(f"bin {number} ends before it begins")
            begin = min(chunks[::2]) if begin is None else min(begin, *chunks[::2])
    if not is_csi:
        data.take(8 * data.number())  # windows of 16,384 bp
    if summary:
        if len(summary) != 4:
            raise _DamageError(f"the summary of a contig has {len(summary)} numbers instead of 4")
        summary_begin = summary[0] if summary[2] + summary[3] else None
        if summary_begin != begin:
            raise _DamageError(
                f"a contig begins at offset {summary_begin} by its summary, at {begin} by its bins"
            )
    if begin is not None and begin >= 1 << 63:
        raise _DamageError(f"offset {begin} lies in no file")
    return begin
