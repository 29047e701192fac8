from __future__ import annotations

import pytest
from bams import CONTIGS, Molecule, mates, record
from hypothesis import given, settings
from hypothesis import strategies as st
from two_decoders import both, run, settings_of

from cfdna_interp.config.settings import Extract
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.filters import REASONS, Rules
from cfdna_interp.fragments.intervals import load_intervals

NAMES = tuple(CONTIGS)


def with_flags(segments, flag):
    for segment in segments:
        segment.flag |= flag
    return segments


def moved(segments, *starts):
    """Mates at other positions, which each tells of the other."""
    for segment, here, there in zip(segments, starts, starts[::-1], strict=True):
        segment.reference_start, segment.next_reference_start = here, there
    return segments


def pair(name, start=500, length=150, **changes):
    return mates(Molecule(name, start, length, **changes))


def one_of_each():
    """Reads that fall under each reason, with the number of reads under it, and one fragment."""
    secondary = record("sec", 0x1 | 0x100 | 0x40, 0, 500, "A" * 40, 500)
    unmapped, widow = pair("half")
    unmapped.flag |= 0x4
    widow.flag |= 0x8
    single = pair("single")[0]
    single.flag = 0
    elsewhere = pair("elsewhere")
    elsewhere[0].next_reference_id = 1
    elsewhere[1].reference_id, elsewhere[1].next_reference_id = 1, 0
    same = pair("same")
    same[0].flag |= 0x10
    clipped = pair("clipped")
    clipped[1].cigarstring = "60S"  # covers no base of the reference
    no_bases = pair("no_bases")
    no_bases[1].query_sequence = None
    no_bases[1].cigarstring = "60M"
    reads = [
        secondary,
        unmapped,
        widow,
        single,
        pair("lonely", start=700)[0],
        *pair("offside", contig="chrX"),
        *elsewhere,
        *pair("far", length=2_000),
        *pair("failed", flag=0x2 | 0x200),
        *pair("copy", flag=0x2 | 0x400),
        *pair("poor", flag=0x2, mapq=(60, 3)),
        *with_flags(clipped, 0x2),
        *moved(pair("outward", flag=0x2), 900, 600),
        *with_flags(same, 0x2),
        *pair("unflagged"),
        *pair("brief", length=50, flag=0x2),
        *pair("black", start=5_000, flag=0x2),
        *with_flags(no_bases, 0x2),
        *pair("good", flag=0x2),
    ]
    return reads, {
        "secondary_supplementary": 1,
        "unmapped": 1,
        "mate_missing": 3,  # widow, single, lonely
        "off_contig": 2,
        "mate_elsewhere": 2,
        "mate_distant": 2,
        "qc_fail": 2,
        "duplicate": 2,
        "low_mapq": 2,
        "malformed": 2,
        "not_inward": 4,
        "not_proper": 2,
        "length_out_of_range": 2,
        "blacklisted": 2,
        "no_sequence": 2,
    }


def rules(**changes):
    return settings_of(**{"contigs": frozenset({0, 1}), "blacklist": {0: ((5_100,), (5_101,))}, **changes})


@both
def test_each_read_is_under_one_reason(decoder):
    reads, expected = one_of_each()
    found = decoder(reads, rules(proper=True))
    assert found.spans == [(0, 500, 650)]
    tally = found.totals.tally
    assert {reason: tally.counts[reason] for reason in REASONS} == expected
    assert tally.counts["reads"] == len(reads) == sum(expected.values()) + 2 * tally.counts["fragments"]
    # Primary mapped: all but the secondary and the unmapped one; two of them duplicates; one poor mate.
    assert (tally.mapped, tally.flagged_duplicate) == (len(reads) - 2, 2)
    assert (tally.unique, tally.below_mapq) == (len(reads) - 4, 1)


@both
def test_the_first_reason_counts(decoder):
    # A pair against which everything speaks: what is judged first is lifted, one after another.
    def everything():
        segments = pair("m", start=5_000, length=50, flag=0x200 | 0x400, mapq=(60, 3))
        segments[1].cigarstring = "50S"
        return segments

    lifted = []
    for reason, lift in (
        ("qc_fail", lambda reads: setattr(reads[0], "flag", reads[0].flag & ~0x200)),
        ("qc_fail", lambda reads: setattr(reads[1], "flag", reads[1].flag & ~0x200)),
        ("duplicate", lambda reads: [setattr(read, "flag", read.flag & ~0x400) for read in reads]),
        ("low_mapq", lambda reads: setattr(reads[1], "mapping_quality", 20)),
        ("malformed", lambda reads: setattr(reads[1], "cigarstring", "50M")),
        ("not_proper", lambda reads: with_flags(reads, 0x2)),
        ("length_out_of_range", lambda reads: moved(reads, 5_050, 5_060)),
        ("blacklisted", lambda reads: moved(reads, 5_150, 5_160)),
        ("fragments", lambda reads: None),
    ):
        reads = everything()
        for change in lifted:
            change(reads)
        counts = decoder(reads, rules(proper=True)).counts
        for calls in ("calls", "overlap_calls_merged", "overlap_calls_discordant"):
            counts.pop(calls, None)
        assert counts == {reason: 1 if reason == "fragments" else 2}
        lifted.append(lift)


@both
def test_a_read_alone_has_the_reasons_of_a_read(decoder):
    for changes, expected in (
        ({"flag": 0x200 | 0x400, "mapq": (3, 3)}, "qc_fail"),
        ({"flag": 0x400, "mapq": (3, 3)}, "duplicate"),
        ({"mapq": (19, 60)}, "low_mapq"),
        ({"mapq": (20, 0)}, "mate_missing"),
    ):
        assert decoder(pair("m", **changes)[:1], rules()).counts == {expected: 1}


@both
def test_duplicates_may_be_kept(decoder):
    found = decoder(pair("copy", flag=0x400), rules(drop_duplicates=False))
    assert len(found.table) == 1
    assert (found.totals.tally.counts["duplicate"], found.totals.tally.flagged_duplicate) == (0, 2)


@both
def test_direction_decides_not_the_proper_pair_flag(decoder):
    plain = pair("di", length=330)
    assert not plain[0].is_proper_pair
    assert len(decoder(plain, rules()).table) == 1


@both
def test_the_proper_pair_flag_may_be_asked_of_both_mates(decoder):
    for flags, expected in (((0, 0), 0), ((0x2, 0), 0), ((0, 0x2), 0), ((0x2, 0x2), 1)):
        reads = pair("m")
        for read, flag in zip(reads, flags, strict=True):
            read.flag |= flag
        found = decoder(reads, rules(proper=True))
        assert found.counts.get("fragments", 0) == expected
        assert found.counts.get("not_proper", 0) == 2 - 2 * expected


@both
def test_mapping_quality_of_both_mates_or_of_the_first(decoder):
    # Forward mate 10, reverse mate 60: whether the pair stays depends on which one was sequenced first.
    for forward_first, first_mapq, expected in ((1, 0, 0), (0, 0, 0), (1, 1, 0), (0, 1, 1)):
        reads = pair("m", mapq=(10, 60), forward_first=bool(forward_first))
        found = decoder(reads, rules(first_mapq=bool(first_mapq)))
        assert found.counts.get("fragments", 0) == expected
        assert found.counts.get("low_mapq", 0) == 2 - 2 * expected
        # A fragment's own quality stays the lower one, and one read is below the threshold.
        assert found.table.mapq.tolist() == [10] * expected
        assert found.totals.tally.below_mapq == 1


@both
def test_lengths_are_bounded_on_both_sides(decoder):
    reads = [read for n in (99, 100, 101, 299, 300, 301) for read in pair(f"m{n}", length=n)]
    found = decoder(reads, rules(min_length=100, max_length=300))
    assert sorted(found.table.length.tolist()) == [100, 101, 299, 300]
    assert found.counts["length_out_of_range"] == 4


@both
def test_blacklist_ends_are_half_open(decoder):
    # The fragment covers [500, 650); the interval [650, 660) touches it not, [649, 660) does.
    for interval, expected in (((650, 660), 1), ((649, 660), 0), ((490, 500), 1), ((490, 501), 0)):
        blacklist = {0: ((interval[0],), (interval[1],))}
        assert len(decoder(pair("m"), rules(blacklist=blacklist)).table) == expected


@pytest.mark.parametrize("how", ["kernels", "readable"])
@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=8),
    st.lists(st.tuples(st.integers(0, 300), st.integers(61, 90)), min_size=1, max_size=12),
)
def test_blacklist_matches_brute_force(tmp_path_factory, how, intervals, fragments):
    path = tmp_path_factory.mktemp("bed") / "black.bed"
    path.write_text("track name=x\n" + "".join(f"1\t{low}\t{low + size}\n" for low, size in intervals))
    reads = [
        read for number, (start, length) in enumerate(fragments) for read in pair(f"m{number}", start, length)
    ]
    expected = sorted(
        (0, start, start + length)
        for start, length in fragments
        if not any(low < start + length and start < low + size for low, size in intervals)
    )
    assert run(how, reads, rules(blacklist=load_intervals(path, NAMES, "blacklist"))).spans == expected


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
        load_intervals(path, NAMES, "blacklist")
    with pytest.raises(InputError, match="cannot be read"):
        load_intervals(tmp_path / "none.bed", NAMES, "blacklist")
