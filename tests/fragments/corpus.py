"""Damaged and odd BAM files, always the same ones: blocks, headers, order of records."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from itertools import accumulate

from corpus_case import EQUAL, RECORDS, REFUSED, SETTLED, SOUND, STARTS, Case
from corpus_records import odd_cigars, odd_pairs, odd_records, odd_tags
from raw_bam import EOF, File, block, header, library, patched


def cases() -> list[Case]:
    """All cases, with different names."""
    return [*_containers(), *_headers(), *_orders(), *odd_records(), *odd_pairs(), *odd_tags(), *odd_cigars()]


def _containers() -> Iterator[Case]:
    blocks, pieces = SOUND.blocks(), SOUND.pieces()
    starts = list(accumulate(map(len, blocks), initial=0))
    at = starts[3]  # the block that is damaged

    def spliced(*middle: bytes) -> bytes:
        return b"".join([*blocks[:3], *middle, *blocks[4:], EOF])

    whole = SOUND.written()
    yield Case("nothing", b"", REFUSED)
    yield Case("text", b"sample\tsubject\n" * 50, REFUSED)
    yield Case("gzip without blocks", gzip.compress(SOUND.data, mtime=0), REFUSED)
    yield Case("only the last block", EOF, REFUSED)
    yield Case("magic only", block(b"BAM\x01") + EOF, REFUSED)
    yield Case("other magic", block(b"BAM\x02" + SOUND.data[4:3_000]) + EOF, REFUSED)
    for name, cut in {
        "the first block": 10,
        "the first data": 40,
        "a block's magic": at + 3,
        "an extra field": at + 14,
        "a block's size": at + 17,
        "compressed data": at + 500,
        "a checksum": starts[4] - 6,
        "a data size": starts[4] - 2,
        "a record": at,
        "the last block": len(whole) - 5,
    }.items():
        yield Case(f"ends inside {name}", whole[:cut], REFUSED)
        if cut < len(whole) - 5:  # the end looks whole, so only reading shows the damage
            place = None if name.startswith("the first") else (at, 0)
            place = SOUND.place(max(s for s in STARTS if s < 9_000)) if name == "a record" else place
            yield Case(f"ends inside {name}, last block there", whole[:cut] + EOF, REFUSED, place)
    yield Case("no last block", whole[:-28], REFUSED)
    yield Case("a byte after the end", whole + b"\0", REFUSED)
    yield Case("text after the end, last block again", whole + b"text" * 9 + EOF, REFUSED, (len(whole), 0))
    good = blocks[3]
    data = pieces[3]
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0x10
    for name, damaged in {
        "wrong checksum": block(data, crc=zlib.crc32(data) ^ 1),
        "data size too large": block(data, isize=len(data) + 1),
        "data size too small": block(data, isize=len(data) - 1),
        "data size zero": block(data, isize=0),
        "data size huge": block(data, isize=2**32 - 1),
        "more than 64 KiB": block(bytes(70_000)),
        "block size too small": block(data, bsize=len(good) - 30),
        "block size too large": block(data, bsize=len(good) + 30),
        "block size zero": block(data, bsize=0),
        "block size inside the header": block(data, bsize=17),
        "block size up to the trailer": block(data, bsize=24),
        "block size to the limit": block(data, bsize=65_535),
        "no BC subfield": good.replace(b"BC\x02\x00", b"BD\x02\x00", 1),
        "BC subfield of another size": good.replace(b"BC\x02\x00", b"BC\x03\x00", 1),
        "no extra field": good[:10] + struct.pack("<H", 0) + good[18:],
        "extra field cut short": block(data, xlen=5),
        "extra field too long": block(data, xlen=60_000),
        "subfield beyond the extra field": block(data, before=b"XX\xff\xff"),
        "another magic": b"\x1f\x8c" + good[2:],
        "another method": good[:2] + b"\x07" + good[3:],
        "no flag of an extra field": good[:3] + b"\x00" + good[4:],
        "a bit flipped": bytes(flipped),
        "impossible compressed data": block(data, deflated=b"\x07" + bytes(40)),
        "no compressed data": block(data, deflated=b""),
        "noise between blocks": b"\x55" * 64,
        "zeros between blocks": bytes(64),
    }.items():
        middle = (damaged, good) if name.endswith("between blocks") else (damaged,)
        yield Case(name, spliced(*middle), REFUSED, (at, 0))
    yield Case("a block is missing", spliced(), REFUSED)
    yield Case("a block is there twice", spliced(good, good), REFUSED)
    for name, odd in {
        "subfields around": block(data, before=b"XX\x03\x00abc", after=b"YY\x00\x00"),
        "an empty BC before": block(data, before=b"ZZ\x02\x00BC"),
        "stored": block(data, level=0),
        "best compression": block(data, level=9),
    }.items():
        yield Case(name, spliced(odd), EQUAL)
    yield Case("empty blocks in the middle", spliced(EOF, EOF, good, block(b"", level=0)), EQUAL)
    yield Case("thousands of empty blocks", spliced(*[EOF] * 20_000, good), EQUAL)
    yield Case("ends twice", SOUND.written() + EOF, EQUAL)
    many = [SOUND.data[low : low + 1] for low in range(len(SOUND.data))]
    yield Case("blocks of one byte", b"".join(map(block, many)) + EOF, EQUAL)
    large = library(400, seed=9)
    yield Case("blocks of 64 KiB", File.of(large, size=65_536).written(), EQUAL, window=65_536)
    cuts = tuple(STARTS[:-1])
    yield Case("a block for each record", File(SOUND.data, cuts).written(), EQUAL)


def _headers() -> Iterator[Case]:
    body = b"".join(RECORDS)

    def file(head: bytes) -> bytes:
        return File(head + body, tuple(range(len(head), len(head + body), 3_000))).written()

    text = "@HD\tVN:1.6\tSO:coordinate\n"
    three = {"chr1": 60_000, "chr2": 30_000, "chrX": 20_000}
    yield Case("header text of negative size", file(header(l_text=-1)), REFUSED)
    yield Case("header text beyond the file", file(header(l_text=2**31 - 1)), REFUSED)
    yield Case("header text too short", file(header(l_text=20)), REFUSED)
    yield Case("contigs negative", file(header(n=-1)), REFUSED)
    yield Case("contigs beyond the file", file(header(n=2**31 - 1)), REFUSED)
    yield Case("a contig too many", file(header(n=4)), REFUSED)
    yield Case("a contig too few", file(header(n=2)), REFUSED)
    yield Case("no contigs", file(header({}, text=text)), REFUSED)
    yield Case("no header text", file(header(three, text="")), EQUAL)
    yield Case("no records", File.of([]).written(), REFUSED)
    yield Case("contigs of no build", file(header({"one": 5, "two": 6, "three": 7})), REFUSED)
    yield Case("one contig known", file(header({"chr1": 60_000, "decoy": 30_000, "other": 7})), SETTLED)
    at = header().index(b"chr1\0", header().index(b"LN:20000"))
    for name, size in {"empty": 0, "negative": -4, "huge": 2**31 - 1, "beyond": 5_000}.items():
        head = header()[: at - 4] + struct.pack("<i", size) + header()[at:]
        yield Case(f"contig name {name}", file(head), REFUSED)
    head = header()[: at + 5] + struct.pack("<i", -60_000) + header()[at + 9 :]
    yield Case("contig of negative length", file(head), REFUSED)


def _orders() -> Iterator[Case]:
    yield Case(
        "unsorted: two records",
        File.of([*RECORDS[:50], RECORDS[52], RECORDS[51], *RECORDS[53:]]).written(),
        REFUSED,
    )
    yield Case("unsorted: reversed", File.of(RECORDS[::-1]).written(), REFUSED)
    last = [patched(RECORDS[0], ref=-1, pos=-1, flag=0x4D)]
    yield Case("unplaced first", File.of(last + RECORDS).written(), SETTLED)
    yield Case("unsorted: contigs swapped", File.of(RECORDS[80:] + RECORDS[:80]).written(), REFUSED)
    named = header(text="@HD\tVN:1.6\tSO:queryname\n")
    yield Case("header says sorted by name", File.of(RECORDS, named).written(), REFUSED)
    silent = header(text="@SQ\tSN:chr1\tLN:60000\n@SQ\tSN:chr2\tLN:30000\n@SQ\tSN:chrX\tLN:20000\n")
    yield Case("header says nothing about order", File.of(RECORDS, silent).written(), EQUAL)
