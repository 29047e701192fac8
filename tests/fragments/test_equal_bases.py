"""Reads that write ``=`` where they have the reference's base, as ``samtools calmd -e`` does."""

from __future__ import annotations

from array import array

import numpy as np
import pysam
import pytest
from bams import CONTIGS, GENOME, mates, random_molecules, write_bam, write_build
from msgspec import structs

from cfdna_interp.artifacts.fragments import MOTIFS
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.extraction import read_sample

MOLECULES = random_molecules(120, seed=8)


@pytest.fixture
def files(tmp_path):
    """The plain file, the same with ``=``, and the config with the reference."""
    fasta = tmp_path / "g.fa"
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in GENOME.items()))
    pysam.faidx(str(fasta))
    plain = write_bam(tmp_path / "plain.bam", [read for one in MOLECULES for read in mates(one)])
    equal = tmp_path / "equal.bam"
    equal.write_bytes(pysam.calmd("-e", "-b", str(plain), str(fasta), catch_stdout=True))
    pysam.index(str(equal))
    with pysam.AlignmentFile(str(equal)) as file:
        assert all(read.query_sequence.count("=") > 10 for read in file)
    config = Config(
        sheet="s",
        outdir="o",
        reference=Reference(build=str(write_build(tmp_path / "g.tsv")), fasta=str(fasta)),
        extract=Extract(min_fragments=1, contigs=tuple(CONTIGS)),
    )
    return plain, equal, config


def extraction(path, config, **cells):
    return read_sample(Sample("S7", "P", str(path), 1, "discovery", **cells), config, None)


@pytest.mark.parametrize("methylation", ["xm", "reference", "none"])
def test_fragments_and_calls_are_those_of_the_bases(files, methylation):
    plain, equal, config = files
    wanted, found = (extraction(path, config, methylation=methylation) for path in (plain, equal))
    for column in ("start", "length", "strand", "cpg_offsets", "cpg_states"):
        np.testing.assert_array_equal(getattr(found.fragments, column), getattr(wanted.fragments, column))
    assert found.qc.counts == wanted.qc.counts
    assert found.qc.technical.conversion == wanted.qc.technical.conversion


def test_gc_and_motifs_are_the_references(files):
    _, equal, config = files
    found = extraction(equal, config)
    strong = known = 0
    for start, length, gc, motif in zip(
        found.fragments.start,
        found.fragments.length,
        found.fragments.gc,
        found.fragments.motif_5p,
        strict=True,
    ):
        bases = GENOME["chr1"][start : start + length]
        here = bases.count("G") + bases.count("C")
        assert gc == pytest.approx(here / length)
        assert MOTIFS[motif] == bases[:4]
        strong, known = strong + here, known + length
    assert found.qc.technical.gc == strong / known


def test_a_few_odd_reads_are_no_such_file(files):
    plain, equal, config = files
    mixed = plain.with_name("mixed.bam")
    with pysam.AlignmentFile(str(plain)) as source, pysam.AlignmentFile(str(equal)) as other:
        reads = [*list(other)[:12], *list(source)[12:]]  # 12 of 240 are 5 %
    write_bam(mixed, reads)
    bare = structs.replace(config, reference=structs.replace(config.reference, fasta=None))
    assert extraction(mixed, bare).qc.decision == "keep"


def test_without_the_reference_the_sample_is_refused(files):
    plain, equal, config = files
    bare = structs.replace(config, reference=structs.replace(config.reference, fasta=None))
    with pytest.raises(InputError, match=r"equal\.bam writes = for bases .* set reference\.fasta"):
        extraction(equal, bare)
    assert extraction(plain, bare).qc.decision == "keep"


def test_modified_base_tags_count_bases(files):
    _, equal, config = files
    tagged = equal.with_name("tagged.bam")
    with (
        pysam.AlignmentFile(str(equal)) as source,
        pysam.AlignmentFile(tagged, "wb", template=source) as target,
    ):
        for read in source:
            read.set_tag("MM", "C+m,0;")
            read.set_tag("ML", array("B", [250]))
            target.write(read)
    pysam.index(str(tagged))
    with pytest.raises(InputError, match=r"writes = for bases .* give the file from before"):
        extraction(tagged, config, methylation="mm")
