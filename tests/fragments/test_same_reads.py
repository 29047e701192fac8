"""Files that begin with the same reads, and damaged indices and bombs of blank lines that end in one line."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pysam
import pytest
from bams import mates, random_molecules, write_bam, write_build

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.chunk import Settings, Totals
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.fragment_file import BLANK, open_fragments
from cfdna_interp.fragments.index import check_index
from cfdna_interp.fragments.same_reads import check_same_reads
from cfdna_interp.fragments.source import chunks


def records(seed: int, prefix: str) -> list[pysam.AlignedSegment]:
    return [mate for molecule in random_molecules(400, seed, prefix=prefix) for mate in mates(molecule)]


def sample(name: str, path: Path) -> Sample:
    return Sample(name, name, str(path), 1, "discovery")


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write_bam(tmp_path / "first.bam", records(1, "a"))


def test_two_libraries_have_nothing_in_common(first: Path, tmp_path: Path) -> None:
    other = write_bam(tmp_path / "other.bam", records(2, "a"))  # names of the same counter
    check_same_reads([sample("S1", first), sample("S2", other)], "s.tsv")


@pytest.mark.parametrize("how", ["copy", "link", "compressed anew", "merged", "a half"])
def test_reads_of_another_sample_are_found(how: str, first: Path, tmp_path: Path) -> None:
    path = tmp_path / "second.bam"
    if how == "copy":
        shutil.copy(first, path)
    elif how == "link":
        path.symlink_to(first)
    elif how == "compressed anew":
        with (
            pysam.AlignmentFile(str(first)) as old,
            pysam.AlignmentFile(str(path), "wb0", template=old) as new,
        ):
            for record in old:
                new.write(record)
    elif how == "merged":
        write_bam(path, [*records(1, "a"), *records(3, "b")])
    else:
        write_bam(path, records(1, "a")[:400])
    with pytest.raises(InputError, match=r"sample S2: sheet s\.tsv: .*second\.bam holds reads of sample S1"):
        check_same_reads([sample("S1", first), sample("S2", path)], "s.tsv")


def test_an_index_on_which_htslib_may_die_is_refused_before(first: Path) -> None:
    index = Path(f"{first}.bai")
    sound = index.read_bytes()
    check_index(str(first), "sample S1: first.bam")
    for damaged in (sound[:40] + sound + sound[40:], sound[:-9], b"\xff" * len(sound), b""):
        index.write_bytes(damaged)
        with pytest.raises(InputError, match=r"sample S1: first\.bam: its index .* is damaged"):
            check_index(str(first), "sample S1: first.bam")


@pytest.mark.parametrize("where", ["before", "between"])
def test_blank_lines_without_end_are_one_error(where: str, tmp_path: Path) -> None:
    line = b"chr1\t1000\t1167\t60\t+\n"
    begin = b"" if where == "before" else line
    path = tmp_path / "bomb.frag.gz"
    path.write_bytes(gzip.compress(begin + b"\n" * (8 * BLANK) + line, 1))
    config = Config(
        outdir="o",
        reference=Reference(build=str(write_build(tmp_path / "build.tsv"))),
        extract=Extract(methylation="none", contigs="all"),
    )

    def read() -> None:
        with open_fragments(sample("S1", path), config) as source:
            rules = Rules.of(config.extract, source.contig_names, source.who)
            settings = Settings(rules, "none", 1, 0, 0)
            for _ in chunks(source, config, settings, Totals()):
                pass

    with pytest.raises(InputError, match=r"blank|no fragment in its first"):
        read()
