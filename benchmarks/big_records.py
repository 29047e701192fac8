"""BAM records of made-up pairs, thousands at a time: every field is a column of a structured array.

Layout: SAM/BAM Format Specification, section 4.2 (hts-specs).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from big_genome import C, Contig, G

READ = 100  # bases
_ROWS = 8_192  # reads made at a time: what they need stays in the processor's cache
_ERRORS = 0.002
# NovaSeq bins Phred to 2, 11, 25 and 37: of 256 bases in a clean, a usual and a poor read; and of 256 reads.
_BINS = np.array([2, 11, 25, 37], dtype=np.uint8)
_BASES_BINNED = np.concatenate(
    [np.repeat(_BINS, n) for n in ((0, 1, 3, 252), (0, 3, 8, 245), (1, 14, 22, 219))]
)
_READS_CLASSED = np.repeat(np.arange(3, dtype=np.uint16) * 256, (160, 68, 28))
_NAME = 40  # bytes with the closing zero
_NIBBLES = np.array([1, 2, 4, 8], dtype=np.uint8)

# A record up to its first tags, then the tags of a dialect: S3 holds a name and type, or two letters and
# their closing zero byte.
_RECORD = [
    ("block_size", "<i4"), ("ref", "<i4"), ("pos", "<i4"), ("l_name", "u1"), ("mapq", "u1"), ("bin", "<u2"),
    ("n_cigar", "<u2"), ("flag", "<u2"), ("l_seq", "<i4"), ("next_ref", "<i4"), ("next_pos", "<i4"),
    ("tlen", "<i4"), ("name", "u1", (_NAME,)), ("cigar", "<u4"), ("seq", "u1", (READ // 2,)),
    ("qual", "u1", (READ,)), ("nm_tag", "S3"), ("nm", "u1"),
]  # fmt: skip
_TAGS = {
    "xm": [("xm_tag", "S3"), ("xm", "u1", (READ + 1,)), ("xr_tag", "S3"), ("xr", "S3"), ("xg_tag", "S3"),
           ("xg", "S3")],
    "mm": [("mm_tag", "S3")],
    "bwameth": [("yc_tag", "S3"), ("yc", "S3"), ("yd_tag", "S3"), ("yd", "S2")],
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pairs:
    """Sequenced molecules of one contig: (pairs,) arrays. Duplicates share all but ``names``."""

    starts: np.ndarray
    lengths: np.ndarray
    forward: np.ndarray  # whether the molecule is the forward strand after conversion
    mapqs: np.ndarray
    keys: np.ndarray  # uint32, what tells molecules apart
    duplicate: np.ndarray
    names: np.ndarray  # numbers


def records(
    contig: Contig, pairs: Pairs, dialect: str, rng: np.random.Generator
) -> Iterator[tuple[bytes, np.ndarray]]:
    """Yield the bytes of records in order of coordinate, and where each one ends among them."""
    count = len(pairs.starts)
    positions = np.concatenate([pairs.starts, pairs.starts + pairs.lengths - READ])
    order = np.argsort(positions, kind="stable")
    for begin in range(0, len(order), _ROWS):
        chosen = order[begin : begin + _ROWS]
        yield _records(contig, pairs, chosen % count, chosen >= count, dialect, rng)


def _records(
    contig: Contig, pairs: Pairs, pair: np.ndarray, right: np.ndarray, dialect: str, rng: np.random.Generator
) -> tuple[bytes, np.ndarray]:
    forward, length = pairs.forward[pair], pairs.lengths[pair]
    left_position, right_position = pairs.starts[pair], pairs.starts[pair] + length - READ
    rows = np.zeros(len(pair), dtype=_RECORD + _TAGS[dialect])
    rows["ref"] = rows["next_ref"] = contig.index
    rows["pos"] = np.where(right, right_position, left_position)
    rows["next_pos"] = np.where(right, left_position, right_position)
    rows["tlen"] = np.where(right, -length, length)
    rows["mapq"], rows["bin"] = pairs.mapqs[pair], _bins(rows["pos"])
    rows["flag"] = np.where(right, np.where(forward, 147, 83), np.where(forward, 99, 163))
    rows["flag"] += 1024 * pairs.duplicate[pair].astype(np.uint16)
    rows["l_name"], rows["n_cigar"], rows["l_seq"], rows["cigar"] = _NAME, 1, READ, READ << 4
    rows["name"] = _names(pairs.names[pair])
    reads = _READS_CLASSED[rng.integers(0, 256, (len(rows), 1), dtype=np.uint8)]
    rows["qual"] = _BASES_BINNED[reads + rng.integers(0, 256, (len(rows), READ), dtype=np.uint8)]

    reference = rows["pos"][:, None] + np.arange(READ, dtype=np.int32)
    bases, calls = contig.codes[reference], np.zeros((0, READ), dtype=np.uint8)
    true = bases.copy()
    if dialect != "mm":
        bases, calls = _convert(contig, bases, reference, forward, pairs.keys[pair])
    wrong = rng.integers(0, bases.size, rng.binomial(bases.size, _ERRORS))
    bases.ravel()[wrong] = (bases.ravel()[wrong] + 1 + (wrong % 3).astype(np.uint8)) % 4
    rows["seq"] = _NIBBLES[bases[:, 0::2]] << 4 | _NIBBLES[bases[:, 1::2]]
    rows["nm_tag"], rows["nm"] = b"NMC", (bases != true).sum(axis=1)

    strand = np.where(forward, b"CT", b"GA")
    tail, used = np.zeros((len(rows), 0), np.uint8), np.zeros((len(rows), 0), bool)
    if dialect == "xm":
        calls.ravel()[wrong] = ord(".")
        rows["xm_tag"], rows["xr_tag"], rows["xg_tag"] = b"XMZ", b"XRZ", b"XGZ"
        rows["xm"][:, :READ] = calls
        rows["xr"], rows["xg"] = np.where(right == forward, b"GA", b"CT"), strand
    elif dialect == "bwameth":
        rows["yc_tag"], rows["yd_tag"] = b"YCZ", b"YDZ"
        rows["yc"] = np.where(right == forward, b"GA", b"CT")
        rows["yd"] = np.where(forward, b"f", b"r")
    else:
        rows["mm_tag"] = b"MMZ"
        tail, used = _modified(contig, bases, reference, right, pairs.keys[pair])
    sizes = rows.itemsize + used.sum(axis=1)
    rows["block_size"] = sizes - 4  # the field does not count itself
    table = np.concatenate([rows.view(np.uint8).reshape(len(rows), -1), tail], axis=1)
    whole = np.concatenate([np.ones((len(rows), rows.itemsize), bool), used], axis=1)
    return table[whole].tobytes() if used.size else table.tobytes(), np.cumsum(sizes)


def _convert(
    contig: Contig, bases: np.ndarray, reference: np.ndarray, forward: np.ndarray, keys: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bases after bisulfite and Bismark's letters."""
    letters = np.where(forward[:, None], contig.contexts[0][reference], contig.contexts[1][reference])
    rows, columns = np.nonzero(letters)
    kept = contig.protected(letters[rows, columns], reference[rows, columns], keys[rows])
    calls = np.where(letters == 0, np.uint8(ord(".")), letters)
    calls[rows[kept], columns[kept]] -= 32  # upper case
    rows, columns = rows[~kept], columns[~kept]
    bases[rows, columns] = np.where(forward[rows], 3, 0)  # T, and A where the other strand's C was converted
    return bases, calls


def _modified(
    contig: Contig, bases: np.ndarray, reference: np.ndarray, reverse: np.ndarray, keys: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rest of MM and all of ML in rows of one width, and which of their bytes are used.

    Both follow the read as sequenced (SAM Optional Fields Specification, section 1.7): the numbers are of the
    Cs left out before each called one.
    """
    count = len(bases)
    read = np.where(reverse[:, None], 3 - bases[:, ::-1], bases)
    where = np.where(reverse[:, None], reference[:, ::-1], reference)
    in_cpg = np.where(
        reverse[:, None],
        (contig.codes[where] == G) & (contig.codes[where - 1] == C),
        (contig.codes[where] == C) & (contig.codes[where + 1] == G),
    )
    rank = np.cumsum(read == C, axis=1) - 1
    rows, columns = np.nonzero(in_cpg & (read == C))
    calls = np.bincount(rows, minlength=count)
    first = np.cumsum(calls) - calls
    skipped = np.diff(rank[rows, columns], prepend=0) - 1
    new = first[calls > 0]
    skipped[new] = rank[rows[new], columns[new]]
    place = np.arange(len(rows)) - first[rows]
    likelihood = _likelihoods(
        contig.protected(np.full(len(rows), ord("z")), where[rows, columns] - reverse[rows], keys[rows]),
        keys[rows] ^ place.astype(np.uint32),
    )

    digits = 2 + (skipped > 9)  # with the comma before
    before = np.cumsum(digits) - digits
    start = before - before[first[rows]] if len(rows) else before
    text = np.bincount(rows, weights=digits, minlength=count).astype(np.int64)
    head, mid = b"C+m?", b";\0MLBC"
    width = len(head) + int(text.max()) + len(mid) + 4 + int(calls.max())
    table = np.zeros((count, width), dtype=np.uint8)
    every = np.arange(count)[:, None]
    table[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    table[rows, len(head) + start] = ord(",")
    two = skipped > 9
    table[rows[two], len(head) + start[two] + 1] = ord("0") + skipped[two] // 10
    table[rows, len(head) + start + digits - 1] = ord("0") + skipped % 10
    after = len(head) + text
    table[every, after[:, None] + np.arange(len(mid))] = np.frombuffer(mid, dtype=np.uint8)
    after += len(mid)
    table[every, after[:, None] + np.arange(4)] = calls.astype("<u4").view(np.uint8).reshape(-1, 4)
    table[rows, after[rows] + 4 + place] = likelihood
    return table, np.arange(width) < (after + 4 + calls)[:, None]


def _likelihoods(methylated: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return ML bytes: mostly sure of themselves."""
    spread = (noise * np.uint32(2_654_435_761) >> np.uint32(27)).astype(np.uint8)
    return np.where(methylated, 255 - spread, spread)


def _names(numbers: np.ndarray) -> np.ndarray:
    """Return (reads, _NAME) bytes of names as a flow cell gives them, one per number below 2 ** 40."""
    # An odd factor maps the numbers one to one, and the product looks random.
    mixed = (numbers.astype(np.uint64) * np.uint64(0x7F4A7C15B5)) & np.uint64(2**40 - 1)
    lane, tile = 1 + (mixed >> np.uint64(38)), 1101 + (mixed >> np.uint64(30) & np.uint64(255))
    x, y = 10_000 + (mixed >> np.uint64(15) & np.uint64(32_767)), 10_000 + (mixed & np.uint64(32_767))
    names = np.empty((len(numbers), _NAME), dtype=np.uint8)
    names[:] = np.frombuffer(b"A00599:312:HJLTYDSX7:L:TTTT:XXXXX:YYYYY\0", dtype=np.uint8)
    for at, width, values in ((21, 1, lane), (23, 4, tile), (28, 5, x), (34, 5, y)):
        powers = np.uint64(10) ** np.arange(width - 1, -1, -1, dtype=np.uint64)
        names[:, at : at + width] = values[:, None] // powers % np.uint64(10) + np.uint64(ord("0"))
    return names


def _bins(starts: np.ndarray) -> np.ndarray:
    """Return the bin of each read in the UCSC scheme (section 5.3)."""
    bins, ends = np.zeros(len(starts), dtype=np.int64), starts + READ - 1
    # From the widest bins to the narrowest: the last that holds the whole read wins.
    for shift in (26, 23, 20, 17, 14):
        inside = starts >> shift == ends >> shift
        bins = np.where(inside, ((1 << (29 - shift)) - 1) // 7 + (starts >> shift), bins)
    return bins
