from __future__ import annotations

import pytest

from cfdna_interp.config.resources import shipped
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import (
    bare,
    common_name,
    declared_build,
    find_build,
    is_autosome,
    load_build,
)

GRCH37 = load_build(shipped("resources", "builds", "GRCh37.tsv"))
GRCH38 = load_build(shipped("resources", "builds", "GRCh38.tsv"))
T2T = load_build(shipped("resources", "builds", "T2T-CHM13v2.0.tsv"))


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
    with pytest.raises(InputError, match=r"neither auto, GRCh37, GRCh38, T2T-CHM13v2\.0 nor .* \./hg42$"):
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


def test_lengths_add_up_to_the_assemblies():
    # Bases of the 24 nuclear chromosomes, gaps included, as the assemblies' own statistics give them:
    # GRCh37 3,095,677,412; GRCh38 3,088,269,832 (Ensembl, NCBI); T2T-CHM13v2.0 3,117,292,070 with its
    # mitochondrion of 16,569 (NCBI, GCA_009914755.4).
    assert [len(build) for build in (GRCH37, GRCH38, T2T)] == [24, 24, 24]
    assert sum(GRCH37.values()) == 3_095_677_412
    assert sum(GRCH38.values()) == 3_088_269_832
    assert sum(T2T.values()) == 3_117_292_070 - 16_569


def test_accessions_name_the_chromosome_and_lengths_the_build():
    table = [line.split("\t") for line in shipped("resources", "aliases.tsv").read_text().splitlines()]
    header, rows = table[0], table[1:]
    assert [row[0] for row in rows] == [*(str(n) for n in range(1, 23)), "X", "Y", "MT"]
    accessions = [cell for row in rows[:-1] for cell in row[1:]]
    assert len(set(accessions)) == len(accessions) == 6 * 24
    for column in range(1, 7):
        name = header[column].split()[0]
        lengths = declared_build(name)[1]
        contigs = {row[column]: lengths[f"chr{row[0]}"] for row in rows[:-1]}
        assert find_build(contigs, "auto", "S") == name
        # Accessions of another build have other lengths, and are told by them.
        assert (
            find_build({row[column]: T2T[f"chr{row[0]}"] for row in rows[:-1]}, "auto", "S")
            == "T2T-CHM13v2.0"
        )


def test_accessions_by_hand():
    # From the headers of the FASTA files at NCBI.
    assert [bare(name) for name in ("NC_000001.10", "NC_000001.11", "CM000663.2", "NC_060925.1")] == ["1"] * 4
    assert [bare(name) for name in ("NC_000021.8", "NC_000021.9", "CM000683.1", "CP068257.2")] == ["21"] * 4
    assert [bare(name) for name in ("NC_000023.11", "NC_000024.10", "CP086569.2")] == ["X", "Y", "Y"]
    assert [bare(name) for name in ("NC_012920.1", "J01415.2", "CP068254.1")] == ["MT"] * 3
    # A version that no shipped build has is a name of its own.
    assert bare("NC_000001.9") == "NC_000001.9"
    assert is_autosome("NC_000022.11") and not is_autosome("NC_000023.11") and not is_autosome("NC_012920.1")


def test_common_names():
    assert [common_name(name) for name in ("chr1", "1", "NC_000001.11", "CM000663.1")] == ["chr1"] * 4
    assert [common_name(name) for name in ("X", "chrY", "MT", "chrM", "NC_012920.1")] == [
        "chrX", "chrY", "chrM", "chrM", "chrM",
    ]  # fmt: skip
    for name in ("hs37d5", "chrUn_KI270302v1", "lambda", "HLA-A*01:01:01:01"):
        assert common_name(name) == name
