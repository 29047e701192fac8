"""Bad input before a run: `check` and `run` refuse it in one line and leave nothing behind."""

from __future__ import annotations

import shutil

import pytest
from bad_study import (
    CONFIG,
    SHEET,
    assert_one_line,
    call,
    emptied,
    foreign,
    reads,
    single_end,
    truncated,
    unindexed,
    unsorted,
    untagged,
    write_study,
)
from bams import write_bam

WHOLE = CONFIG.replace("min_fragments: 0", "min_fragments: 5000")


@pytest.fixture
def study(tmp_path):
    """A study with alignments for all four samples."""
    write_study(tmp_path)
    for number in (2, 3, 4):
        write_bam(tmp_path / f"s{number}.bam", reads(seed=number))
    return tmp_path


@pytest.fixture
def whole_study(study):
    """A study that a run could begin: ten discovery subjects, as many as five donor pools need."""
    rows = SHEET
    for number in range(5, 13):
        write_bam(study / f"s{number}.bam", reads(seed=number))
        rows += f"S{number}\tP{number}\ts{number}.bam\t{number % 2}\tdiscovery\t60\n"
    (study / "sheet.tsv").write_text(rows)
    (study / "config.yaml").write_text(WHOLE)
    return study


def assert_refused(study, *words, commands=("check", "run"), lines=1):
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    for command in commands:
        done = call(study, command)
        assert_one_line(done, *words, lines=lines)
        assert "Traceback" not in done.stderr
        assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == before
        assert not (study / "out").exists()


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
        (lambda path: path.unlink(), ["does not exist", "bam column"]),
        (lambda path: path.write_text("no alignments"), ["cannot be opened", "give a sorted BAM"]),
    ],
)
def test_unusable_alignments(study, spoil, words):
    spoil(study / "s1.bam")
    # A build is wrong for all four samples, and each has its line.
    assert_refused(study, "sample S1: ", "s1.bam", *words, lines=4 if spoil is foreign else 1)


def test_the_sample_that_is_bad_is_the_one_named(study):
    emptied(study / "s3.bam")
    assert_refused(study, "sample S3: ", "s3.bam", commands=["check"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        # A second subject in both roles: the first one that the sheet comes to is named.
        ("S4\tP4", "S4\tP2", ["sample S4", "sheet.tsv", "line 5", "subject P2", "role"]),
        ("s2.bam\t0", "s2.bam\t1", ["sheet.tsv", "role discovery", "each role needs"]),
        ("s4.bam\t0", "s4.bam\t1", ["sheet.tsv", "role heldout", "each role needs"]),
        ("\t61\n", "\tNaN\n", ["sample S2", "sheet.tsv", "line 3", "'age'", "empty cell"]),
        ("\tage\n", "\tagee\n", ["sheet.tsv", "line 1", "unknown column 'agee'", "did you mean 'age'"]),
        ("s2.bam", "s1.bam", ["sample S2", "sheet.tsv", "line 3", "line 2 already"]),
    ],
)
def test_bad_sheets(study, old, new, words):
    (study / "sheet.tsv").write_text(SHEET.replace(old, new, 1))
    assert_refused(study, *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sheet: [\n", ["config.yaml", "not valid YAML"]),
        (CONFIG + "sede: 3\n", ["config.yaml", "sede: unknown key", "did you mean 'seed'"]),
        (CONFIG.replace("sheet.tsv", "none.tsv"), ["none.tsv", "does not exist", "set sheet"]),
        (CONFIG + "atlas: none.tsv\n", ["atlas", "none.tsv", "cannot be read", "UXM table"]),
        (CONFIG.replace("./g.tsv", "hg37"), ["reference.build 'hg37'", "GRCh38"]),
    ],
)
def test_bad_settings(study, text, words):
    (study / "config.yaml").write_text(text)
    assert_refused(study, *words)


@pytest.mark.parametrize(
    ("outdir", "words"),
    [
        ("sheet.tsv", ["outdir: ", "sheet.tsv", "Not a directory"]),
        ("s1.bam/inside", ["outdir: ", "s1.bam/inside", "Not a directory"]),
        ("/proc/results", ["outdir: ", "/proc/results", "give another folder"]),
        ("o" * 400, ["outdir: ", "File name too long"]),
    ],
)
def test_outdirs_that_take_no_file(study, outdir, words):
    (study / "config.yaml").write_text(CONFIG.replace("outdir: out", f"outdir: {outdir}"))
    assert_refused(study, *words)


def test_unreadable_and_missing_configs(study):
    (study / "config.yaml").write_bytes(b"\xff\xfe\x00")
    assert_refused(study, "config.yaml", "cannot be read")
    (study / "config.yaml").unlink()
    assert_refused(study, "config.yaml", "does not exist", "start from config/config.yaml")
    (study / "config.yaml").mkdir()
    assert_refused(study, "config.yaml", "is no regular file")


def test_a_quoted_message_of_many_lines_stays_one(study):
    # Arrow's message about a table without the columns has a line for each column it looked at.
    import pyarrow as pa
    import pyarrow.parquet as pq

    assert call(study, "cohort").returncode == 0
    assert call(study, "extract", "--sample", "S1").returncode == 0
    assert call(study, "extract", "--sample", "S2").returncode == 0
    for name in ("S3", "S4"):
        shutil.copy(study / "out/qc/S1.json", study / f"out/qc/{name}.json")
    for name in ("S1", "S2", "S3", "S4"):
        pq.write_table(pa.table({"a": [1], "b": [2]}), study / f"out/features/{name}.parquet")
    assert_one_line(call(study, "matrix"), "S1.parquet", "not a feature list", "delete it and run again")
    assert not list((study / "out").glob("features.*"))


def test_what_only_a_whole_file_shows_stops_the_run_with_the_same_line(whole_study):
    study = whole_study
    assert call(study, "check").returncode == 0
    done = call(study, "run")
    assert done.returncode == 2
    # Snakemake tells its own story first; what the person has to do stands last.
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("cfdna-interp: sample S")
    assert "40 fragments" in last
    assert "on_bad_sample: exclude" in last
    assert not list((study / "out").glob("features.*"))
    assert not list((study / "out").rglob(".tmp-*"))


def test_check_passes_good_input_and_writes_nothing(whole_study):
    done = call(whole_study, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "discovery: 10 samples, 5 of cases, 5 of controls" in done.stdout
    assert not (whole_study / "out").exists()


def test_samples_to_exclude_are_announced_and_missed(whole_study):
    (whole_study / "config.yaml").write_text(WHOLE + "on_bad_sample: exclude\n")
    emptied(whole_study / "s4.bam")
    done = call(whole_study, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "will be excluded: sample S4: " in done.stdout
    # A held-out sample can be spared, a tenth discovery subject can't.
    emptied(whole_study / "s5.bam")
    words = ("sheet.tsv", "9 usable discovery subjects", "give at least 10", "sample S4: ", "sample S5: ")
    assert_refused(whole_study, *words, lines=3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("model: {folds: 6}\n", ("5 usable discovery subjects are cases", "lower model.folds")),
        ("attribution: {donors: 6}\n", ("10 usable discovery subjects", "give at least 12")),
        ("model: {bag_size: 30000}\n", ("model.bag_size (30000)", "extract.fragments_per_sample (20000)")),
        ("model: {bag_size: 6000}\n", ("model.bag_size (6000)", "extract.min_fragments (5000)")),
    ],
)
def test_sizes_that_a_later_stage_would_refuse(whole_study, settings, words):
    (whole_study / "config.yaml").write_text(WHOLE + settings)
    assert_refused(whole_study, *words)
