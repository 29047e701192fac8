"""Ends of reads that end repair has touched are found, to the base; clean reads are left alone."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from bams import CONTIGS, mates, random_molecules, write_bam, write_build
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.features.sample_words import obstacle_words
from cfdna_interp.fragments.call_quality import call_warnings, larger, suggest_ends
from cfdna_interp.fragments.extraction import read_sample
from cfdna_interp.records.qc import Ends, SuggestedEnds

NOTHING = SuggestedEnds(read1=None, read2=None)


def table(levels, calls=2_000):
    """Expected counts: no noise."""
    levels = np.asarray(levels, dtype=float)
    return np.stack([np.round(levels * calls), np.full(len(levels), calls)], axis=1).astype(np.int64)


def test_the_rule_by_hand():
    levels = np.full(80, 0.70)
    assert suggest_ends(table(levels)) == Ends(ignore_5p=0, ignore_3p=0)
    levels[:3], levels[-2:] = [0.2, 0.5, 0.64], [0.76, 0.9]
    # Four standard errors of 2,000 calls at .70 are .041: five points decide.
    assert suggest_ends(table(levels)) == Ends(ignore_5p=3, ignore_3p=2)
    levels[2] = 0.66  # four points: as the reads of plasma differ by themselves
    assert suggest_ends(table(levels)) == Ends(ignore_5p=2, ignore_3p=2)
    levels[:3] = [0.7, 0.2, 0.2]  # not at the end
    assert suggest_ends(table(levels)) == Ends(ignore_5p=0, ignore_3p=2)
    # 200 calls: four standard errors are .13, and .76 isn't beyond them.
    assert suggest_ends(table([0.5, *[0.7] * 78, 0.76], 200)) == Ends(ignore_5p=1, ignore_3p=0)


def test_at_most_a_quarter_and_only_where_calls_suffice():
    assert suggest_ends(table([0.0] * 30 + [0.8] * 50)) == Ends(ignore_5p=20, ignore_3p=0)
    assert suggest_ends(np.zeros((0, 2), np.int64)) is None
    assert suggest_ends(table([0.1, *[0.8] * 9], 99)) is None
    assert suggest_ends(table([0.1, *[0.8] * 9], 140)) is None  # six positions in the middle: 840 calls
    # Reads trimmed to several lengths: the last position with 100 calls is where the read ends.
    trimmed = np.concatenate([table([0.8] * 49 + [0.1]), table([0.1] * 20, 50)])
    assert suggest_ends(trimmed) == Ends(ignore_5p=0, ignore_3p=1)


@settings(deadline=None)
@given(
    st.integers(0, 100_000),
    st.sampled_from([0.02, 0.3, 0.75, 0.98]),
    st.sampled_from([150, 1_000, 20_000]),
)
def test_clean_reads_are_left_alone(seed, level, calls):
    # Four standard errors are rare at an end's first position; at two in a row they don't occur.
    rng = np.random.default_rng(seed)
    bias = np.stack([rng.binomial(calls, level, 100), np.full(100, calls)], axis=1)
    ends = suggest_ends(bias)
    assert ends is not None
    assert max(ends.ignore_5p, ends.ignore_3p) <= 1
    planted = bias.copy()
    planted[:7, 0] = rng.binomial(calls, 0.9 if level < 0.5 else 0.1, 7)
    assert suggest_ends(planted).ignore_5p in (7, 8)


def test_larger_of_the_mates():
    suggested = SuggestedEnds(read1=Ends(ignore_5p=2, ignore_3p=0), read2=Ends(ignore_5p=1, ignore_3p=4))
    assert (larger(suggested, "ignore_5p"), larger(suggested, "ignore_3p")) == (2, 4)
    alone = SuggestedEnds(read1=None, read2=Ends(ignore_5p=1, ignore_3p=4))
    assert (larger(alone, "ignore_5p"), larger(alone, "ignore_3p")) == (1, 4)
    assert larger(NOTHING, "ignore_5p") is None


def library(folder, repaired=0, conversion=1.0, n=6_000):
    """Pairs whose second mates begin with ``repaired`` bases that end repair left unmethylated."""
    rng = np.random.default_rng(8)
    reads = []
    for molecule in random_molecules(n, seed=31):
        for read in mates(molecule):
            text = list(read.get_tag("XM"))
            if read.is_read2 and repaired:
                places = range(len(text) - repaired, len(text)) if read.is_reverse else range(repaired)
                for place in places:
                    text[place] = "z" if text[place] == "Z" else text[place]
            bases, qualities = list(read.query_sequence), read.query_qualities
            for place, letter in enumerate(text):
                if letter == "h" and rng.random() > conversion:
                    text[place], bases[place] = "H", "C" if read.get_tag("XG") == "CT" else "G"
            read.query_sequence = "".join(bases)
            read.query_qualities = qualities
            read.set_tag("XM", "".join(text))
            reads.append(read)
    path = write_bam(folder / "s.bam", reads)
    return Sample("S7", "P", str(path), 1, "discovery")


@pytest.fixture
def config(tmp_path):
    return Config(
        sheet="s",
        outdir="o",
        reference=Reference(build=str(write_build(tmp_path / "g.tsv"))),
        extract=Extract(min_fragments=10, contigs=tuple(CONTIGS)),
    )


def test_repaired_ends_are_found_to_the_base(tmp_path, config, caplog):
    sample = library(tmp_path, repaired=5)
    with caplog.at_level(logging.WARNING):
        qc = read_sample(sample, config, None).qc
    assert qc.suggested == SuggestedEnds(
        read1=Ends(ignore_5p=0, ignore_3p=0), read2=Ends(ignore_5p=5, ignore_3p=0)
    )
    assert (qc.technical.m_bias_5p, qc.technical.m_bias_3p) == (5, 0)
    line = (
        "M-bias: in the first 5 bases of read2 methylation differs from its middle; set extract.ignore_5p: 5"
    )
    assert qc.warnings == (line,)
    assert caplog.messages == [f"sample S7: {sample.bam}: {line}"]
    # With the remedy there is nothing left to say; the table shows the reads as they are.
    cured = read_sample(
        sample, structs.replace(config, extract=structs.replace(config.extract, ignore_5p=5)), None
    ).qc
    assert cured.warnings == ()
    assert cured.suggested == qc.suggested


def test_clean_reads_bring_no_line(tmp_path, config, caplog):
    qc = read_sample(library(tmp_path), config, None).qc
    none = Ends(ignore_5p=0, ignore_3p=0)
    assert qc.suggested == SuggestedEnds(read1=none, read2=none)
    assert (qc.warnings, caplog.messages) == ((), [])


def test_poor_conversion_is_one_line(tmp_path, config, caplog):
    sample = library(tmp_path, conversion=0.6, n=1_500)
    qc = read_sample(sample, config, None).qc
    # Thousands of CHH calls: .6 to within .01.
    assert qc.technical.conversion == pytest.approx(0.6, abs=0.01)
    (line,) = qc.warnings
    assert line.startswith("conversion of 60.") or line.startswith("conversion of 59.")
    assert "is under 98%" in line
    assert caplog.messages == [f"sample S7: {sample.bam}: {line}"]
    assert qc.decision == "keep"


def test_conversion_just_above_and_below():
    assert call_warnings(0.98, 10_000, NOTHING, Extract()) == []
    assert len(call_warnings(0.9799, 10_000, NOTHING, Extract())) == 1
    assert call_warnings(0.5, 499, NOTHING, Extract()) == []  # too few calls to judge
    assert call_warnings(None, 0, NOTHING, Extract()) == []


def test_no_cpg_calls_at_all_excludes(tmp_path, config):
    reads = []
    for molecule in random_molecules(200, seed=5):
        for read in mates(molecule):
            read.set_tag("XM", read.get_tag("XM").replace("z", ".").replace("Z", "."))
            reads.append(read)
    sample = Sample("S7", "P", str(write_bam(tmp_path / "s.bam", reads)), 1, "discovery")
    qc = read_sample(sample, config, None).qc
    assert qc.decision == "exclude"
    assert qc.obstacle is not None
    assert obstacle_words(qc.obstacle) == (
        f"{qc.counts.fragments} fragments have no CpG calls by methylation: xm; "
        "set methylation: none, or align again with methylation calls"
    )
    silent = structs.replace(config, extract=structs.replace(config.extract, methylation="none"))
    assert read_sample(sample, silent, None).qc.decision == "keep"
