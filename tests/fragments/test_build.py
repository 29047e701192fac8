from __future__ import annotations

import pytest

from cfdna_interp.config.resources import shipped
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import bare, find_build, is_autosome, load_build

GRCH37 = load_build(shipped("resources", "builds", "GRCh37.tsv"))
GRCH38 = load_build(shipped("resources", "builds", "GRCh38.tsv"))


def test_auto_tells_builds_by_length_whatever_the_naming():
    assert find_build(GRCH37, "auto", "S") == "GRCh37"
    assert find_build(GRCH38, "auto", "S") == "GRCh38"
    assert find_build({name[3:]: length for name, length in GRCH38.items()}, "auto", "S") == "GRCh38"


def test_decoys_and_the_mitochondrion_dont_decide():
    # hg19 of UCSC has the old mitochondrion of 16,571 bp, GRCh37 the one of 16,569 bp.
    assert find_build({**GRCH37, "hs37d5": 35_477_943, "chrM": 16_571}, "auto", "S") == "GRCh37"


def test_a_declared_build_must_fit():
    # chr1 has 249,250,621 bp on GRCh37 and 248,956,422 bp on GRCh38 (Genome Reference Consortium).
    with pytest.raises(InputError, match=r"S1: x.bam .*chr1 has 249250621 bp instead of 248956422"):
        find_build(GRCH37, "GRCh38", "S1: x.bam")


def test_foreign_contigs_name_contig_and_length():
    with pytest.raises(InputError, match=r"first is lambda of 48502 bp.*reference\.build"):
        find_build({"lambda": 48_502}, "auto", "S1: x.bam")
    with pytest.raises(InputError, match="no contig"):
        find_build({}, "auto", "S1: x.bam")


def test_own_table_and_bad_tables(tmp_path):
    table = tmp_path / "own.tsv"
    table.write_text("# made up\nchr1\t1000\t6\t60\t61\n")
    assert find_build({"1": 1000}, str(table), "S") == "own"
    with pytest.raises(InputError, match="1 has 999 bp instead of 1000"):
        find_build({"1": 999}, str(table), "S")
    table.write_text("chr1 1000\n")
    with pytest.raises(InputError, match="line 1"):
        load_build(table)
    table.write_text("\n")
    with pytest.raises(InputError, match="names no contig"):
        load_build(table)
    with pytest.raises(InputError, match="cannot be read"):
        load_build(tmp_path / "none.fai")
    with pytest.raises(InputError, match="neither auto, GRCh37, GRCh38 nor"):
        find_build(GRCH37, "hg42", "S")


def test_names():
    assert [bare(name) for name in ("chr1", "1", "chrM", "MT", "chrX")] == ["1", "1", "MT", "MT", "X"]
    assert [is_autosome(name) for name in ("chr22", "7", "chrX", "chrM", "chr1_alt")] == [
        True,
        True,
        False,
        False,
        False,
    ]
