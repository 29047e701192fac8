"""Bad input at the command line: one line that names sample, file and remedy; exit 2; nothing written."""

from __future__ import annotations

import pytest
from bad_study import (
    CONFIG,
    SHEET,
    assert_one_line,
    call,
    callless,
    emptied,
    foreign,
    single_end,
    truncated,
    unconverted,
    unindexed,
    unsorted,
    untagged,
    write_study,
)

from cfdna_interp.artifacts.files import read_json

READ = "sample S1: 40 fragments, build g, methylation calls: xm\n"  # what is said of a sample without trouble


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path)


def assert_extract_refuses(study, *words):
    assert call(study, "cohort").returncode == 0
    assert_one_line(call(study, "extract", "--sample", "S1"), "sample S1: ", "s1.bam", *words)
    assert sorted(path.name for path in (study / "out").iterdir()) == ["cohort", "source.json"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (truncated, ["truncated", "copy or write it again"]),
        (emptied, ["empty", "copy or write it again"]),
        (unindexed, ["no index", "samtools index"]),
        (unsorted, ["not sorted", "samtools sort"]),
        (single_end, ["single-end", "paired-end"]),
        (untagged, ["no CpG calls", "extract.methylation: none"]),
        (foreign, ["chr1 has 60000 bp instead of 61000", "reference.build"]),
    ],
)
def test_bad_alignments(study, spoil, words):
    spoil(study / "s1.bam")
    assert_extract_refuses(study, *words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("S3\tP3", "S3\tP1", ["sample S3", "sheet.tsv", "line 4", "role"]),
        ("s2.bam\t0", "s2.bam\t1", ["sheet.tsv", "role discovery", "controls"]),
        ("\t61\n", "\tNaN\n", ["sample S2", "sheet.tsv", "line 3", "'age'", "empty cell"]),
        ("label", "lable", ["sheet.tsv", "line 1", "did you mean 'label'"]),
    ],
)
def test_bad_sheets(study, old, new, words):
    (study / "sheet.tsv").write_text(SHEET.replace(old, new, 1))
    assert_one_line(call(study, "cohort"), *words)
    assert not (study / "out").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sheet: [\n", ["config.yaml", "not valid YAML"]),
        (CONFIG + "sede: 3\n", ["config.yaml", "sede: unknown key", "did you mean 'seed'"]),
        (CONFIG + "seed: -3\n", ["config.yaml", "seed: -3", "give a whole number from 0"]),
    ],
)
def test_bad_configs(study, text, words):
    (study / "config.yaml").write_text(text)
    assert_one_line(call(study, "cohort"), *words)
    assert not (study / "out").exists()


def test_unreadable_config(study):
    (study / "config.yaml").write_bytes(b"\xff\xfe\x00")
    assert_one_line(call(study, "cohort"), "config.yaml", "cannot be read")
    (study / "config.yaml").unlink()
    assert_one_line(call(study, "cohort"), "config.yaml", "does not exist")


def test_reads_without_a_cpg_call_stop_the_run(study):
    callless(study / "s1.bam")
    assert call(study, "cohort").returncode == 0
    done = call(study, "extract", "--sample", "S1")
    assert (done.returncode, done.stdout) == (0, "")
    why = ["sample S1: ", "s1.bam: 40 fragments have no CpG calls", "set methylation: none"]
    assert done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in why)
    assert_one_line(call(study, "matrix"), *why)


def test_poor_conversion_is_said_and_the_sample_kept(study):
    unconverted(study / "s1.bam")
    assert call(study, "cohort").returncode == 0
    done = call(study, "extract", "--sample", "S1")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "", 2)
    assert done.stderr.endswith(READ)
    for word in ("sample S1: ", "s1.bam: conversion of ", "is under 98%", "repeat the conversion"):
        assert word in done.stderr
    assert read_json(study / "out" / "qc" / "S1.json")["decision"] == "keep"


def test_good_input_passes(study):
    assert call(study, "cohort").returncode == 0
    done = call(study, "extract", "--sample", "S1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", READ)
    assert (study / "out" / "qc" / "S1.json").is_file()
    assert_one_line(call(study, "extract", "--sample", "S9"), "sample S9", "--sample")
    # The others were never extracted.
    assert_one_line(call(study, "matrix"), "S2.json", "run the extract stage first")
