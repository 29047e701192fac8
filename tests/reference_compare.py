"""Letters by comparison with the reference, base by base: what the kernels are tested against."""

from __future__ import annotations

import struct

# Codes of the CIGAR operations that move along the read (M I S = X) and along the reference (M D N = X).
ALONG_READ, ALONG_REFERENCE = {0, 1, 4, 7, 8}, {0, 2, 3, 7, 8}
BASES = "=ACMGRSVTWYHKDBN"
REACH = 65_536  # reference positions from a read's start that are looked at
_COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


def context(reference: str, position: int, strand: int) -> str:
    """The letter of a cytosine of a strand, ``.`` where the reference has none there; upper-case text."""

    def base(step: int) -> str:
        at = position + strand * step
        letter = reference[at] if 0 <= at < len(reference) else "N"
        return letter if strand > 0 else _COMPLEMENT.get(letter, "N")

    if base(0) != "C":
        return "."
    if base(1) == "G":
        return "z"
    if base(1) not in "ACT":
        return "u"
    return "x" if base(2) == "G" else "h" if base(2) in "ACT" else "u"


def letters(bases: str, cigar: list[tuple[int, int]], start: int, strand: int, reference: str) -> str:
    """The letters of a read, its CIGAR as pysam has it; beyond its ends a reference is unknown."""
    called = ["."] * len(bases)
    kept, converted = ("C", "T") if strand > 0 else ("G", "A")
    along, over = 0, start
    for code, size in cigar:
        if code in ALONG_READ & ALONG_REFERENCE:
            for step in range(size):
                if along + step >= len(bases) or over + step >= start + REACH:
                    break
                letter = context(reference, over + step, strand) if strand else "."
                if bases[along + step] in (kept, "="):
                    called[along + step] = letter.upper()
                elif bases[along + step] == converted:
                    called[along + step] = letter
        along += size * (code in ALONG_READ)
        over += size * (code in ALONG_REFERENCE)
    return "".join(called)


def told_by(name: str, kind: str, value: str) -> int | None:
    """The strand that a tag tells, 0 where the aligner says that it doesn't know; None: it tells nothing."""
    if (name, kind) in {("YD", "A"), ("YD", "Z")}:
        return {"f": 1, "r": -1, "u": 0}.get(value)
    if (name, kind) == ("ZS", "Z") and len(value) == 2:
        return {"+": 1, "-": -1}.get(value[0])
    return {"CT": 1, "GA": -1}.get(value) if (name, kind) == ("XG", "Z") else None


def strand_of(flag: int, tags: list[tuple[str, str, str]]) -> int:
    """The strand of a molecule: by the first tag (name, type, value) that tells, or the read's direction."""
    for tag in tags:
        if (strand := told_by(*tag)) is not None:
            return strand
    first = not flag & 0x1 or bool(flag & 0x40)
    forward = not flag & 0x10
    return 1 if first == forward else -1


def of_bytes(made: bytes, reference: str) -> tuple[str, int | None]:
    """The letters and the strand of a record whose fields fit into it; None: its tags run beyond it."""
    (start,) = struct.unpack_from("<i", made, 8)
    operations, flag, length = struct.unpack_from("<HHi", made, 16)
    at = 36 + made[12]
    cigar = [(code & 15, code >> 4) for code in struct.unpack_from(f"<{operations}I", made, at)]
    at += 4 * operations
    packed = made[at : at + (length + 1) // 2]
    bases = "".join(BASES[byte >> 4] + BASES[byte & 15] for byte in packed)[:length]
    tags = _tags(made[at + len(packed) + length :])
    strand = None if tags is None else strand_of(flag, tags)
    return letters(bases, cigar, start, strand or 0, reference), strand


def _tags(rest: bytes) -> list[tuple[str, str, str]] | None:
    """Tags as (name, type, value or empty where it is a number), up to the first that tells a strand."""
    sizes = {"A": 1, "c": 1, "C": 1, "s": 2, "S": 2, "i": 4, "I": 4, "f": 4}
    found = []
    while rest:
        if len(rest) < 4:
            return None
        name, kind, value = rest[:2].decode("latin-1"), chr(rest[2]), rest[3:]
        if kind in sizes:
            size = sizes[kind]
        elif kind in "ZH":
            size = value.find(b"\0") + 1
            if size == 0:
                return None
        elif kind == "B" and len(value) >= 5 and chr(value[0]) in sizes and chr(value[0]) != "A":
            size = 5 + sizes[chr(value[0])] * struct.unpack_from("<I", value, 1)[0]
        else:
            return None
        if size > len(value):
            return None
        text = value[: size - (kind == "Z")].decode("latin-1") if kind in "AZ" else ""
        found.append((name, kind, text))
        if told_by(*found[-1]) is not None:
            break
        rest = value[size:]
    return found
