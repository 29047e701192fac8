from __future__ import annotations

import gzip
import sys

import pysam
import pytest
from bams import GENOME, Molecule, mates, random_molecules, write_bam, write_build

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.alignment import open_alignment
from cfdna_interp.fragments.decode import Settings, Totals, decode
from cfdna_interp.fragments.filters import Rules


@pytest.fixture
def reads():
    return [read for molecule in random_molecules(200) for read in mates(molecule)]


def config(tmp_path, build=None, fasta=None, methylation="auto"):
    table = write_build(tmp_path / "made-up.tsv")
    return Config(
        sheet="s.tsv",
        outdir="out",
        reference=Reference(build=build or str(table), fasta=fasta),
        extract=Extract(methylation=methylation),
    )


def read_all(bam, settings):
    """What opening tells, and how many reads decoding meets."""
    with open_alignment(Sample("S7", "P7", str(bam), 1, "discovery"), settings) as alignment:
        totals = Totals()
        list(decode(alignment, Settings(Rules(frozenset({0})), alignment.dialect, 1), totals))
        return alignment, totals.tally.counts["reads"]


def message(bam, settings):
    with pytest.raises(InputError) as caught:
        read_all(bam, settings)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"sample S7: {bam}")
    return text


def test_a_good_file(tmp_path, reads):
    bam = write_bam(tmp_path / "s7.bam", reads, comments=("cfdna-interp simulation, world length",))
    alignment, found = read_all(bam, config(tmp_path))
    assert found == 400
    assert (alignment.build, alignment.dialect, alignment.simulated) == ("made-up", "xm", True)
    assert dict(zip(alignment.contig_names, alignment.contig_lengths, strict=True)) == {
        name: len(sequence) for name, sequence in GENOME.items()
    }
    real = write_bam(tmp_path / "real.bam", reads, comments=("not a cfdna-interp simulation",))
    assert not read_all(real, config(tmp_path))[0].simulated


def test_a_header_with_bytes_that_are_no_utf8_is_read(tmp_path, reads):
    bam = write_bam(tmp_path / "s7.bam", reads, comments=("cfdna-interp simulation, world length",))
    with gzip.open(bam) as file:
        content = file.read()
    size = 8 + int.from_bytes(content[4:8], "little")
    text = content[8:size] + "@CO\tPrélèvement\n".encode("latin-1")
    with pysam.BGZFile(str(bam), "wb") as file:
        file.write(content[:4] + len(text).to_bytes(4, "little") + text + content[size:])
    pysam.index(str(bam))
    alignment, count = read_all(bam, config(tmp_path))
    assert (count, alignment.build, alignment.simulated) == (400, "made-up", True)


def test_missing_and_empty(tmp_path):
    assert "does not exist" in message(tmp_path / "none.bam", config(tmp_path))
    assert "is a folder; correct the bam column" in message(tmp_path, config(tmp_path))
    empty = tmp_path / "empty.bam"
    empty.write_bytes(b"")
    assert "is empty (0 bytes)" in message(empty, config(tmp_path))
    nothing = write_bam(tmp_path / "nothing.bam", [])
    assert "holds no reads" in message(nothing, config(tmp_path))


def test_not_alignments(tmp_path):
    text = tmp_path / "text.bam"
    text.write_text("sample\tsubject\n" * 50)
    assert "cannot be opened" in message(text, config(tmp_path))
    sam = tmp_path / "plain.sam"
    sam.write_text("@SQ\tSN:chr1\tLN:60000\n")
    assert "neither BAM nor CRAM" in message(sam, config(tmp_path))


def test_truncated(tmp_path, reads):
    bam = write_bam(tmp_path / "whole.bam", reads)
    whole = bam.read_bytes()
    bam.write_bytes(whole[:-28])  # the 28-byte end-of-file block of BGZF
    assert "truncated or damaged" in message(bam, config(tmp_path))
    assert "copy or write it again" in message(bam, config(tmp_path))


def test_damaged_inside(tmp_path):
    # Past the first 10,000 reads, so that the damage is met while streaming.
    reads = [read for molecule in random_molecules(9_000, seed=2) for read in mates(molecule, tags=False)]
    bam = write_bam(tmp_path / "whole.bam", reads)
    data = bytearray(bam.read_bytes())
    data[int(len(data) * 0.9) : int(len(data) * 0.9) + 2_000] = bytes(2_000)
    bam.write_bytes(bytes(data))
    assert "truncated or damaged" in message(bam, config(tmp_path, methylation="none"))


def test_a_damaged_header_is_told_once(tmp_path, reads, monkeypatch, capfd):
    whole = bytearray(write_bam(tmp_path / "whole.bam", reads).read_bytes())
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    for place in range(18, 60, 6):  # in the deflated bytes of the first block, which holds the header
        damaged = tmp_path / f"{place}.bam"
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        message(damaged, config(tmp_path))
        assert sys.unraisablehook == told.append
    assert not told and not capfd.readouterr().err


def test_no_index(tmp_path, reads):
    bam = write_bam(tmp_path / "s7.bam", reads, index=False)
    assert "has no index; run samtools index" in message(bam, config(tmp_path))


def test_unsorted(tmp_path, reads):
    by_name = write_bam(tmp_path / "names.bam", reads, order="queryname", index=False)
    assert "not sorted by coordinate (header says SO:queryname)" in message(by_name, config(tmp_path))
    # A header may lie. The index is of the sorted file, the records are not.
    bam = write_bam(tmp_path / "lies.bam", reads)
    with pysam.AlignmentFile(str(bam)) as file:
        header, records = file.header, list(file)
    with pysam.AlignmentFile(str(bam), "wb", header=header) as file:
        for read in reversed(records):
            file.write(read)
    with pysam.AlignmentFile(str(bam)) as file:
        start, place = next(file).reference_start, file.tell()
        while next(file).reference_start >= start:
            place = file.tell()
    late = f"the record at offset {place >> 16}:{place & 0xFFFF} comes too late"
    assert f"not sorted by coordinate ({late}); run samtools sort" in message(bam, config(tmp_path))


def test_single_end(tmp_path, reads):
    for read in reads:
        read.flag = read.flag & 0x10
    bam = write_bam(tmp_path / "single.bam", reads)
    assert "is single-end; fragment lengths need paired-end reads" in message(bam, config(tmp_path))


def test_no_methylation_tags(tmp_path):
    bam = write_bam(tmp_path / "wgs.bam", mates(Molecule("m", 500, 200), tags=False))
    text = message(bam, config(tmp_path))
    assert "no CpG calls" in text
    assert "extract.methylation: none" in text
    assert read_all(bam, config(tmp_path, methylation="none"))[0].dialect == "none"


def test_contigs_of_no_declared_build(tmp_path, reads):
    bam = write_bam(tmp_path / "s7.bam", reads)
    text = message(bam, config(tmp_path, build="auto"))
    assert "chr1 has 60000 bp instead of 24" in text
    assert "reference.build" in text


def test_cram_needs_its_reference(tmp_path, reads):
    fasta = tmp_path / "g.fa"
    fasta.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in GENOME.items()))
    pysam.faidx(str(fasta))
    bam = write_bam(tmp_path / "s7.bam", reads)
    cram = tmp_path / "s7.cram"
    with (
        pysam.AlignmentFile(str(bam)) as source,
        pysam.AlignmentFile(str(cram), "wc", template=source, reference_filename=str(fasta)) as target,
    ):
        for read in source:
            target.write(read)
    pysam.index(str(cram))
    # The header names the file: while it is there, it is found.
    assert read_all(cram, config(tmp_path))[1] == 400
    hidden = fasta.rename(tmp_path / "hidden.fa")
    assert "set reference.fasta" in message(cram, config(tmp_path))
    hidden.rename(fasta)
    assert read_all(cram, config(tmp_path, fasta=str(fasta)))[1] == 400
    # Without the decoy of a local cache a wrong reference is found by its checksum.
    fasta.write_text("".join(f">{name}\n{sequence[::-1]}\n" for name, sequence in GENOME.items()))
    assert "written with another reference" in message(cram, config(tmp_path, fasta=str(fasta)))
