"""BAM files as bytes, so that each byte can be set: records, the header, BGZF blocks.

SAM/BAM specification, https://samtools.github.io/hts-specs/SAMv1.pdf, sections 4.1 and 4.2.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise

from bams import CONTIGS, mates, random_molecules

EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
BC = b"BC\x02\x00"  # the subfield that holds a block's size, before the size itself
# Offsets and kinds of a record's fixed fields, behind its 4 bytes of size.
FIELDS = {
    "ref": (4, "<i"),
    "pos": (8, "<i"),
    "l_name": (12, "<B"),
    "mapq": (13, "<B"),
    "bin": (14, "<H"),
    "n_cigar": (16, "<H"),
    "flag": (18, "<H"),
    "l_seq": (20, "<i"),
    "next_ref": (24, "<i"),
    "next_pos": (28, "<i"),
    "length": (32, "<i"),
}
NAME = 36  # where the name begins
_OPERATIONS = "MIDNSHP=X"
_BASES = "=ACMGRSVTWYHKDBN"


def header(
    contigs: dict[str, int] = CONTIGS,
    text: str | None = None,
    l_text: int | None = None,
    n: int | None = None,
) -> bytes:
    """The BAM header; ``l_text`` and ``n`` (contigs) may lie."""
    if text is None:
        text = "@HD\tVN:1.6\tSO:coordinate\n" + "".join(f"@SQ\tSN:{c}\tLN:{k}\n" for c, k in contigs.items())
    data = b"BAM\x01" + struct.pack("<i", len(text) if l_text is None else l_text) + text.encode()
    data += struct.pack("<i", len(contigs) if n is None else n)
    for name, length in contigs.items():
        data += struct.pack("<i", len(name) + 1) + name.encode() + b"\0" + struct.pack("<i", length)
    return data


def record(
    name: bytes,
    flag: int,
    ref: int,
    pos: int,
    cigar: list[tuple[int, str]],
    bases: str,
    next_pos: int,
    tags: bytes = b"",
    next_ref: int | None = None,
    mapq: int = 60,
) -> bytes:
    """One sound record, with its size in front; ``name`` without NUL."""
    codes = [_BASES.index(base) for base in bases + "=" * (len(bases) % 2)]
    body = struct.pack(
        "<iiBBHHHiiii",
        ref,
        pos,
        len(name) + 1,
        mapq,
        0,
        len(cigar),
        flag,
        len(bases),
        ref if next_ref is None else next_ref,
        next_pos,
        0,
    )
    body += name + b"\0" + b"".join(struct.pack("<I", n << 4 | _OPERATIONS.index(o)) for n, o in cigar)
    body += bytes(high << 4 | low for high, low in zip(codes[::2], codes[1::2], strict=True))
    body += b"\x28" * len(bases) + tags
    return struct.pack("<i", len(body)) + body


def of_segment(segment: object) -> bytes:
    """The bytes of a pysam record that carries XM and XG."""
    text = {tag: segment.get_tag(tag).encode() for tag in ("XM", "XG")}  # type: ignore[attr-defined]
    return record(
        segment.query_name.encode(),  # type: ignore[attr-defined]
        segment.flag,  # type: ignore[attr-defined]
        segment.reference_id,  # type: ignore[attr-defined]
        segment.reference_start,  # type: ignore[attr-defined]
        [(size, _OPERATIONS[code]) for code, size in segment.cigartuples],  # type: ignore[attr-defined]
        segment.query_sequence,  # type: ignore[attr-defined]
        segment.next_reference_start,  # type: ignore[attr-defined]
        b"".join(tag.encode() + b"Z" + value + b"\0" for tag, value in text.items()),
    )


def field(data: bytes, name: str) -> int:
    """A fixed field of a record."""
    at, kind = FIELDS[name]
    return int(struct.unpack_from(kind, data, at)[0])


def patched(data: bytes, **values: int) -> bytes:
    """A record with fixed fields set; ``size`` is the one in front."""
    changed = bytearray(data)
    for name, value in values.items():
        at, kind = (0, "<i") if name == "size" else FIELDS[name]
        struct.pack_into(kind, changed, at, value)
    return bytes(changed)


def tags_at(data: bytes) -> int:
    """Where the tags of a sound record begin."""
    bases = field(data, "l_seq")
    return NAME + field(data, "l_name") + 4 * field(data, "n_cigar") + (bases + 1) // 2 + bases


def with_tags(data: bytes, tags: bytes) -> bytes:
    """A sound record with other tags."""
    changed = data[: tags_at(data)] + tags
    return patched(changed, size=len(changed) - 4)


def by_place(records: list[bytes]) -> list[bytes]:
    """Records in coordinate order, those without a place last."""
    return sorted(records, key=lambda r: (field(r, "ref") & 0xFFFFFFFF, field(r, "pos")))


def library(molecules: int, seed: int = 1) -> list[bytes]:
    """Sorted records of molecules on chr1 and a few on chr2."""
    made = random_molecules(molecules - molecules // 5, seed)
    made += random_molecules(molecules // 5, seed + 1, contig="chr2", prefix="n")
    return by_place([of_segment(read) for molecule in made for read in mates(molecule)])


def block(
    data: bytes,
    level: int = 6,
    before: bytes = b"",
    after: bytes = b"",
    deflated: bytes | None = None,
    **wrong: int,
) -> bytes:
    """A BGZF block.

    Parameters
    ----------
    data
        At most 65,536 bytes.
    level
        Of compression; 0 stores.
    before, after
        Further extra subfields around the one with the block's size.
    deflated
        Instead of the compressed data.
    wrong
        ``crc``, ``isize``, ``bsize`` (as written, size - 1) and ``xlen`` in place of the true ones.
    """
    if deflated is None:
        deflated = zlib.compress(data, level, wbits=-15)
    xlen = len(before) + 6 + len(after)
    size = 12 + xlen + len(deflated) + 8
    head = b"\x1f\x8b\x08\x04" + bytes(4) + b"\0\xff" + struct.pack("<H", wrong.get("xlen", xlen))
    extra = before + BC + struct.pack("<H", wrong.get("bsize", size - 1)) + after
    tail = struct.pack("<II", wrong.get("crc", zlib.crc32(data)), wrong.get("isize", len(data)))
    return head + extra + deflated + tail


@dataclass(frozen=True)
class File:
    """A BAM as its uncompressed bytes, cut into pieces that become blocks."""

    data: bytes
    cuts: tuple[int, ...]  # where a block begins, but for the first

    @classmethod
    def of(cls, records: list[bytes], head: bytes | None = None, size: int = 3_000) -> File:
        """Blocks of ``size`` bytes, whatever record they end in."""
        data = (header() if head is None else head) + b"".join(records)
        return cls(data, tuple(range(size, len(data), size)))

    def pieces(self) -> list[bytes]:
        """The data of each block."""
        return [self.data[low:high] for low, high in pairwise((0, *self.cuts, len(self.data)))]

    def blocks(self) -> list[bytes]:
        """The blocks without the one that ends the file."""
        return [block(piece) for piece in self.pieces()]

    def place(self, at: int) -> tuple[int, int]:
        """The virtual offset of a byte: where its block begins in the file, and the rest within."""
        starts = [cut for cut in (0, *self.cuts) if cut <= at]
        return sum(len(made) for made in self.blocks()[: len(starts) - 1]), at - starts[-1]

    def written(self) -> bytes:
        """The whole file."""
        return b"".join(self.blocks()) + EOF
