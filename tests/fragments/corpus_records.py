"""Records that are damaged or odd, among sound ones."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from corpus_case import EQUAL, MIDDLE, RECORDS, REFUSED, SETTLED, STARTS, Case
from raw_bam import NAME, File, by_place, field, patched, record, tags_at, with_tags


def _with(changed: bytes) -> tuple[bytes, tuple[int, int]]:
    """The file with the middle record replaced, and where that begins."""
    file = File.of([*RECORDS[:MIDDLE], changed, *RECORDS[MIDDLE + 1 :]])
    return file.written(), file.place(STARTS[MIDDLE])


def odd_records() -> Iterator[Case]:
    middle = RECORDS[MIDDLE]
    size = len(middle) - 4
    for name, changes in {
        "size negative": {"size": -1},
        "size least": {"size": -(2**31)},
        "size zero": {"size": 0},
        "size tiny": {"size": 31},
        "size without a name": {"size": 32},
        "size cuts the bases": {"size": tags_at(middle) - 4 - 1},
        "size huge": {"size": 2**31 - 1},
        "size beyond the file": {"size": 1_000_000},
        "name of no bytes": {"l_name": 0},
        "name beyond the record": {"l_name": 255},
        "more CIGAR than record": {"n_cigar": 65_535},
        "bases negative": {"l_seq": -1},
        "bases least": {"l_seq": -(2**31)},
        "bases beyond the record": {"l_seq": 2**31 - 1},
        "bases a little beyond": {"l_seq": size},
        "contig out of range": {"ref": 3},
        "contig below -1": {"ref": -2},
        "contig huge": {"ref": 2**31 - 1},
        "contig of mate out of range": {"next_ref": 3},
        "contig of mate below -1": {"next_ref": -2},
        "position below -1": {"pos": -2},
        "position least": {"pos": -(2**31)},
        "position of mate below -1": {"next_pos": -2},
    }.items():
        data, place = _with(patched(middle, **changes))
        yield Case(f"record: {name}", data, REFUSED, place)
    for name, changes in {
        "size one more": {"size": size + 1},
        "size one less": {"size": size - 1},
        "name too short": {"l_name": field(middle, "l_name") - 1},
        "name of one byte": {"l_name": 1},
        "CIGAR one more": {"n_cigar": 2},
        "no CIGAR": {"n_cigar": 0},
        "bases fewer": {"l_seq": 10},
        "no bases declared": {"l_seq": 0},
    }.items():
        yield Case(f"record: {name}", _with(patched(middle, **changes))[0], SETTLED)
    for name, changes in {
        "flags all": {"flag": 65_535},
        "flags none": {"flag": 0},
        "MAPQ of none": {"mapq": 255},
        "bin wrong": {"bin": 65_535},
        "mate's position huge": {"next_pos": 2**31 - 1},
        "mate's position none": {"next_pos": -1},
        "mate's contig none": {"next_ref": -1},
        "mate elsewhere": {"next_ref": 2},
        "length least": {"length": -(2**31)},
    }.items():
        yield Case(f"record: {name}", _with(patched(middle, **changes))[0], EQUAL)
    last = NAME + field(middle, "l_name") - 1
    data, place = _with(middle[:last] + b"x" + middle[last + 1 :])
    yield Case("record: name without NUL", data, REFUSED, place)
    yield Case("record: NUL inside a name", _with(middle[:NAME] + b"\0" + middle[NAME + 1 :])[0], SETTLED)
    longest = record(b"n" * 254, 0x63, 0, field(middle, "pos"), [(4, "M")], "ACGT", 0)
    yield Case("record: longest name", _with(longest)[0], EQUAL)


def _pair(
    name: bytes,
    start: int,
    cigars: tuple[list[tuple[int, str]], ...],
    bases: tuple[str, str],
    tags: bytes = b"",
) -> list[bytes]:
    return [
        record(name, 0x63, 0, start, cigars[0], bases[0], start + 50, tags),
        record(name, 0x93, 0, start + 50, cigars[1], bases[1], start, tags),
    ]


def _beside(*pairs: list[bytes]) -> bytes:
    """The sound records with more pairs among them."""
    return File.of(by_place([*RECORDS, *(read for pair in pairs for read in pair)])).written()


def odd_pairs() -> Iterator[Case]:
    even, odd = "ACGTACGTAC" * 5, "ACGTACGTACG" * 5
    plain = [(50, "M")]
    yield Case("pair: no bases, one mate", _beside(_pair(b"q", 500, (plain, plain), ("", even))), EQUAL)
    yield Case("pair: no bases, both", _beside(_pair(b"q", 500, (plain, plain), ("", ""))), EQUAL)
    yield Case("pair: no CIGAR", _beside(_pair(b"q", 500, ([], []), (even, even))), EQUAL)
    yield Case("pair: zero-length reads", _beside(_pair(b"q", 500, ([], []), ("", ""))), EQUAL)
    yield Case("pair: odd number of bases", _beside(_pair(b"q", 500, ([(55, "M")],) * 2, (odd, odd))), EQUAL)
    yield Case("pair: three bases", _beside(_pair(b"q", 500, ([(3, "M")],) * 2, ("ACG", "ACG"))), EQUAL)
    yield Case(
        "pair: unknown bases", _beside(_pair(b"q", 500, (plain, plain), ("N" * 50, "RYKM=" * 10))), EQUAL
    )
    for name, count in (("several blocks", 100_000), ("several windows", 2_000_000)):
        long, cigar = "ACGT" * (count // 4), [(count - 1, "I"), (1, "M")]
        data = _beside(_pair(b"q", 1, (cigar, cigar), (long, long)))
        yield Case(f"pair: bases of {name}", data, EQUAL, window=65_536)
    yield Case(
        "pair: same mate twice", _beside([_pair(b"q", 500, (plain, plain), (even, even))[0]] * 2), EQUAL
    )
    three = _pair(b"q", 500, (plain, plain), (even, even))
    yield Case("pair: three of a name", _beside([*three, three[1]]), EQUAL)
    late = [three[0], patched(three[1], pos=700)]
    yield Case("pair: mate later than declared", _beside(late), EQUAL)
    yield Case("pair: mate earlier than declared", _beside([three[0], patched(three[1], pos=530)]), EQUAL)
    far = [patched(three[0], next_pos=9_000), patched(three[1], pos=9_000)]
    yield Case("pair: mate distant", _beside(far), EQUAL)
    untold = [patched(read, next_ref=-1, next_pos=-1) for read in three]
    yield Case("pair: mates' places not told", _beside(untold), EQUAL)
    again = [
        patched(read, pos=field(read, "pos") + 3_000, next_pos=field(read, "next_pos") + 3_000)
        for read in three
    ]
    yield Case("pair: a name used twice", _beside(three, again), EQUAL)
    other = [patched(read, ref=1, next_ref=1) for read in three]
    yield Case("pair: a name used on two contigs", _beside([three[0]], [other[1]]), EQUAL)
    unplaced = [patched(read, ref=-1, pos=-1, next_ref=-1, next_pos=-1, flag=0x4D) for read in three]
    yield Case("pair: unplaced at the end", _beside(unplaced), EQUAL)
    nowhere = [patched(read, ref=-1, pos=-1) for read in three]
    yield Case("pair: mapped to no contig", _beside(nowhere), EQUAL)
    before = [patched(read, pos=-1) for read in three]
    yield Case("pair: mapped before the contig", _beside(before), EQUAL)
    over = [patched(read, pos=59_990 + 5 * k, next_pos=59_995 - 5 * k) for k, read in enumerate(three)]
    yield Case("pair: beyond the contig's end", _beside(over), EQUAL)
    edge = [patched(read, pos=2**31 - 60 + k, next_pos=2**31 - 59 - k) for k, read in enumerate(three)]
    yield Case("pair: at the last position of all", _beside(edge), SETTLED)


def odd_tags() -> Iterator[Case]:
    middle = RECORDS[MIDDLE]
    letters = middle[tags_at(middle) + 3 : -6]  # with NUL
    calls, genome = b"XMZ" + letters, middle[-6:]
    more = b"NMC\x03ASs\xf0\xffXAAqX1i\x01\0\0\0X2f\0\0\0\0X3H1AFF\0X4BC\x02\0\0\0\1\2X5Bf\1\0\0\0\0\0\0\0"
    for name, tags in {
        "none": b"",
        "no XG": calls,
        "no XM": genome,
        "the other way round": genome + calls,
        "all types before": more + calls + genome,
        "all types after": calls + genome + more,
        "XM of another length": b"XMZ" + letters[:-2] + b"\0" + genome,
        "XM empty": b"XMZ\0" + genome,
        "XG of another value": calls + b"XGZCG\0",
        "XG empty": calls + b"XGZ\0",
        "XG longer": calls + b"XGZCTT\0",
        "XG as an array": calls + b"XGBC\x02\0\0\0CT",
        "XM of unknown letters": b"XMZ" + b"q" * (len(letters) - 1) + b"\0" + genome,
        "empty array": b"X4Bi\0\0\0\0" + calls + genome,
    }.items():
        yield Case(f"tags: {name}", _with(with_tags(middle, tags))[0], EQUAL)
    for name, tags in {
        "XM without NUL": genome + calls[:-1],
        "XM twice": calls + b"XMZ" + b"z" * (len(letters) - 1) + b"\0" + genome,
        "XM as a letter": b"XMAz" + genome,
        "XM as a number": b"XMi\1\0\0\0" + genome,
        "XM as hex": b"XMH" + letters + genome,
        "XM as an array": b"XMBC" + struct.pack("<I", len(letters)) + letters + genome,
        "XG as a letter": calls + b"XGAC",
        "unknown type": b"X0?1234" + calls + genome,
        "array of unknown type": b"X0BZ\1\0\0\0a" + calls + genome,
        "array with huge count": b"X0Bi\xff\xff\xff\xff" + calls + genome,
        "array with large count": b"X0Bi\0\0\0\x40" + calls + genome,
        "array with count cut off": calls + genome + b"X0Bi\1\0",
        "number cut off": calls + genome + b"X0i\1\0",
        "one byte left": calls + genome + b"X",
        "two bytes left": calls + genome + b"X0",
        "three bytes left": calls + genome + b"X0Z",
        "zeros after": calls + genome + bytes(9),
        "noise": bytes(range(128, 255)),
    }.items():
        yield Case(f"tags: {name}", _with(with_tags(middle, tags))[0], SETTLED)


def odd_cigars() -> Iterator[Case]:
    bases = "ACGTACGTAC" * 5
    plain = [(50, "M")]

    def one(cigar: list[tuple[int, str]], tags: bytes = b"") -> bytes:
        return _beside(_pair(b"q", 500, (cigar, plain), (bases, bases), tags))

    yield Case(
        "CIGAR: every operation",
        one(
            [
                (2, "H"),
                (3, "S"),
                (10, "M"),
                (2, "I"),
                (5, "="),
                (4, "D"),
                (6, "N"),
                (1, "P"),
                (20, "X"),
                (10, "S"),
            ]
        ),
        EQUAL,
    )
    yield Case("CIGAR: all clipped", one([(50, "S")]), EQUAL)
    yield Case("CIGAR: all inserted", one([(50, "I")]), EQUAL)
    yield Case("CIGAR: operations of no length", one([(0, "M"), (50, "M"), (0, "D"), (0, "I")]), EQUAL)
    yield Case("CIGAR: too few bases", one([(51, "M")]), SETTLED)
    yield Case("CIGAR: too many bases", one([(20, "M")]), SETTLED)
    yield Case("CIGAR: deletions beyond any contig", one([(2**28 - 1, "D")] * 40 + plain), SETTLED)
    yield Case("CIGAR: bases beyond any number", one([(2**28 - 1, "M")] * 40), SETTLED)
    # More operations than a record can count: they stand in the tag CG, and the field says 50S60N.
    many = [(1, "M"), (1, "D")] * 49 + [(1, "M")]
    packed = struct.pack(f"<{len(many)}I", *(n << 4 | "MIDNSHP=X".index(o) for n, o in many))
    stand_in = [(50, "S"), (len(many), "N")]

    def in_tag(kind: bytes, count: int, values: bytes = packed) -> bytes:
        pair = _pair(b"q", 500, (stand_in, plain), (bases, bases))
        pair[0] = with_tags(pair[0], b"NMC\0CGB" + kind + struct.pack("<I", count) + values)
        return _beside(pair)

    yield Case("CIGAR: in a tag", in_tag(b"I", len(many)), EQUAL)
    yield Case("CIGAR: in a tag of another kind", in_tag(b"C", len(packed)), SETTLED)
    yield Case("CIGAR: in a tag beyond the record", in_tag(b"I", len(many) + 1), SETTLED)
    yield Case("CIGAR: in a tag with huge count", in_tag(b"I", 2**32 - 1), SETTLED)
    yield Case("CIGAR: in an empty tag", in_tag(b"I", 0, b""), SETTLED)
    yield Case("CIGAR: in a tag of other bases", in_tag(b"I", 1, packed[:4]), SETTLED)
    true = 70_000
    wide = struct.pack("<2I", 1 << 4, 1 << 4 | 2) * (true // 2)
    long = "ACGT" * (true // 8)
    pair = _pair(b"q", 500, ([(true // 2, "S"), (true, "N")], plain), (long, bases))
    pair[0] = with_tags(pair[0], b"CGBI" + struct.pack("<I", true) + wide)
    yield Case("CIGAR: of 70,000 operations", _beside(pair), EQUAL)
    for code in range(9, 16):
        pair = _pair(b"q", 500, (plain, plain), (bases, bases))
        changed = bytearray(pair[0])
        struct.pack_into("<I", changed, NAME + field(pair[0], "l_name"), 50 << 4 | code)
        yield Case(f"CIGAR: operation {code}", _beside([bytes(changed), pair[1]]), SETTLED)
    # Seventeen skips add up to 2**32: in 32 bits the bases behind them would lie in the fragment again.
    skips = [(2**28 - 1, "N")] * 16 + [(16, "N"), (50, "M")]
    calls = b"XMZ" + b"zZ" * 25 + b"\0XGZCT\0"
    yield Case("CIGAR: skips once around", one(skips, calls), EQUAL)
