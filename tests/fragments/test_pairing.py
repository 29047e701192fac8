"""Which reads are mates: by hand, through the kernels and through the readable decoder."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from bams import Molecule, mates, random_molecules
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_bam import NAME, field, record
from two_decoders import both, run, settings_of
from xxhash import xxh64_intdigest

RULES = settings_of("none", contigs=frozenset({0, 1}))


def pair(start=1_000, length=200, **changes):
    return mates(Molecule("m", start, length, **changes))


def moved(read, start=None, mate=None, contig=None, mate_contig=None):
    """The read at another place, or telling another one of its mate."""
    read.reference_start = read.reference_start if start is None else start
    read.next_reference_start = read.next_reference_start if mate is None else mate
    read.reference_id = read.reference_id if contig is None else contig
    read.next_reference_id = read.next_reference_id if mate_contig is None else mate_contig
    return read


@pytest.mark.parametrize("how", ["kernels", "readable"])
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_reads_at_one_position_does_not_matter(how, seed):
    molecules = random_molecules(30, seed=3)
    # Twenty more that begin where others do.
    molecules += [Molecule(f"t{k}", m.start, m.length + 7) for k, m in enumerate(molecules[:20])]
    reads = [read for molecule in molecules for read in mates(molecule)]
    reads = reads[:-1]  # one mate is missing
    shuffled = [reads[i] for i in np.random.default_rng(seed).permutation(len(reads))]
    found = run(how, shuffled, RULES)
    assert found.spans == sorted((0, m.start, m.end) for m in molecules[:-1])
    assert found.counts == {"fragments": 49, "mate_missing": 1}


@both
@pytest.mark.parametrize("length", [60, 75, 99, 100, 101, 330])
def test_ends_come_from_the_strands(decoder, length):
    # 100-base reads of a 75-bp molecule would run into the adapter: each mate is as long as the molecule.
    assert decoder(pair(length=length, read_length=100), RULES).spans == [(0, 1_000, 1_000 + length)]


@both
def test_mates_that_run_past_each_other_still_face_inward(decoder):
    # Forward mate [1000, 1100), reverse mate [980, 1080): the 5' ends are at 1000 and 1080, 80 bp apart.
    forward, reverse = pair(length=300, read_length=100)
    reads = [moved(forward, mate=980), moved(reverse, start=980)]
    assert decoder(reads, RULES).spans == [(0, 1_000, 1_080)]
    # Moved on to [900, 1000) the reverse mate ends where the forward one begins: nothing lies between.
    reads = [moved(forward, mate=900), moved(reverse, start=900)]
    assert decoder(reads, RULES).counts == {"not_inward": 2}


@both
def test_a_mate_begins_at_most_the_largest_length_away(decoder):
    # At exactly 1,000 bp the mates are joined (and the fragment is too long), at 1,001 neither waits.
    assert decoder(pair(length=1_060), RULES).counts == {"length_out_of_range": 2}
    assert decoder(pair(length=1_061), RULES).counts == {"mate_distant": 2}
    # What decides is what each record says itself. The reverse mate, 140 bp away, says so.
    forward, reverse = pair()
    assert decoder([moved(forward, mate=5_000), reverse], RULES).counts == {
        "mate_distant": 1,
        "mate_missing": 1,
    }
    # The bound is that of the rules.
    close = settings_of("none", max_length=139)
    assert decoder(pair(), close).counts == {"mate_distant": 2}


@both
def test_a_mate_that_comes_after_its_declared_position_is_none(decoder):
    # The forward mate says 1,140. At 1,130 and 1,140 its mate still counts, at 1,141 nobody waits for it.
    for start, expected in (
        (1_130, {"fragments": 1}),
        (1_140, {"fragments": 1}),
        (1_141, {"mate_missing": 2}),
        (1_700, {"mate_missing": 2}),
    ):
        forward, reverse = pair()
        assert decoder([forward, moved(reverse, start=start)], RULES).counts == expected
    # Each that is left alone has its own reason.
    forward, reverse = pair(mapq=(60, 3))
    assert decoder([forward, moved(reverse, start=1_141)], RULES).counts == {
        "mate_missing": 1,
        "low_mapq": 1,
    }


@both
def test_a_read_whose_mate_should_have_come_is_alone_at_once(decoder):
    # The reverse mate comes first and says that its mate, too, is before it: it doesn't wait.
    forward, reverse = pair()
    reads = [moved(reverse, start=1_100, mate=1_050), moved(forward, start=1_120, mate=1_100)]
    assert decoder(reads, RULES).counts == {"mate_missing": 2}


@both
def test_a_name_used_twice_does_not_break_the_pair(decoder):
    # Twice the same mate within reach: the first one stays, and is the one that is joined.
    forward, reverse = pair()
    again = pair(start=1_050)[0]
    found = decoder([forward, again, reverse], RULES)
    assert found.spans == [(0, 1_000, 1_200)]
    assert found.counts == {"fragments": 1, "mate_missing": 1}
    # Its own mate came for nothing.
    found = decoder([forward, reverse, *pair(start=1_050)], RULES)
    assert found.spans == [(0, 1_000, 1_200)]
    assert found.counts == {"fragments": 1, "mate_missing": 2}


@both
def test_a_name_may_be_used_again_further_on(decoder):
    found = decoder([*pair(), *pair(start=3_000), *pair(start=3_000, contig="chr2")], RULES)
    assert found.spans == [(0, 1_000, 1_200), (0, 3_000, 3_200), (1, 3_000, 3_200)]
    assert found.hashes.tolist() == [xxh64_intdigest(b"m", 5)] * 3
    # The first one's mate never came; what comes later under the name is a pair of its own.
    found = decoder([pair()[0], *pair(start=3_000)], RULES)
    assert found.spans == [(0, 3_000, 3_200)]
    assert found.counts == {"fragments": 1, "mate_missing": 1}


@both
def test_nothing_waits_across_contigs(decoder):
    # The forward mate on chr1 says chr1:20,140; under its name comes a reverse mate on chr2 at 20,100,
    # which says that its own mate is at 20,000 of chr2, where there is none.
    forward, reverse = pair(start=20_000)
    reads = [forward, moved(reverse, start=20_100, contig=1, mate_contig=1)]
    assert decoder(reads, RULES).counts == {"mate_missing": 2}
    # Nor where neither mate's place is told.
    for read in reads:
        moved(read, mate_contig=-1)
    assert decoder(reads, RULES).counts == {"mate_missing": 2}


@both
def test_place_of_the_mate_may_be_left_out(decoder):
    def untold(start):
        forward, reverse = pair()
        return [moved(forward, mate_contig=-1, mate=-1), moved(reverse, start, mate_contig=-1, mate=-1)]

    assert decoder(untold(1_140), RULES).spans == [(0, 1_000, 1_200)]
    # Then a read waits as far as a fragment can reach: 1,000 bp, and here the reverse mate has 60 more.
    assert decoder(untold(1_940), RULES).spans == [(0, 1_000, 2_000)]
    assert decoder(untold(2_000), RULES).counts == {"length_out_of_range": 2}
    assert decoder(untold(2_001), RULES).counts == {"mate_missing": 2}
    # One of the two knows.
    forward, reverse = pair()
    assert decoder([forward, moved(reverse, mate_contig=-1)], RULES).spans == [(0, 1_000, 1_200)]
    # A mate on another contig, by its own record or by the other's.
    reverse.reference_id = 1
    assert decoder([moved(forward, mate_contig=1), moved(reverse, mate_contig=0)], RULES).counts == {
        "mate_elsewhere": 2
    }


@both
def test_names_differ_also_where_one_begins_like_the_other(decoder):
    one, other = (mates(Molecule(name, 1_000, 200)) for name in ("m", "m1"))
    assert decoder([one[0], other[1]], RULES).counts == {"mate_missing": 2}
    assert decoder([*one, *other], RULES).counts == {"fragments": 2}


BASES = "ACGTACGTAC" * 5


def raw_pair(cigar, code=None, start=1_000, bases=BASES, name=b"q"):
    """Mates of 50 bases; the forward one has this CIGAR, or one operation of this code."""
    forward = record(name, 0x63, 0, start, cigar, bases, start + 50)
    if code is not None:
        forward = bytearray(forward)
        struct.pack_into("<I", forward, NAME + field(forward, "l_name"), 50 << 4 | code)
    return [bytes(forward), record(name, 0x93, 0, start + 50, [(50, "M")], bases, start)]


@pytest.mark.parametrize("block", [100, 60_000])
@pytest.mark.parametrize(
    "reads",
    [
        raw_pair([(51, "M")]),
        raw_pair([(49, "M")]),
        raw_pair([(20, "M"), (5, "D"), (29, "M")]),
        raw_pair([]),
        raw_pair([(50, "S")]),
        raw_pair([(50, "I")]),
        raw_pair([(50, "M")], code=9),
        raw_pair([(50, "M")], code=15),
        raw_pair([(50, "M")], start=2**31 - 90),
    ],
    ids=[
        "a base too many",
        "a base too few",
        "a deletion for a base",
        "no operations",
        "all clipped",
        "all inserted",
        "operation 9",
        "operation 15",
        "beyond 32 bits",
    ],
)
def test_malformed_alignments_are_counted_as_such(reads, block):
    # pysam gives up at some of these records, so this is the kernels' alone. Sound pairs are around it.
    sound = [raw_pair([(50, "M")], start=start, name=name) for start, name in ((500, b"s"), (1_020, b"t"))]
    found = run("kernels", [*sound[0], *reads, *sound[1]], RULES, block)
    assert found.spans == [(0, 500, 600), (0, 1_020, 1_120)]
    assert found.counts == {"fragments": 2, "malformed": 2}


@both
def test_a_read_without_bases_may_have_any_alignment(decoder):
    found = decoder(raw_pair([(40, "M")], bases=""), RULES)
    assert found.counts == {"no_sequence": 2}
