"""A study small enough to spoil: four samples, and ways in which alignments are unusable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bams import mates, random_molecules, write_bam, write_build

SHEET = """sample\tsubject\tbam\tlabel\trole\tage
S1\tP1\ts1.bam\t1\tdiscovery\t60
S2\tP2\ts2.bam\t0\tdiscovery\t61
S3\tP3\ts3.bam\t1\theldout\t62
S4\tP4\ts4.bam\t0\theldout\t63
"""
CONFIG = "sheet: sheet.tsv\noutdir: out\nreference: {build: ./g.tsv}\nextract: {min_fragments: 0}\n"


def reads(tags=True, seed=1):
    molecules = random_molecules(40, seed=seed, prefix=f"m{seed}_")
    return [read for molecule in molecules for read in mates(molecule, tags=tags)]


def write_study(folder: Path) -> Path:
    """Four samples of which S1 has alignments; each test spoils one thing."""
    write_build(folder / "g.tsv")
    (folder / "sheet.tsv").write_text(SHEET)
    (folder / "config.yaml").write_text(CONFIG)
    write_bam(folder / "s1.bam", reads())
    return folder


def call(study, *arguments):
    command = [sys.executable, "-m", "cfdna_interp.cli", *arguments, "--config", str(study / "config.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def assert_one_line(done, *words, lines=1):
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == lines
    assert done.stderr.startswith("cfdna-interp: ")
    for word in words:
        assert word in done.stderr


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


def retagged(path, change):
    """Change the letters of every read's calls."""
    changed = reads()
    for number, read in enumerate(changed):
        read.set_tag("XM", change(number, read.get_tag("XM")))
    write_bam(path, changed)


def callless(path):
    retagged(path, lambda number, letters: letters.replace("z", ".").replace("Z", "."))


def unconverted(path):
    """Two of five reads keep all cytosines outside CpGs."""
    changed = reads()
    for read in changed[::5] + changed[1::5]:
        qualities, letters = read.query_qualities, read.get_tag("XM")
        intact = "C" if read.get_tag("XG") == "CT" else "G"
        bases = zip(read.query_sequence, letters, strict=True)
        read.query_sequence = "".join(intact if letter == "h" else base for base, letter in bases)
        read.query_qualities = qualities
        read.set_tag("XM", letters.replace("h", "H"))
    write_bam(path, changed)


def foreign(path):
    path.with_name("g.tsv").write_text("chr1\t61000\n")
