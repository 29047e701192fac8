"""One door to alignments and fragment files, and end motifs of both from the reference."""

from __future__ import annotations

import numpy as np
import pysam
import pytest
from bams import CONTIGS, GENOME, mates, random_molecules, write_bam, write_build
from msgspec import structs

from cfdna_interp.artifacts.fragments import MOTIFS, FragmentTable
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Model, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.decode import Settings, Totals
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.preflight import preflight
from cfdna_interp.fragments.source import chunks, open_source

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def write_fasta(path, contigs=tuple(CONTIGS)):
    path.write_text("".join(f">{name}\n{GENOME[name]}\n" for name in contigs))
    pysam.faidx(str(path))
    return str(path)


def read(sample, config):
    with open_source(sample, config) as source:
        rules = Rules.of(config.extract, source.contig_names, source.who)
        settings = Settings(rules, source.dialect, config.seed)
        return FragmentTable.concatenate([part.table for part in chunks(source, config, settings, Totals())])


def test_a_reference_of_another_build_is_refused_before_anything_is_read(tmp_path):
    reads = mates(random_molecules(1, seed=41)[0])
    sample = Sample("S7", "P7", str(write_bam(tmp_path / "s.bam", reads)), 1, "discovery")
    path = tmp_path / "longer.fa"
    path.write_text("".join(f">{name}\n{bases}{'A' * 777}\n" for name, bases in GENOME.items()))
    pysam.faidx(str(path))
    build = str(write_build(tmp_path / "g.tsv"))
    config = Config(sheet="s", outdir="o", reference=Reference(build=build, fasta=str(path)))
    with pytest.raises(
        InputError, match=r"sample S7: .*s\.bam: contig chr1 has .* bp, in reference .*longer\.fa"
    ):
        read(sample, config)


def test_motifs_of_alignments_from_the_reference(tmp_path):
    # Clipping hides the first bases of every forward mate from the alignment: the fragment begins after
    # them, and so do both motifs, that of the read and that of the reference.
    molecules = random_molecules(120, seed=41)
    reads = [read for molecule in molecules for read in mates(molecule)]
    for segment in reads:
        if not segment.is_reverse:
            segment.cigarstring = f"3S{segment.query_length - 3}M"
            segment.reference_start += 3
    sample = Sample("S7", "P7", str(write_bam(tmp_path / "s.bam", reads)), 1, "discovery")
    config = Config(
        sheet="s",
        outdir="o",
        reference=Reference(build=str(write_build(tmp_path / "g.tsv")), fasta=write_fasta(tmp_path / "g.fa")),
        extract=Extract(motifs="reference"),
    )
    found, as_read = read(sample, config), read(sample, structs.replace(config, extract=Extract()))
    assert len(found) == 120
    inside = [GENOME["chr1"][s : s + n] for s, n in zip(found.start, found.length, strict=True)]
    assert [MOTIFS[motif] for motif in found.motif_5p] == [bases[:4] for bases in inside]
    assert [MOTIFS[motif] for motif in found.motif_3p] == [b[-4:].translate(COMPLEMENT)[::-1] for b in inside]
    assert np.array_equal(found.motif_5p, as_read.motif_5p)
    for column in ("start", "length", "gc", "strand", "cpg_offsets", "cpg_states"):
        np.testing.assert_array_equal(getattr(found, column), getattr(as_read, column))


def cohort(folder, fasta=None, build=None):
    """Two samples a role, as fragment files; the config to check them with."""
    rows = []
    for number, (label, role) in enumerate(
        [(1, "discovery"), (0, "discovery"), (1, "heldout"), (0, "heldout")]
    ):
        name = f"S{number}.frag"
        (folder / name).write_text(f"chr1\t{100 + number}\t267\t60\t+\n" * 50)
        rows.append(f"S{number}\tP{number}\t{name}\t{label}\t{role}\n")
    (folder / "sheet.tsv").write_text("sample\tsubject\tbam\tlabel\trole\n" + "".join(rows))
    return Config(
        sheet=str(folder / "sheet.tsv"),
        outdir=str(folder / "out"),
        reference=Reference(build=build or str(write_build(folder / "made-up.tsv")), fasta=fasta),
        extract=Extract(
            methylation="none", motifs="reference" if fasta else "reads", contigs=("chr1", "chr2")
        ),
        model=Model(folds=2),
    )


def test_the_check_before_a_run_knows_fragment_files(tmp_path):
    # Everything about the files passes; two subjects are too few for what comes later.
    with pytest.raises(InputError, match="2 usable discovery subjects are too few"):
        preflight(cohort(tmp_path))
    with pytest.raises(InputError, match=r"sample S0: .*S0\.frag .*set reference\.build"):
        preflight(cohort(tmp_path, build="auto"))


def test_the_check_before_a_run_knows_contigs_that_the_reference_lacks(tmp_path):
    with pytest.raises(InputError, match="too few"):
        preflight(cohort(tmp_path, write_fasta(tmp_path / "g.fa")))
    lacking = write_fasta(tmp_path / "h.fa", ("chr1", "chrX"))
    with pytest.raises(InputError, match=r"h\.fa has no contig chr2"):
        preflight(cohort(tmp_path, lacking))


@pytest.mark.realdata
def test_reference_motifs_of_real_plasma_beside_those_read(realdata):
    # Sequencing errors, variants and clipping change a few ends of a hundred, an error in place all of them.
    folder = realdata / "plasma_wgs"
    config = Config(
        sheet="s",
        outdir="o",
        reference=Reference(fasta=str(folder / "hg19.chr1.first10Mb.fa.gz")),
        extract=Extract(methylation="none", motifs="reference"),
    )
    sample = Sample("S", "P", str(folder / "hg19.chr1.6Mb.cram"), 1, "discovery")
    found = read(sample, config)
    as_read = read(sample, structs.replace(config, extract=structs.replace(config.extract, motifs="reads")))
    assert len(found) == len(as_read) > 40_000
    for side in ("motif_5p", "motif_3p"):
        assert np.mean(getattr(found, side) == getattr(as_read, side)) > 0.95
