"""A library, its atlas, blacklist, reference and settings may each name the contigs in another way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from bams import CONTIGS, GENOME, mates, random_molecules, write_atlas, write_bam

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Features, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.extraction import Extraction, read_sample
from cfdna_interp.models.bags import inputs_of

NAMINGS = {
    "ucsc": {name: name for name in CONTIGS},
    "ensembl": {"chr1": "1", "chr2": "2", "chrX": "X"},
    "refseq": {"chr1": "NC_000001.11", "chr2": "NC_000002.12", "chrX": "NC_000023.11"},
    "genbank": {"chr1": "CP068277.2", "chr2": "CP068276.2", "chrX": "CP068255.2"},
}


def renamed(source: Path, target: Path, names: dict[str, str]) -> Path:
    with pysam.AlignmentFile(str(source)) as read:
        header = read.header.to_dict()
        for contig in header["SQ"]:
            contig["SN"] = names[contig["SN"]]
        with pysam.AlignmentFile(str(target), "wb", header=header) as written:
            for record in read:
                written.write(pysam.AlignedSegment.fromstring(rename(record, names), written.header))
    pysam.index(str(target))
    return target


def rename(record: pysam.AlignedSegment, names: dict[str, str]) -> str:
    cells = record.to_string().split("\t")
    cells[2] = names.get(cells[2], cells[2])
    return "\t".join(cells)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("names")
    molecules = [m for contig in CONTIGS for m in random_molecules(300, contig=contig, prefix=contig)]
    source = write_bam(folder / "ucsc.bam", [read for molecule in molecules for read in mates(molecule)])
    others = {
        naming: renamed(source, folder / f"{naming}.bam", names)
        for naming, names in NAMINGS.items()
        if naming != "ucsc"
    }
    return {"ucsc": source, **others}


def extracted(bam: Path, folder: Path, about: dict[str, str]) -> Extraction:
    """Read a library; everything about it names the contigs as ``about`` says."""
    blocks = [(about["chr1"], 1_000, 3_000, "T1", "U"), (about["chr2"], 5_000, 9_000, "T2", "M")]
    atlas = Atlas.load(write_atlas(folder / "a.tsv", blocks, {"T1": [0.9, 0.1], "T2": [0.2, 0.8]}))
    (folder / "b.bed").write_text(f"{about['chr1']}\t20000\t25000\n")
    (folder / "g.tsv").write_text("".join(f"{about[name]}\t{size}\n" for name, size in CONTIGS.items()))
    (folder / "g.fa").write_text("".join(f">{about[name]}\n{bases}\n" for name, bases in GENOME.items()))
    pysam.faidx(str(folder / "g.fa"))
    extract = Extract(
        fragments_per_sample=500, min_fragments=10, contigs=(about["chr1"], about["chr2"]),
        blacklist=str(folder / "b.bed"), motifs="reference",
    )  # fmt: skip
    config = Config(
        sheet="s", outdir="o", reference=Reference(build=str(folder / "g.tsv"), fasta=str(folder / "g.fa")),
        extract=extract, features=Features(window=10_000),
    )  # fmt: skip
    return read_sample(Sample("S", "P", str(bam), 1, "discovery"), config, atlas)


def counts(extraction: Extraction) -> dict[str, dict[str, list[int]]]:
    cells = extraction.profile.counts.items()
    return {kind: {key: values.tolist() for key, values in by_key.items()} for kind, by_key in cells}


@pytest.fixture(scope="module")
def expected(library: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    return extracted(library["ucsc"], tmp_path_factory.mktemp("expected"), NAMINGS["ucsc"])


@pytest.mark.parametrize("about", NAMINGS)
@pytest.mark.parametrize("naming", NAMINGS)
def test_the_result_does_not_depend_on_names(
    naming: str, about: str, library: dict[str, Path], expected: Extraction, tmp_path: Path
) -> None:
    found = extracted(library[naming], tmp_path, NAMINGS[about])
    assert found.qc.counts == expected.qc.counts
    assert found.qc.counts.blacklisted > 0 and found.qc.counts.off_contig > 0
    assert set(found.fragments.block.tolist()) == {-1, 0, 1}
    names = NAMINGS[naming]
    same = replace(found.fragments, contig_names=expected.fragments.contig_names)
    assert found.fragments.contig_names == tuple(names[name] for name in expected.fragments.contig_names)
    assert same.to_arrow().equals(expected.fragments.to_arrow())
    # Windows carry the common names, so that libraries of one study have the same features.
    assert counts(found) == counts(expected)
    assert "chr1:20000" in found.profile.counts["window"]
    # What the model reads of a place is the same, too.
    classes = np.array([1, 2])
    np.testing.assert_array_equal(
        inputs_of(found.fragments, classes).region, inputs_of(expected.fragments, classes).region
    )


def test_another_genome_is_still_told(library: dict[str, Path], tmp_path: Path) -> None:
    mouse = {"chr1": "NC_000067.7", "chr2": "NC_000068.8", "chrX": "NC_000086.8"}
    with pytest.raises(InputError, match="no contig in common"):
        extracted(library["refseq"], tmp_path, mouse)
