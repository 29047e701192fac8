"""Bad input at the command line: one line that names sample, file and remedy; exit 2; nothing written."""

from __future__ import annotations

import subprocess
import sys

import pytest
from bams import mates, random_molecules, write_bam, write_build

SHEET = """sample\tsubject\tbam\tlabel\trole\tage
S1\tP1\ts1.bam\t1\tdiscovery\t60
S2\tP2\ts2.bam\t0\tdiscovery\t61
S3\tP3\ts3.bam\t1\theldout\t62
S4\tP4\ts4.bam\t0\theldout\t63
"""
CONFIG = "sheet: sheet.tsv\noutdir: out\nreference: {build: ./g.tsv}\nextract: {min_fragments: 0}\n"


def reads(tags=True):
    return [read for molecule in random_molecules(40) for read in mates(molecule, tags=tags)]


@pytest.fixture
def study(tmp_path):
    write_build(tmp_path / "g.tsv")
    (tmp_path / "sheet.tsv").write_text(SHEET)
    (tmp_path / "config.yaml").write_text(CONFIG)
    write_bam(tmp_path / "s1.bam", reads())
    return tmp_path


def call(study, *arguments):
    command = [sys.executable, "-m", "cfdna_interp.cli", *arguments, "--config", str(study / "config.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def assert_one_line(done, *words):
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("cfdna-interp: ")
    for word in words:
        assert word in done.stderr


def assert_extract_refuses(study, *words):
    assert call(study, "cohort").returncode == 0
    assert_one_line(call(study, "extract", "--sample", "S1"), "sample S1: ", "s1.bam", *words)
    assert sorted(path.name for path in (study / "out").iterdir()) == ["cohort"]


def truncated(path):
    path.write_bytes(path.read_bytes()[:-28])


def emptied(path):
    path.write_bytes(b"")


def unindexed(path):
    path.with_name("s1.bam.bai").unlink()


def unsorted(path):
    unindexed(path)
    write_bam(path, reads(), order="queryname", index=False)


def single_end(path):
    singles = reads()
    for read in singles:
        read.flag &= 0x10
    write_bam(path, singles)


def untagged(path):
    write_bam(path, reads(tags=False))


def foreign(path):
    path.with_name("g.tsv").write_text("chr1\t61000\n")


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
        (CONFIG + "sede: 3\n", ["config.yaml", "'sede'", "did you mean 'seed'"]),
        (CONFIG + "seed: -3\n", ["config.yaml", "seed", "correct the value"]),
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


def test_good_input_passes(study):
    assert call(study, "cohort").returncode == 0
    done = call(study, "extract", "--sample", "S1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (study / "out" / "qc" / "S1.json").is_file()
    assert_one_line(call(study, "extract", "--sample", "S9"), "sample S9", "--sample")
    # The others were never extracted.
    assert_one_line(call(study, "matrix"), "S2.json", "run the stage that writes it first")
