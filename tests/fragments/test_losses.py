"""Losses of reads are judged, and the cause is named. Every planted fault has a null beside it."""

from __future__ import annotations

import gzip
from array import array

import pytest
from bams import Molecule, mates, random_molecules, record, write_bam, write_build

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.fragments.extraction import read_sample
from cfdna_interp.fragments.filters import REASONS
from cfdna_interp.fragments.loss_words import CAUSES, FILTERS, loss_words
from cfdna_interp.fragments.losses import LIMITS, expected_losses, judge_losses
from cfdna_interp.fragments.read_signs import Sign
from cfdna_interp.fragments.source import open_source

MOLECULES = random_molecules(200, seed=5)


@pytest.fixture
def config(tmp_path):
    build = str(write_build(tmp_path / "g.tsv"))
    extract = Extract(fragments_per_sample=100, min_fragments=1)
    return Config(sheet="s", outdir="o", reference=Reference(build=build), extract=extract)


def pairs(change=lambda read: None, molecules=MOLECULES):
    reads = [read for molecule in molecules for read in mates(molecule)]
    for read in reads:
        change(read)
    return reads


def found(tmp_path, config, records, **columns):
    """Losses of a file as (filter, cause, reads), and the announced ones as (filter, cause)."""
    path = write_bam(tmp_path / "s.bam", records)
    sample = Sample("S", "P", str(path), 1, "discovery", **columns)
    with open_source(sample, config) as source:
        announced = [(loss.filter, loss.cause) for loss in expected_losses(source.signs)]
    qc = read_sample(sample, config, None).qc
    return [(loss.filter, loss.cause, loss.reads) for loss in qc.losses], announced, qc


@pytest.mark.parametrize(
    "endings", [("/1", "/2"), (" 1:N:0", " 2:N:0"), ("_1:N:0:ACGT", "_2:N:0:ACGT"), (".1", ".2")]
)
def test_names_of_mates_that_differ_at_their_end(tmp_path, config, endings):
    def rename(read):
        read.query_name += endings[0] if read.is_read1 else endings[1]

    losses, announced, qc = found(tmp_path, config, pairs(rename))
    assert losses == [("mate_missing", "mate names", 400)]
    assert announced == [("mate_missing", "mate names")]
    assert qc.obstacle.largest_loss.cause == "mate names"


def test_one_ending_for_both_mates_is_no_fault(tmp_path, config):
    def rename(read):
        read.query_name += "/1"

    losses, announced, qc = found(tmp_path, config, pairs(rename))
    assert (losses, announced, qc.counts.fragments) == ([], [], 200)


def test_flags_of_bismark_before_0_8_2(tmp_path, config):
    def old(read):
        top = read.get_tag("XG") == "CT"
        read.flag = (67 if read.is_read1 else 131) if top else (115 if read.is_read1 else 179)

    losses, announced, _ = found(tmp_path, config, pairs(old))
    assert losses == [("not_inward", "old flags", 400)]
    assert announced == [("not_inward", "old flags")]


def test_mates_in_one_direction_without_the_proper_flag(tmp_path, config):
    def one_way(read):
        read.flag = 65 if read.is_read1 else 129

    losses, _, _ = found(tmp_path, config, pairs(one_way))
    assert losses == [("not_inward", "one direction", 400)]


def test_mates_that_look_away_from_each_other(tmp_path, config):
    def turn(read):
        read.flag ^= 0x30

    apart = [molecule for molecule in MOLECULES if molecule.length > 2 * molecule.read_length]
    losses, _, _ = found(tmp_path, config, pairs(turn, apart))
    assert losses == [("not_inward", "outward", 2 * len(apart))]


def test_first_mates_only(tmp_path, config):
    losses, announced, _ = found(tmp_path, config, [read for read in pairs() if read.is_read1])
    assert losses == [("mate_missing", "one mate only", 200)]
    assert ("mate_missing", "one mate only") in announced


def test_mates_that_a_filter_of_reads_took(tmp_path, config):
    gone = {molecule.name for molecule in MOLECULES[::2]}
    first = {molecule.name for molecule in MOLECULES[::4]}
    kept = [
        read for read in pairs() if read.query_name not in gone or read.is_read1 == (read.query_name in first)
    ]
    losses, announced, qc = found(tmp_path, config, kept)
    assert losses == [("mate_missing", "mate absent", 100)]
    assert announced == []  # this depends on the place that is looked at
    assert qc.obstacle is None


def test_flags_that_do_not_tell_mates_apart(tmp_path, config):
    def blur(read):
        read.flag &= ~0xC0

    losses, _, _ = found(tmp_path, config, pairs(blur))
    assert losses == [("mate_missing", "mates not told apart", 400)]


def test_records_that_do_not_say_where_the_mate_is(tmp_path, config):
    def forget(read):
        read.next_reference_start = read.reference_start

    losses, _, _ = found(tmp_path, config, pairs(forget))
    assert [loss[:2] for loss in losses] == [("mate_missing", "mate positions")]


def test_merged_reads_of_a_file_that_the_sheet_says_is_paired(tmp_path, config):
    merged = []
    for read in pairs():
        if read.query_name in {molecule.name for molecule in MOLECULES[40:]}:
            continue
        merged.append(read)
    for molecule in MOLECULES[40:]:
        merged.append(record(molecule.name, 0, 0, molecule.start, "A" * molecule.length, -1))
    losses, announced, qc = found(tmp_path, config, merged, reads="paired", methylation="none")
    assert losses == [("mate_missing", "merged reads", 160)]
    assert announced == [("mate_missing", "merged reads")]
    assert qc.obstacle.loss.cause == "merged reads" and qc.decision == "exclude"
    losses, announced, qc = found(tmp_path, config, merged, reads="merged", methylation="none")
    assert (losses, announced, qc.counts.fragments) == ([], [], 200)


def test_reads_that_lost_their_mate_to_the_trimmer(tmp_path, config):
    alone = {molecule.name for molecule in MOLECULES[:120]}
    reads = [read for read in pairs() if read.query_name not in alone or read.is_read1]
    for read in reads:
        if read.query_name in alone:
            read.flag &= 0x10
    losses, _, qc = found(tmp_path, config, reads, reads="paired")
    assert losses == [("mate_missing", "unpaired reads", 120)]
    assert qc.decision == "keep"


def test_an_aligner_that_writes_no_mapping_quality(tmp_path, config):
    def worthless(read):
        read.mapping_quality = 3

    losses, announced, _ = found(tmp_path, config, pairs(worthless))
    assert losses == [("low_mapq", "quality scale", 400)]
    assert announced == [("low_mapq", "quality scale")]


def test_honest_libraries_are_quiet(tmp_path, config):
    """A library of 15 % low mapping quality, 10 % unpaired reads, 30 % duplicates and 3 % chimeras."""
    reads, alone = [], {molecule.name for molecule in MOLECULES[:20]}
    for number, molecule in enumerate(MOLECULES):
        pair = mates(molecule)
        if molecule.name in alone:
            pair = pair[:1]
            pair[0].flag |= 0x8
        elif number % 7 == 0:
            pair[0].mapping_quality = 0
        elif number % 3 == 0:
            for read in pair:
                read.flag |= 0x400
        elif number % 33 == 1:
            for read in pair:
                read.flag &= ~0x30
        reads += pair
    losses, announced, qc = found(tmp_path, config, reads)
    assert (losses, announced, qc.obstacle) == ([], [], None)
    assert qc.counts.low_mapq and qc.counts.mate_missing and qc.counts.not_inward


def long_reads(tags):
    """Reads of whole molecules of 200 bases, 100 of them C; ``tags`` of each by number."""
    reads = []
    for number in range(200):
        read = record(f"r{number}", 0, 0, 50 * number + 10, "CG" * 100, -1)
        read.set_tags(tags(number))
        reads.append(read)
    return reads


def listed(skip):
    return [("MM", f"C+m,{skip};", "Z"), ("ML", array("B", [250]))]


@pytest.mark.parametrize(
    ("tags", "losses"),
    [
        (lambda number: listed(99), []),
        (lambda number: listed(99 + (number < 150)), [("malformed", "tags not cut", 150)]),
        (
            lambda number: [("MM", "C+m?0;", "Z")] if number % 2 else listed(5),
            [("malformed", "tag format", 100)],
        ),
        (lambda number: [*listed(5), ("MN", 200)], []),
        (lambda number: [*listed(5), ("MN", 200 + 50 * (number < 80))], [("calls", "MN length", 80)]),
    ],
)
def test_modified_bases_that_do_not_fit_the_read(tmp_path, config, tags, losses):
    found_losses, announced, _ = found(tmp_path, config, long_reads(tags), reads="single", methylation="mm")
    assert found_losses == losses
    assert announced == [loss[:2] for loss in losses]


def test_xm_that_was_not_cut_with_the_read(tmp_path, config):
    short = {molecule.name for molecule in MOLECULES[:100]}

    def cut(read):
        if read.query_name in short:
            read.set_tag("XM", read.get_tag("XM") + ".", "Z")

    losses, announced, qc = found(tmp_path, config, pairs(cut))
    assert losses == [("calls", "XM length", 200)]
    assert qc.counts.letters_misfit == 200
    assert announced == [("calls", "XM length")]


@pytest.mark.parametrize(
    ("score", "losses"), [(0, [("low_mapq", "score")]), (1, [("low_mapq", "score")]), (60, [])]
)
def test_a_score_that_is_no_mapping_quality(tmp_path, config, score, losses):
    lines = [f"chr1\t{100 + 50 * n}\t{260 + 50 * n}\tf{n}\t{score}\t+\n" for n in range(300)]
    path = tmp_path / "s.bed.gz"
    with gzip.open(path, "wt") as file:
        file.writelines(lines)
    sample = Sample("S", "P", str(path), 1, "discovery", methylation="none")
    qc = read_sample(sample, config, None).qc
    assert [(loss.filter, loss.cause) for loss in qc.losses] == losses
    assert qc.counts.fragments == (0 if losses else 300)


def test_limits_by_hand():
    counts = dict.fromkeys((*REASONS, "reads"), 0) | {"reads": 1_100, "secondary_supplementary": 100}
    for name, limit in LIMITS.items():
        if name == "calls":
            continue
        at = round(1_000 * limit)
        assert judge_losses(counts | {name: at}, ()) == ()
        (loss,) = judge_losses(counts | {name: at + 1}, ())
        assert (loss.filter, loss.reads, loss.of, loss.cause) == (name, at + 1, 1_000, None)


def test_a_cause_has_to_explain_half_of_the_loss():
    counts = dict.fromkeys((*REASONS, "reads"), 0) | {"reads": 1_000, "mate_missing": 800}
    for shown, cause in ((399, None), (400, "mate names")):
        (loss,) = judge_losses(counts, (Sign("mate_missing", "mate names", shown, 1_000),))
        assert loss.cause == cause


def test_every_filter_and_cause_has_words():
    (loss,) = judge_losses(
        dict.fromkeys((*REASONS, "reads"), 0) | {"reads": 1_000, "malformed": 800},
        (Sign("malformed", "tags not cut", 70, 100),),
    )
    assert "800 of 1,000 reads" in loss_words(loss)
    assert "trimmed after calling" in loss_words(loss)
    assert set(FILTERS) == {*REASONS, "calls"}
    assert all(why and remedy for why, remedy in CAUSES.values())


def test_few_reads_are_not_judged(tmp_path, config):
    few = [Molecule(f"m{number}", 100 * number + 50, 160) for number in range(40)]

    def old(read):
        read.flag = 67 if read.is_read1 else 131

    losses, _, _ = found(tmp_path, config, pairs(old, few))
    assert losses == []
