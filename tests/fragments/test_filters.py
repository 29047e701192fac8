from __future__ import annotations

import pytest
from bams import CONTIGS, Molecule, mates, record
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.config.settings import Extract
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.filters import REASONS, Rules, Tally, load_blacklist
from cfdna_interp.fragments.pairing import pair_reads

NAMES = tuple(CONTIGS)


def with_flags(segments, flag):
    for segment in segments:
        segment.flag |= flag
    return segments


def one_of_each():
    """Reads that fall under each reason once, with the number of reads under it, and one fragment."""
    secondary = record("sec", 0x1 | 0x100 | 0x40, 0, 500, "A" * 40, 500)
    unmapped, widow = mates(Molecule("half", 500, 150))
    unmapped.flag |= 0x4
    widow.flag |= 0x8
    elsewhere = mates(Molecule("elsewhere", 500, 150))
    elsewhere[0].next_reference_id = 1
    elsewhere[1].reference_id, elsewhere[1].next_reference_id = 1, 0
    outward = mates(Molecule("outward", 500, 150))
    outward[0].reference_start, outward[1].reference_start = 900, 600
    same = mates(Molecule("same", 500, 150))
    same[0].flag |= 0x10
    no_bases = mates(Molecule("no_bases", 500, 150))
    no_bases[1].query_sequence = None
    no_bases[1].cigarstring = "60M"
    return (
        [
            secondary,
            unmapped,
            widow,
            mates(Molecule("lonely", 700, 150))[0],
            *mates(Molecule("offside", 500, 150, contig="chrX")),
            *elsewhere,
            *with_flags(mates(Molecule("copy", 500, 150)), 0x400),
            *mates(Molecule("poor", 500, 150, mapq=(60, 3))),
            *outward,
            *same,
            *mates(Molecule("brief", 500, 50)),
            *mates(Molecule("black", 5_000, 150)),
            *no_bases,
            *mates(Molecule("good", 500, 150)),
        ],
        {
            "secondary_supplementary": 1,
            "unmapped": 1,
            "mate_missing": 2,
            "off_contig": 2,
            "mate_elsewhere": 2,
            "duplicate": 2,
            "low_mapq": 2,
            "not_inward": 4,
            "length_out_of_range": 2,
            "blacklisted": 2,
            "no_sequence": 2,
        },
    )


def rules(**changes):
    settings = {"contigs": frozenset({0, 1}), "blacklist": {0: ((5_100,), (5_101,))}, **changes}
    return Rules(**settings)


def test_each_read_is_under_one_reason():
    reads, expected = one_of_each()
    tally = Tally()
    kept = list(pair_reads(reads, rules(), tally))
    assert [forward.query_name for forward, _ in kept] == ["good"]
    assert {reason: tally.counts[reason] for reason in REASONS} == expected
    assert tally.counts["reads"] == len(reads) == sum(expected.values()) + 2 * tally.counts["fragments"]
    # Primary mapped: all but the secondary and the unmapped one; two of them duplicates; one poor mate.
    assert (tally.mapped, tally.flagged_duplicate) == (len(reads) - 2, 2)
    assert (tally.unique, tally.below_mapq) == (len(reads) - 4, 1)


def test_duplicates_may_be_kept():
    tally = Tally()
    pairs = list(
        pair_reads(with_flags(mates(Molecule("copy", 500, 150)), 0x400), rules(drop_duplicates=False), tally)
    )
    assert len(pairs) == 1
    assert (tally.counts["duplicate"], tally.flagged_duplicate) == (0, 2)


def test_direction_decides_not_the_proper_pair_flag():
    plain = mates(Molecule("di", 500, 330))
    assert not plain[0].is_proper_pair
    assert len(list(pair_reads(plain, rules(), Tally()))) == 1


def test_blacklist_ends_are_half_open():
    # The fragment covers [500, 650); the interval [650, 660) touches it not, [649, 660) does.
    for interval, expected in (((650, 660), 1), ((649, 660), 0), ((490, 500), 1), ((490, 501), 0)):
        blacklist = {0: ((interval[0],), (interval[1],))}
        found = list(pair_reads(mates(Molecule("m", 500, 150)), rules(blacklist=blacklist), Tally()))
        assert len(found) == expected


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=8),
    st.integers(0, 300),
    st.integers(61, 90),
)
def test_blacklist_matches_brute_force(tmp_path_factory, intervals, start, length):
    path = tmp_path_factory.mktemp("bed") / "black.bed"
    path.write_text("track name=x\n" + "".join(f"1\t{low}\t{low + size}\n" for low, size in intervals))
    made = rules(blacklist=load_blacklist(path, NAMES))
    touched = any(low < start + length and start < low + size for low, size in intervals)
    found = list(pair_reads(mates(Molecule("m", start, length)), made, Tally()))
    assert bool(found) is not touched


def test_contigs_in_use():
    def used(contigs):
        return Rules.of(Extract(contigs=contigs), NAMES, "S1: x.bam").contigs

    assert used("autosomes") == {0, 1}
    assert used("all") == {0, 1, 2}
    assert used(("X", "chr1")) == {0, 2}
    with pytest.raises(InputError, match=r"S1: x\.bam has no contig chr9"):
        used(("chr9",))
    with pytest.raises(InputError, match="no autosome"):
        Rules.of(Extract(), ("lambda",), "S1: x.bam")


def test_bad_blacklists(tmp_path):
    path = tmp_path / "b.bed"
    path.write_text("chr1\t5\n")
    with pytest.raises(InputError, match="line 1"):
        load_blacklist(path, NAMES)
    with pytest.raises(InputError, match="cannot be read"):
        load_blacklist(tmp_path / "none.bed", NAMES)
