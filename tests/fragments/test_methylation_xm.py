from __future__ import annotations

import pytest
from bams import Molecule, mates, write_bam, write_build
from two_decoders import both, settings_of

from cfdna_interp.artifacts.fragments import MOTIFS
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.alignment import open_alignment
from cfdna_interp.fragments.methylation import find_dialect, xm

START = 1_000


def spelled(bases, called, strand, reverse=("A" * 60, "." * 60)):
    """A pair 200 bp long: the forward mate begins with these bases and letters, then A without a call."""
    pair = mates(Molecule("m", START, 200))
    rest = 60 - len(bases)
    for read, text, letters in zip(
        pair, (bases + "A" * rest, reverse[0]), (called + "." * rest, reverse[1]), strict=True
    ):
        read.query_sequence, read.cigarstring = text, "60M"
        read.set_tags([("XM", letters, "Z"), ("XG", strand, "Z")])
    return pair


def calls(found):
    table = found.table
    return dict(zip(table.cpg_offsets.tolist(), table.cpg_states.tolist(), strict=True))


def motif(found):
    return MOTIFS[found.table.motif_5p[0]]


@both
def test_conversion_is_undone_where_a_call_tells(decoder):
    # Forward strand: T under z, x, h becomes C. No call at the fourth base, so T stays.
    assert motif(decoder(spelled("TTTT", "zxh.", "CT"), settings_of())) == "CCCT"
    # A under an unmethylated call is a mismatch and stays; so does what was read methylated.
    assert motif(decoder(spelled("ACTA", "uZUz", "CT"), settings_of())) == "ACTA"
    # Reverse strand: A under z, u, h becomes G; T stays.
    assert motif(decoder(spelled("AAAT", "zuhx", "GA"), settings_of())) == "GGGT"
    # Without a known genome strand nothing is undone.
    assert motif(decoder(spelled("TTAA", "zxhu", "CG"), settings_of())) == "TTAA"
    assert motif(decoder(spelled("TTTT", "zxh.", "CT"), settings_of("none"))) == "TTTT"


@both
def test_gc_counts_unmethylated_calls_once(decoder):
    # 120 bases are read: G and C are the four that were read so, the three under z, x, u; the base under Z
    # is a C already. h on the reverse mate counts as well.
    forward = spelled("GCGC" + "TTTC", "...." + "zxuZ", "CT", ("T" + "A" * 59, "h" + "." * 59))
    found = decoder(forward, settings_of())
    assert (found.totals.strong, found.totals.known) == (4 + 3 + 1 + 1, 120)
    assert found.table.gc[0] == pytest.approx(9 / 120)
    # The same calls without a genome strand tell of no cytosine.
    assert decoder(spelled("TTTT", "zxhu", "CG"), settings_of()).totals.strong == 0
    # An unmethylated call on a base that is a C already cannot make more than all bases strong.
    every = spelled("C" * 60, "z" * 60, "CT", ("C" * 60, "." * 60))
    assert decoder(every, settings_of()).table.gc[0] == 1


@both
def test_only_z_is_a_cpg_and_only_h_tells_of_conversion(decoder):
    found = decoder(spelled("TCTCTCTCA", "zZxXhHuU.", "CT"), settings_of())
    assert calls(found) == {0: 0, 1: 1}
    assert found.totals.chh == (1, 2)
    assert found.table.strand.tolist() == [1]
    # On the reverse strand a call stands at the G; the C is one before.
    found = decoder(spelled("ATA", ".zZ", "GA"), settings_of())
    assert calls(found) == {0: 0, 1: 1}
    assert found.table.strand.tolist() == [-1]


@both
def test_without_a_genome_strand_calls_have_no_place(decoder):
    for strand in ("CG", "", "CTT", "ct"):
        found = decoder(spelled("TTT", "zZh", strand), settings_of())
        assert calls(found) == {}
        assert found.table.strand.tolist() == [0]
        # Nor do they count for M-bias and conversion: the letters may mean something else.
        assert sum(int(mate[:, 1].sum()) for mate in found.totals.m_bias) == 0
        assert found.totals.chh == (0, 0)
        assert found.totals.tally.counts["strand_unknown"] == 2  # both mates


@both
def test_letters_that_fit_no_base_count_as_none(decoder):
    for change in (
        {"XM": "z" * 59},
        {"XM": "z" * 61},
        {"XM": ""},
        {"XM": None},
        {"XG": None},
        {"XM": 3, "XG": 0},
    ):
        forward, reverse = spelled("T", "z", "CT", ("T" * 60, "." * 59 + "z"))
        for tag, value in change.items():
            forward.set_tag(tag, value)
        found = decoder([forward, reverse], settings_of())
        # The last base of the reverse mate is the fragment's last.
        assert calls(found) == {199: 0}
        assert found.table.strand.tolist() == [0]


@both
def test_other_tags_around_the_letters_do_not_matter(decoder):
    plain = decoder(spelled("TC", "zZ", "CT"), settings_of())
    forward, reverse = spelled("TC", "zZ", "CT")
    tags = [("XG", "CT", "Z"), ("NM", 3, "C"), ("XB", [1, 2, 3], None), ("XM", "zZ" + "." * 58, "Z")]
    forward.set_tags([("XA", "q", "A"), ("XH", "1AFF", "H"), ("XF", 0.5, "f"), *tags, ("MD", "60", "Z")])
    assert calls(decoder([forward, reverse], settings_of())) == calls(plain) == {0: 0, 1: 1}


def test_dialect_is_found_or_declared():
    tagged, bare = mates(Molecule("m", 100, 80)), mates(Molecule("m", 100, 80), tags=False)
    assert find_dialect(tagged, "auto", False, True, "S") == "xm"
    assert find_dialect([*bare, *tagged], "xm", False, True, "S") == "xm"
    assert find_dialect(tagged, "none", False, True, "S") == "none"
    # What is declared is trusted as long as the file has further reads; what is searched for isn't.
    assert find_dialect(bare, "xm", False, False, "S") == "xm"
    with pytest.raises(InputError, match="no CpG calls"):
        find_dialect(bare, "auto", False, False, "S")
    for setting in ("auto", "xm"):
        with pytest.raises(
            InputError, match=r"sample S7: s7\.bam has no CpG calls .* extract\.methylation: none"
        ):
            find_dialect(bare, setting, False, True, "sample S7: s7.bam")


def bowtie2_reads():
    """Bowtie 2's own tags: XM counts mismatches, XG gap extensions (its manual, SAM output)."""
    reads = mates(Molecule("m", START, 200), tags=False)
    for read in reads:
        read.set_tags([("AS", -5, "i"), ("XM", 1, "i"), ("XO", 0, "i"), ("XG", 0, "i"), ("YT", "CP", "Z")])
    return reads


def test_numbers_of_bowtie2_are_no_calls(tmp_path):
    assert not any(xm.has_calls(read) for read in bowtie2_reads())
    sample = Sample("S7", "P7", str(write_bam(tmp_path / "s7.bam", bowtie2_reads())), 1, "discovery")
    reference = Reference(build=str(write_build(tmp_path / "made-up.tsv")))
    config = Config(sheet="s", outdir="o", reference=reference)
    with (
        pytest.raises(InputError, match=r"sample S7: .*s7\.bam has no CpG calls"),
        open_alignment(sample, config),
    ):
        pass
    config = Config(sheet="s", outdir="o", reference=reference, extract=Extract(methylation="none"))
    with open_alignment(sample, config) as alignment:
        assert alignment.dialect == "none"


@both
def test_numbers_of_bowtie2_are_passed_over_among_letters(decoder):
    found = decoder(bowtie2_reads(), settings_of())
    assert calls(found) == {}
    assert found.counts == {"fragments": 1}
