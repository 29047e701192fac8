"""Files whose records are mutated at random, the same ones for a seed.

Three styles take turns: ``fields`` sets fields and tags to other values that a record may have, ``bytes``
sets any byte that can't move the records behind it, and ``anything`` does both, and sets any byte at all in
the last few records.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from raw_bam import FIELDS, NAME, File, by_place, field, header, library, patched, tags_at, with_tags

STYLES = ("fields", "bytes", "anything")
LIBRARY = library(100, seed=5)
LAST = 4  # records at the end of a file that may break it
_LETTERS = np.frombuffer(b"..zZzZxXhHuU", dtype=np.uint8)
_TAGS = (b"NMC\x03", b"ASs\xf0\xff", b"XAAq", b"X1i\1\0\0\0", b"X3H1AFF\0", b"X4BC\2\0\0\0\1\2", b"X6Ztext\0")
# Bytes of the fixed fields that only their own record feels: of positions (the low ones), MAPQ, bin, flags
# and length.
_MILD = (8, 9, 13, 14, 15, 18, 19, 28, 29, 32, 33, 34, 35)
_TAG_BYTES = {"A": 1, "c": 1, "C": 1, "s": 2, "S": 2, "i": 4, "I": 4, "f": 4}
_ARRAY_BYTES = {kind: size for kind, size in _TAG_BYTES.items() if kind != "A"}


@dataclass(frozen=True)
class Mutated:
    """A file, how many of its records are mutated, and of each record whether its tags stay inside it.

    ``window`` as in a case of the corpus.
    """

    data: bytes
    style: str
    mutated: int
    sound: list[bool]
    window: int


def mutated(seed: int) -> Mutated:
    """Return the file of a seed."""
    rng = np.random.default_rng([seed, 11])
    style = STYLES[seed % len(STYLES)]
    records, count = [], 0
    for made in LIBRARY:
        if rng.random() < 0.6:
            count += 1
            for _ in range(int(rng.integers(1, 4))):
                with_fields = style == "fields" or (style == "anything" and rng.random() < 0.5)
                made = _set_field(made, rng) if with_fields else _set_byte(made, rng)
            records += [made] * (2 if rng.random() < 0.02 else 1)
        else:
            records.append(made)
    records = by_place(records)
    if style == "anything":
        records[-LAST:] = [_break(made, rng) for made in records[-LAST:]]
        count += LAST
    size = int(rng.choice([40, 500, 3_000, 60_000]))
    sound = [tags_sound(made) for made in records]
    window = size * int(rng.choice([1, 3, 1_000]))
    return Mutated(File.of(records, header(), size).written(), style, count, sound, window)


def tags_sound(made: bytes) -> bool:
    """Tell whether the tags, up to the later one of XM and XG, are of known types and inside the record."""
    at, end = tags_at(made), len(made)
    if not NAME <= at <= end:
        return False
    wanted = {b"XM", b"XG"}
    while at < end and wanted:
        if end - at < 4:
            return False
        tag, kind = made[at : at + 2], chr(made[at + 2])
        at += 3
        if kind in _TAG_BYTES:
            at += _TAG_BYTES[kind]
        elif kind in "ZH":
            at = made.find(b"\0", at) + 1
            if at == 0:
                return False
        elif kind == "B" and end - at >= 5 and chr(made[at]) in _ARRAY_BYTES:
            at += 5 + _ARRAY_BYTES[chr(made[at])] * struct.unpack_from("<I", made, at + 1)[0]
        else:
            return False
        if at > end:
            return False
        if kind == "Z":
            wanted.discard(tag)
    return True


def _set_field(made: bytes, rng: np.random.Generator) -> bytes:
    """The record with one field or tag of another value that a record may have."""
    pos, mate = field(made, "pos"), field(made, "next_pos")
    match int(rng.integers(14)):
        case 0:
            return patched(made, flag=field(made, "flag") ^ (1 << int(rng.integers(16))))
        case 1:
            return patched(made, flag=int(rng.integers(65_536)))
        case 2:
            return patched(made, mapq=int(rng.integers(256)))
        case 3:
            return patched(made, ref=int(rng.integers(-1, 3)))
        case 4:
            return patched(made, pos=_position(pos + int(rng.choice([-300, -1, 1, 40, 1_500]))))
        case 5:
            return patched(made, next_ref=int(rng.integers(-1, 3)))
        case 6:
            return patched(made, next_pos=_position(mate + int(rng.choice([-1_000, -1, 1, 40, 1_000]))))
        case 7:
            far = int(rng.choice([-1, 0, 2**31 - 1, pos - 1_000, pos + 1_000, pos + 1_001]))
            return patched(made, next_pos=_position(far))
        case 8:
            other = LIBRARY[int(rng.integers(len(LIBRARY)))]
            return _renamed(made, other[NAME : NAME + field(other, "l_name")])
        case 9:
            return _realigned(made, rng)
        case 10:
            recoded = bytearray(made)
            low = NAME + field(made, "l_name") + 4 * field(made, "n_cigar")
            for place in rng.integers(low, low + (field(made, "l_seq") + 1) // 2 + 1, size=8):
                if place < tags_at(made):
                    recoded[place] = int(rng.integers(256))
            return bytes(recoded)
        case 11:
            letters = rng.choice(_LETTERS, size=field(made, "l_seq") + int(rng.random() < 0.1)).tobytes()
            strand = rng.choice([b"CT", b"GA", b"CG", b"C"]).tobytes()
            return with_tags(made, _shuffled([b"XMZ" + letters + b"\0", b"XGZ" + strand + b"\0"], rng))
        case 12:
            low = NAME + field(made, "l_name") + 4 * field(made, "n_cigar")
            changed = patched(made[:low] + made[tags_at(made) :], l_seq=0)
            return patched(changed, size=len(changed) - 4)
        case _:
            own = made[tags_at(made) :]
            more = [_TAGS[k] for k in rng.integers(len(_TAGS), size=3)]
            return with_tags(made, _shuffled([own if tags_sound(made) else b"", *more], rng))


def _position(value: int) -> int:
    return min(max(value, -1), 2**31 - 1)


def _shuffled(parts: list[bytes], rng: np.random.Generator) -> bytes:
    return b"".join(parts[k] for k in rng.permutation(len(parts)))


def _renamed(made: bytes, name: bytes) -> bytes:
    changed = made[:NAME] + name + made[NAME + field(made, "l_name") :]
    return patched(changed, l_name=len(name), size=len(changed) - 4)


def _realigned(made: bytes, rng: np.random.Generator) -> bytes:
    """The record with a CIGAR of several operations, for as many bases."""
    bases, operations = field(made, "l_seq"), []
    while bases:
        size = int(rng.integers(1, bases + 1))
        operations.append(size << 4 | int(rng.choice([0, 0, 0, 1, 4, 7, 8])))
        if rng.random() < 0.3:
            operations.append(int(rng.integers(0, 30)) << 4 | int(rng.choice([2, 3, 5, 6])))
        bases -= size
    low = NAME + field(made, "l_name")
    packed = struct.pack(f"<{len(operations)}I", *operations)
    changed = made[:low] + packed + made[low + 4 * field(made, "n_cigar") :]
    return patched(changed, n_cigar=len(operations), size=len(changed) - 4)


def _set_byte(made: bytes, rng: np.random.Generator) -> bytes:
    """The record with one byte set that can't break the file; names and tags stay ASCII, for pysam's sake."""
    changed = bytearray(made)
    name_end = NAME + field(made, "l_name") - 1
    bases = name_end + 1 + 4 * field(made, "n_cigar")
    part = rng.random()
    if part < 0.3:
        changed[int(rng.choice(_MILD))] = int(rng.integers(256))
    elif part < 0.4 and name_end > NAME:
        changed[int(rng.integers(NAME, name_end))] = int(rng.integers(33, 127))
    elif part < 0.7 and bases < tags_at(made):
        changed[int(rng.integers(bases, tags_at(made)))] = int(rng.integers(256))
    elif tags_at(made) < len(made):
        changed[int(rng.integers(tags_at(made), len(made)))] = int(rng.integers(128))
    return bytes(changed)


def _break(made: bytes, rng: np.random.Generator) -> bytes:
    """The record with any bytes set, or a field that tells sizes."""
    if rng.random() < 0.3:
        name = str(rng.choice(["size", *FIELDS]))
        kind = "<i" if name == "size" else FIELDS[name][1]
        return patched(made, **{name: struct.unpack_from(kind, rng.bytes(4))[0]})
    changed = bytearray(made)
    for _ in range(int(rng.integers(1, 6))):
        changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
    return bytes(changed)
