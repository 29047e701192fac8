"""DNA that the laboratory added: which contigs hold it, that it is nobody's, and what its calls show."""

from __future__ import annotations

from dataclasses import replace

import pysam
import pytest
from bams import CONTIGS, GENOME, mates, random_molecules
from msgspec import structs

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.extraction import read_sample
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.spike_in_names import spike_in
from cfdna_interp.fragments.spike_ins import LEAST_CALLS, spike_in_warnings
from cfdna_interp.records.qc import SpikeIn

PERSON = random_molecules(200, seed=3)


def unmethylated(count: int = 60):
    return [replace(one, methylated=frozenset()) for one in random_molecules(count, 5, "chr2", "l")]


def methylated(count: int = 60):
    return [replace(one, methylated=sites(one)) for one in random_molecules(count, 6, "chrX", "p")]


def sites(molecule) -> frozenset[int]:
    bases = GENOME[molecule.contig]
    around = range(molecule.start - 1, molecule.end + 1)
    return frozenset(place for place in around if bases[place : place + 2] == "CG")


def calls_of(molecules) -> tuple[int, int]:
    """Methylated and all CpG calls of molecules, from the way they were made."""
    states = [state for molecule in molecules for state in molecule.calls().values()]
    return sum(states), len(states)


def sample_of(tmp_path, molecules, names=("chr1", "lambda", "pUC19"), ending="bam", **cells) -> Sample:
    """Reads of molecules in a file whose contigs have other names."""
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": name, "LN": length} for name, length in zip(names, CONTIGS.values(), strict=True)],
        }
    )
    reads = [read for molecule in molecules for read in mates(molecule)]
    reads.sort(key=lambda read: (read.reference_id, read.reference_start))
    path = tmp_path / f"s.{ending}"
    mode = {"mode": "wc", "format_options": [b"no_ref=1"]} if ending == "cram" else {"mode": "wb"}
    with pysam.AlignmentFile(str(path), header=header, **mode) as file:
        for read in reads:
            file.write(pysam.AlignedSegment.from_dict(renamed(read.to_dict(), names), header))
    pysam.index(str(path))
    return Sample("S7", "P", str(path), 1, "discovery", **cells)


def renamed(fields, names):
    known = dict(zip(CONTIGS, names, strict=True))
    return fields | {"ref_name": known[fields["ref_name"]]}


def config_of(tmp_path, contigs="all") -> Config:
    build = tmp_path / "g.tsv"
    build.write_text(f"chr1\t{CONTIGS['chr1']}\n")
    return Config(
        sheet="s",
        outdir="o",
        reference=Reference(build=str(build)),
        extract=Extract(min_fragments=1, contigs=contigs),
    )


@pytest.mark.parametrize(
    ("name", "length", "kind"),
    [
        ("lambda", None, "lambda"),
        ("J02459.1", None, "lambda"),
        ("NC_001416", None, "lambda"),
        ("phage_lambda", None, "lambda"),
        ("gi|9626243|ref|NC_001416.1|", 48_502, "lambda"),
        ("chrL", 48_502, "lambda"),
        ("pUC19", None, "pUC19"),
        ("plasmid_puc19c", None, "pUC19"),
        ("L09137.2", None, "pUC19"),
        ("PhiX", None, "phiX"),
        ("NC_001422.1", None, "phiX"),
        ("phage_Xp12", None, "Xp12"),
        ("phage_T4", None, "T4"),
        # Contigs of genomes, and names that only hold such a word.
        ("chr1", 248_956_422, None),
        ("chrL", 90_000, None),
        ("IGL_lambda", 894_000, None),
        ("chrUn_KI270742v1", 186_739, None),
        ("MT", 16_569, None),
        ("chrEBV", 171_823, None),
    ],
)
def test_names(name, length, kind):
    assert spike_in(name, length) == kind


def test_all_contigs_are_those_of_the_person():
    names = ("chr1", "lambda", "chrUn_1", "pUC19")
    assert Rules.of(Extract(contigs="all"), names, "S").contigs == {0, 2}
    # Who names one wants it.
    assert Rules.of(Extract(contigs=("lambda",)), names, "S").contigs == {1}
    with pytest.raises(InputError, match=r"no contig but spike-ins; name them in extract\.contigs"):
        Rules.of(Extract(contigs="all"), ("lambda", "phiX"), "S")


@pytest.mark.parametrize("ending", ["bam", "cram"])
@pytest.mark.parametrize("threads", [1, 2])
def test_levels_are_of_the_molecules_added(tmp_path, ending, threads):
    added = [*unmethylated(), *methylated()]
    sample = sample_of(tmp_path, [*PERSON, *added], ending=ending)
    found = read_sample(sample, config_of(tmp_path), None, threads)
    (puc,) = [one for one in found.qc.spike_ins if one.kind == "pUC19"]
    (phage,) = [one for one in found.qc.spike_ins if one.kind == "lambda"]
    assert (phage.contig, phage.fragments) == ("lambda", 60)
    assert (phage.methylated, phage.calls) == calls_of(unmethylated())
    assert (puc.methylated, puc.calls) == calls_of(methylated())
    assert puc.methylated == puc.calls > LEAST_CALLS
    assert found.qc.warnings == ()
    # The person's part is as without them.
    alone = tmp_path / "alone"
    alone.mkdir()
    person = read_sample(sample_of(alone, PERSON, ending=ending), config_of(alone), None)
    assert person.qc.spike_ins == ()
    assert found.fragments.start.tolist() == person.fragments.start.tolist()
    assert found.fragments.cpg_states.tolist() == person.fragments.cpg_states.tolist()
    assert found.qc.technical == person.qc.technical
    assert found.qc.counts.off_contig == 2 * len(added)


@pytest.mark.parametrize("has_phage", [True, False])
def test_calls_by_comparison_need_the_control_in_the_reference(tmp_path, has_phage):
    sample = sample_of(tmp_path, [*PERSON, *unmethylated()], methylation="reference")
    lines = [f">chr1\n{GENOME['chr1']}\n"] + ([f">lambda\n{GENOME['chr2']}\n"] if has_phage else [])
    (tmp_path / "g.fa").write_text("".join(lines))
    pysam.faidx(str(tmp_path / "g.fa"))
    config = config_of(tmp_path)
    reference = structs.replace(config.reference, fasta=str(tmp_path / "g.fa"))
    qc = read_sample(sample, structs.replace(config, reference=reference), None).qc
    assert qc.decision == "keep"
    levels = [(one.methylated, one.calls) for one in qc.spike_ins]
    if has_phage:
        ((methylated, calls),) = levels
        assert methylated == 0
        assert calls > LEAST_CALLS
    else:
        assert levels == []


def test_the_control_is_read_where_contigs_are_listed_too(tmp_path):
    sample = sample_of(tmp_path, [*PERSON, *unmethylated()])
    found = read_sample(sample, config_of(tmp_path, ("chr1",)), None)
    assert [one.kind for one in found.qc.spike_ins] == ["lambda"]


def test_a_failed_conversion_is_told_of_the_control(tmp_path, caplog):
    # The phage's DNA is methylated here: as if nothing had been converted.
    added = [replace(one, methylated=sites(one)) for one in unmethylated()]
    qc = read_sample(sample_of(tmp_path, [*PERSON, *added]), config_of(tmp_path), None).qc
    (line,) = qc.warnings
    assert "spike-in lambda" in line and "conversion failed" in line
    assert "spike-in lambda" in caplog.text
    assert qc.decision == "keep"


def test_a_methylated_control_that_was_converted_is_told(tmp_path):
    added = [replace(one, methylated=frozenset()) for one in methylated()]
    qc = read_sample(sample_of(tmp_path, [*PERSON, *added]), config_of(tmp_path), None).qc
    (line,) = qc.warnings
    assert "spike-in pUC19" in line and "methylated bases were converted" in line


@pytest.mark.parametrize(
    ("kind", "methylated", "calls", "said"),
    [
        ("lambda", 3, 99, False),  # too few calls
        ("lambda", 20, 1_000, False),
        ("lambda", 21, 1_000, True),
        ("pUC19", 950, 1_000, False),
        ("pUC19", 949, 1_000, True),
        ("phiX", 1_000, 1_000, False),
        ("Xp12", 10, 1_000, False),
    ],
)
def test_limits(kind, methylated, calls, said):
    one = SpikeIn(contig="c", kind=kind, fragments=50, methylated=methylated, calls=calls)
    assert bool(spike_in_warnings([one])) == said
