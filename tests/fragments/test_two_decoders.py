"""Kernels and readable decoder give the same, whatever the records: made up at random, and simulated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_bam import record
from two_decoders import assert_identical, kernels, opened, readable, run, settings_of

from cfdna_interp.fragments.filters import REASONS

# Few names, few positions and few values of each field, so that records meet.
NAMES = [b"a", b"b", b"ab", b"read/1", b"a-longer-name:than:the:others:with:more:than:32:bytes"]
FLAGS = [0x1 | low | strand | mate for low in (0, 2) for strand in (0x10, 0x20, 0) for mate in (0x40, 0x80)]
ODD_FLAGS = [0x0, 0x1, 0x4, 0x5, 0x8, 0x30, 0xC0, 0x100, 0x200, 0x400, 0x800]
LETTERS = "..zZxXhHuU."


@st.composite
def alignments(draw: st.DrawFn) -> tuple[list[tuple[int, str]], int]:
    """A CIGAR that covers at least one base of the reference, and how many bases it reads."""
    size = st.integers(1, 40)
    read = st.tuples(size, st.sampled_from("MMMMI=X"))
    skip = st.tuples(st.integers(0, 30), st.sampled_from("DNP"))
    middle = draw(st.lists(st.one_of(read, skip), max_size=4))
    clip = st.lists(st.tuples(st.integers(1, 5), st.just("S")), max_size=1)
    cigar = [*draw(clip), (draw(size), "M"), *middle, *draw(clip)]
    return cigar, sum(n for n, operation in cigar if operation in "MIS=X")


def spelled(draw: st.DrawFn, letters: str, size: int) -> str:
    """A text of so many letters: hypothesis draws its seed, so that a record is no long chain of choices."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return "".join(rng.choice(list(letters), size=max(size, 0)))


@st.composite
def tags(draw: st.DrawFn, bases: int) -> bytes:
    """XM and XG in most records, among other tags and in any order."""
    size = bases + draw(st.sampled_from([0] * 12 + [-1, 1]))
    letters = spelled(draw, LETTERS, size)
    strand = draw(st.sampled_from([b"CT", b"GA"] * 5 + [b"CG", b""]))
    parts = [b"XMZ" + letters.encode() + b"\0", b"XGZ" + strand + b"\0", b"NMC\x03", b"ZBBs\2\0\0\0\1\0\2\0"]
    parts = draw(st.permutations(parts))
    return b"".join(parts[: draw(st.sampled_from([4] * 10 + [3, 2, 0]))])


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """A record that pysam can read."""
    cigar, bases = draw(alignments())
    bases = draw(st.sampled_from([bases] * 9 + [0]))
    flag = draw(st.sampled_from(FLAGS * 3 + ODD_FLAGS)) | draw(st.sampled_from([0] * 9 + ODD_FLAGS))
    contig, start = draw(st.sampled_from([0, 0, 0, 1, -1])), draw(st.integers(0, 12)) * 10
    mate_contig = draw(st.sampled_from([contig] * 8 + [-1, 1]))
    text = spelled(draw, "ACGTTACGN", bases)
    return record(
        draw(st.sampled_from(NAMES)),
        flag,
        contig,
        start if contig >= 0 else -1,
        cigar,
        text,
        draw(st.integers(0, 12)) * 10 + draw(st.sampled_from([0, 0, 0, 0, 200, 2_000])),
        draw(tags(bases)),
        next_ref=mate_contig,
        mapq=draw(st.sampled_from([60, 60, 60, 20, 19, 0, 255])),
    )


@st.composite
def pairs(draw: st.DrawFn) -> list[bytes]:
    """Two records that are mates, or nearly so; most names are used once."""
    names = st.one_of(st.sampled_from(NAMES), *[st.integers(0, 10**9).map(b"%d".__mod__)] * 3)
    name, contig = draw(names), draw(st.sampled_from([0, 0, 1]))
    start = draw(st.integers(0, 30)) * 10
    starts = [start, max(start + draw(st.integers(-2, 9)) * 10, 0)]
    first = draw(st.booleans())
    made = []
    for number, strand in enumerate((0x20, 0x10)):
        cigar, bases = draw(alignments())
        flag = 0x1 | strand | (0x40 if first == (number == 0) else 0x80) | draw(st.sampled_from([2, 2, 2, 0]))
        made.append(
            record(
                name,
                flag | draw(st.sampled_from([0] * 12 + [0x200, 0x400])),
                contig,
                starts[number],
                cigar,
                spelled(draw, "ACGTTACGN", bases),
                max(starts[1 - number] + draw(st.sampled_from([0] * 8 + [-10, 10, 500])), -1),
                draw(tags(bases)),
                next_ref=draw(st.sampled_from([contig] * 9 + [-1])),
                mapq=draw(st.sampled_from([60, 60, 60, 20, 19, 0])),
            )
        )
    return made


@st.composite
def libraries(draw: st.DrawFn) -> list[bytes]:
    """Records of a small library: pairs, and others among them."""
    joined = draw(st.lists(pairs(), max_size=8))
    others = draw(st.lists(records(), max_size=8))
    # One that every file holds, first of all: paired, so that the file is taken for one of pairs.
    first = record(b"first", 0x9 | 0x40, 0, 0, [(4, "M")], "ACGT", 0)
    return [first, *(read for pair in joined for read in pair), *others]


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Settings of any kind."""
    blacklist = draw(st.sampled_from([{}, {}, {0: ((50, 200), (60, 230))}]))
    return {
        "dialect": draw(st.sampled_from(["xm", "xm", "xm", "xm", "none"])),
        "seed": draw(st.sampled_from([0, 5, 2**31])),
        "ignore": draw(st.sampled_from([(0, 0), (0, 0), (3, 2), (50, 0)])),
        "contigs": frozenset(draw(st.sampled_from([(0, 1, 2)] * 6 + [(0,), (1, 2)]))),
        "min_mapq": draw(st.sampled_from([0, 0, 20])),
        "first_mapq": draw(st.booleans()),
        "proper": draw(st.sampled_from([False, False, False, True])),
        "drop_duplicates": draw(st.booleans()),
        "min_length": draw(st.sampled_from([1, 1, 60])),
        "max_length": draw(st.sampled_from([1_000, 1_000, 100])),
        "blacklist": blacklist,
    }


@settings(max_examples=200, deadline=None)
@given(libraries(), rules(), st.sampled_from([40, 300, 60_000]))
def test_any_records_come_out_the_same(library, chosen, block):
    made = settings_of(**chosen)
    found = run("kernels", library, made, block)
    assert_identical(found, run("readable", library, made, block))
    # Nothing is lost: every read is under one reason or in a fragment.
    counts = found.totals.tally.counts
    merged = counts["overlap_calls_merged"] + counts["overlap_calls_discordant"]
    assert sum(counts[reason] for reason in REASONS) + 2 * counts["fragments"] == len(library)
    assert merged <= sum(int(mate[:, 1].sum()) for mate in found.totals.m_bias) // 2


def test_the_libraries_made_up_hold_fragments_and_many_reasons():
    # A property that only ever sees rejected reads would hold nothing.
    seen: set[str] = set()
    calls = fragments = 0

    @settings(max_examples=120, database=None, derandomize=True, deadline=None)
    @given(libraries(), rules())
    def look(library: list[bytes], chosen: dict[str, Any]) -> None:
        nonlocal calls, fragments
        found = run("kernels", library, settings_of(**chosen))
        seen.update(found.counts)
        calls += len(found.table.cpg_states)
        fragments += len(found.table)

    look()
    assert fragments > 40
    assert calls > 100
    assert len(seen & set(REASONS)) >= 11


@pytest.mark.parametrize("number", [0, 9, 23])
def test_simulated_samples_come_out_the_same(simulated_cohort, number):
    path = sorted((simulated_cohort / "bam").glob("*.bam"))[number]
    with opened(path, simulated_cohort / "build.tsv") as alignment:
        contigs = frozenset(range(len(alignment.contig_names)))
        made = settings_of(contigs=contigs, seed=1)
        found = kernels(alignment, made, window=1 << 16)
        assert found.counts["fragments"] > 2_500
        assert len(found.table.cpg_states) > 5_000
        assert_identical(found, readable(alignment, made))
