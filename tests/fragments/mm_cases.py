"""Records with MM and ML as bytes, given to the kernel; lists at random, sound and damaged."""

from __future__ import annotations

import gzip
import random
import struct
from pathlib import Path

import numpy as np
from raw_bam import record
from slow_mm import COMPLEMENT, MALFORMED, slow

from cfdna_interp.fragments.kernels.compiling import kernel
from cfdna_interp.fragments.kernels.memory import SLACK
from cfdna_interp.fragments.kernels.mm import mm_letters
from cfdna_interp.fragments.kernels.scan_types import PROBABILITIES, SUMS

COUNTS = {"between": "unclear", "hydroxy": "hydroxy", "hemi": "hemi"}
ARGMAX = (255, 0)  # low, high that leave nothing out
BEFORE = 7  # bytes, letters before what is looked at


@kernel
def one(buffer, at, text, to, room, low, high, sums):
    return mm_letters(buffer, at, text, to, room[1], low, high, sums[0])


def run(data: bytes, low: int, high: int) -> tuple[int, str, dict[str, int]]:
    """(strand, letters, counts) of a record; asserts that nothing but its own places is written."""
    bases = struct.unpack_from("<i", data, 20)[0]
    buffer = np.frombuffer(b"\xff" * BEFORE + data + b"\xff" * SLACK, dtype=np.uint8)
    text = np.full(BEFORE + bases + SLACK, 1, dtype=np.uint8)
    room = np.full((2, max(bases, 1), 4), 77, dtype=np.int32)
    sums = np.zeros(1, dtype=SUMS)
    strand = one(buffer, BEFORE, text, BEFORE, room.view(PROBABILITIES)[..., 0], low, high, sums)
    assert (text[:BEFORE] == 1).all() and (text[BEFORE + bases :] == 1).all()
    assert (room[0] == 77).all()
    letters = text[BEFORE : BEFORE + bases].tobytes().decode()
    return strand, letters, {name: int(sums[field][0]) for name, field in COUNTS.items()}


def text_tag(name: str, text: str) -> bytes:
    return name.encode() + b"Z" + text.encode("latin-1") + b"\0"


def byte_tag(name: str, values: list[int], kind: bytes = b"C") -> bytes:
    return name.encode() + b"B" + kind + struct.pack("<I", len(values)) + bytes(values)


def read(bases: str, reverse: bool, tags: bytes, cigar: list[tuple[int, str]] | None = None) -> bytes:
    """A record of one read."""
    return record(b"r", 16 * reverse, 0, 100, cigar or [(len(bases), "M")], bases, -1, tags, next_ref=-1)


def tags_of(lists: str, values: list[int] | None) -> bytes:
    return text_tag("MM", lists) + (b"" if values is None else byte_tag("ML", values))


def records(path: Path) -> list[bytes]:
    """The records of a BAM."""
    data = gzip.decompress(path.read_bytes())
    at = 8 + struct.unpack_from("<i", data, 4)[0]
    contigs = struct.unpack_from("<i", data, at)[0]
    at += 4
    for _ in range(contigs):
        at += 8 + struct.unpack_from("<i", data, at)[0]
    found = []
    while at < len(data):
        size = 4 + struct.unpack_from("<i", data, at)[0]
        found.append(data[at : at + size])
        at += size
    return found


def assert_as_slow(bases, reverse, lists, values, low, high) -> int:
    """The kernel gives what the plain implementation gives; return the strand."""
    expected = slow(bases, reverse, lists, values, low, high)
    strand, letters, counts = run(read(bases, reverse, tags_of(lists, values)), low, high)
    assert strand == expected.strand
    if strand != MALFORMED:
        assert letters == expected.letters
    assert counts == {name: expected.counts[name] for name in COUNTS}
    return strand


def sound_lists(rng: random.Random, bases: str, reverse: bool) -> tuple[str, list[int]]:
    """Lists that the specification allows for a read, and their values."""
    sequence = bases.translate(COMPLEMENT)[::-1] if reverse else bases
    lists, values = "", []
    for _ in range(rng.choice([0, 1, 2, 2, 3, 4])):
        base, strand = rng.choice([*["C+"] * 6, *["G-"] * 4, "N+", "N-", "A+", "T-", "U+", "C-"])
        codes = rng.choice([*["m"] * 6, "h", "mh", "hm", "mhfc", "C", "n", "27551", "76792", "76794"])
        letter = "T" if base == "U" else base
        places = [i for i, found in enumerate(sequence) if letter in ("N", found)]
        chosen = sorted(rng.sample(range(len(places)), rng.randint(0, len(places))))
        deltas = [after - before - 1 for before, after in zip([-1, *chosen], chosen, strict=False)]
        lists += base + strand + codes + rng.choice(["", ".", "?"])
        lists += "".join(f",{delta}" for delta in deltas) or rng.choice(["", ","])
        lists += ";"
        kinds = 1 if codes.isdigit() else len(codes)
        for _ in chosen:
            parts = sorted(rng.randint(0, 255) for _ in range(kinds))
            values += [high - low for low, high in zip([0, *parts], parts, strict=False)]
    return lists, values


def mutate_text(rng: random.Random, text: str) -> str:
    """A few characters changed, put in, taken out or doubled."""
    for _ in range(rng.randint(1, 2)):
        at, style = rng.randint(0, len(text)), rng.randint(0, 3)
        letter = rng.choice("CGANmh+-.?,;0123456789") if rng.random() < 0.8 else chr(rng.randint(1, 255))
        if style == 0:
            text = text[:at] + letter + text[at + 1 :]
        elif style == 1:
            text = text[:at] + letter + text[at:]
        elif style == 2:
            text = text[:at] + text[at + 1 :]
        else:
            text = text[: at + 8] + text[at:]
    return text


def settle(seed: int) -> int:
    """One read, often mutated, by kernel and plain implementation; then mutated twice. Return the strand."""
    rng = random.Random(seed)
    bases = "".join(rng.choices("ACGTNY", [4, 6, 6, 4, 1, 1], k=rng.choice([0, 1, 2, 5, 20, 20, 20, 33])))
    reverse = rng.random() < 0.5
    lists, values = sound_lists(rng, bases, reverse)
    what = rng.random()
    if what < 0.3:
        lists = mutate_text(rng, lists)
    if 0.25 < what < 0.4:
        values = values[: rng.randint(0, len(values))] + [9] * rng.randint(0, 2)
    low, high = rng.choice([ARGMAX, (50, 205), (127, 128), (0, 255)])
    strand = assert_as_slow(bases, reverse, lists, None if what > 0.95 else values, low, high)
    # Any byte of the tags, the lengths among them: no comparison, but nothing odd either.
    for _ in range(2):
        tags = bytearray(tags_of(lists, values))
        for _ in range(rng.randint(1, 3)):
            tags[rng.randrange(len(tags))] = rng.randint(0, 255)
        cut = len(tags) if rng.random() < 0.8 else rng.randint(0, len(tags))
        found, letters, _ = run(read(bases, reverse, bytes(tags[:cut])), low, high)
        assert found in (MALFORMED, 0, -1, 1)
        assert set(letters) <= set("zZxXhHuU.")
    return strand
