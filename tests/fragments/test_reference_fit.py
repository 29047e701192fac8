"""Reads beside the reference: another sequence, wrong strands, and what honest reads may differ in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np
import pysam
import pytest
from bams import CONTIGS, GENOME, mates, random_molecules, record, write_bam, write_build

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.extraction import read_sample
from cfdna_interp.fragments.reference import ReferenceGenome
from cfdna_interp.fragments.reference_fit import (
    ReadComparison,
    ReadSample,
    check_contigs,
    compare_read,
    compare_reads,
)

CONVERTED = {"CT": ("C", "T"), "GA": ("G", "A")}


def write_fasta(path, sequences):
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in sequences.items()))
    pysam.faidx(str(path))
    return str(path)


@pytest.fixture(scope="module")
def molecules():
    return [m for n in (1, 2) for m in random_molecules(150, seed=n, contig=f"chr{n}", prefix=f"c{n}m")]


@dataclass(frozen=True)
class Library:
    """What is planted: errors of single bases, variants of the person, and how reads lie to molecules."""

    errors: float = 0.0
    variants: float = 0.0
    kind: str = "directional"
    chemistry: str = "bisulfite"
    tag: str | None = None
    converted: float = 1.0  # share of cytosines outside CpGs that are converted


def bases_of(molecule, low, high, library, person, rng):
    """The reads' bases as the chemistry leaves them, with errors."""
    kept, changed = CONVERTED[molecule.strand]
    bases = []
    for position in range(low, high):
        base = person[molecule.contig][position]
        if base == kept:
            c = position if molecule.strand == "CT" else position - 1
            in_cpg = person[molecule.contig][c : c + 2] == "CG"
            if library.chemistry == "taps":
                converts = in_cpg and c in molecule.methylated
            else:
                converts = c not in molecule.methylated if in_cpg else rng.random() < library.converted
            base = changed if converts else base
        if rng.random() < library.errors:
            base = rng.choice([other for other in "ACGT" if other != base])
        bases.append(base)
    return "".join(bases)


def library_of(molecules, library, seed=3):
    """Pairs of all molecules without call tags; the first mate has its molecule's direction or not."""
    rng = np.random.default_rng(seed)
    person = {
        name: "".join(
            rng.choice([b for b in "ACGT" if b != base]) if rng.random() < library.variants else base
            for base in bases
        )
        for name, bases in GENOME.items()
    }
    reads = []
    for number, molecule in enumerate(molecules):
        along = {"directional": True, "pbat": False, "non-directional": number % 2 == 0}[library.kind]
        forward_first = (molecule.strand == "CT") == along
        for segment in mates(replace(molecule, forward_first=forward_first), tags=False):
            low = segment.reference_start
            high = low + segment.query_length
            made = bases_of(molecule, low, high, library, person, rng)
            qualities = segment.query_qualities
            segment.query_sequence = made
            segment.query_qualities = qualities
            if library.tag == "YD":
                segment.set_tag("YD", "f" if molecule.strand == "CT" else "r")
            elif library.tag:
                segment.set_tag("YD", library.tag)
            reads.append(segment)
    return reads


def setting(tmp_path, fasta=None, **extract):
    fasta = fasta or write_fasta(tmp_path / "g.fa", GENOME)
    options = {"min_fragments": 1, "contigs": "all", "methylation": "reference", **extract}
    return Config(
        outdir=str(tmp_path / "out"),
        reference=Reference(build=str(write_build(tmp_path / "b.tsv")), fasta=fasta),
        extract=Extract(**options),
    )


def extracted(tmp_path, reads, fasta=None, sheet=None, **extract):
    bam = write_bam(tmp_path / "s.bam", reads)
    sample = Sample("S7", "P7", str(bam), 1, "discovery", **(sheet or {}))
    return read_sample(sample, setting(tmp_path, fasta, **extract), None)


def calls(extraction):
    table = extraction.fragments
    return int(table.cpg_states.sum()), len(table.cpg_states)


def planted(molecules):
    """Methylated and all CpG calls of the molecules."""
    found = [state for molecule in molecules for state in molecule.calls().values()]
    return sum(found), len(found)


def message(action):
    with pytest.raises(InputError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def shifted(bases, step=1):
    return "N" * step + bases[:-step]


# --- the FASTA is another sequence ---


@pytest.mark.parametrize("methylation", ["reference", "none"])
def test_a_shifted_reference_is_refused(tmp_path, molecules, methylation):
    fasta = write_fasta(tmp_path / "shift.fa", {name: shifted(bases) for name, bases in GENOME.items()})
    reads = library_of(molecules, Library())
    said = message(lambda: extracted(tmp_path, reads, fasta, methylation=methylation))
    assert said.startswith("sample S7: ")
    assert "do not match reference" in said
    assert "shift.fa" in said
    assert "set reference.fasta" in said


def test_another_sequence_of_the_same_length_is_refused_for_native_reads(tmp_path):
    # Nothing is converted, and the FASTA would only tell end motifs.
    rng = np.random.default_rng(4)
    other = {name: "".join(rng.choice(list("ACGT"), size=size)) for name, size in CONTIGS.items()}
    fasta = write_fasta(tmp_path / "other.fa", other)
    reads = [
        record(f"r{start}", 0x41 | 0x1, 0, start, GENOME["chr1"][start : start + 80], start)
        for start in range(100, 8_100, 100)
    ]
    sample = compare_reads(reads, ReferenceGenome(fasta), 20)
    assert len(sample.reads) == 80
    assert "80 of 80 reads" in message(lambda: sample.check(fasta, "S7"))
    same = compare_reads(reads, ReferenceGenome(write_fasta(tmp_path / "g.fa", GENOME)), 20)
    same.check("g.fa", "S7")
    assert same.fit(np.zeros((0, 3))) == same.fit(np.zeros((3, 3)))
    assert same.fit(np.zeros((0, 3))).mismatches == 0


def test_one_contig_of_another_sequence_is_named(tmp_path):
    # Of the reads that are looked at first none lies on the last, shortest contig.
    molecules = [m for n in (1, 2) for m in random_molecules(500, seed=n, contig=f"chr{n}", prefix=f"c{n}m")]
    molecules += random_molecules(60, seed=3, contig="chrX", prefix="x")
    fasta = write_fasta(tmp_path / "mixed.fa", {**GENOME, "chrX": shifted(GENOME["chrX"], 5)})
    said = message(lambda: extracted(tmp_path, library_of(molecules, Library()), fasta))
    assert "do not match reference" in said
    assert "chrX" in said or "reads differ" in said


def test_contigs_are_judged_one_by_one():
    # (bases at cytosines, third bases, strandless): few, honest with 5 % errors, half wrong, all wrong.
    counts = np.array([[400, 300, 0], [9_000, 300, 0], [9_000, 2_250, 0], [600, 300, 9]])
    names = ["few", "honest", "half", "wrong"]
    said = message(lambda: check_contigs(counts, names, "g.fa", "sample S7: a.bam"))
    assert "half" in said
    assert "1 more" in said
    assert "25%" in said
    check_contigs(counts[:2], names[:2], "g.fa", "S7")
    check_contigs(np.zeros((0, 3)), names, "g.fa", "S7")


@pytest.mark.parametrize(
    ("errors", "variants"), [(0, 0), (0.001, 0.001), (0.02, 0.001), (0.05, 0.002), (0.08, 0.02)]
)
def test_errors_and_variants_are_tolerated(tmp_path, molecules, errors, variants):
    # The other strand would hide the cytosines that the person lacks.
    qc = extracted(tmp_path, library_of(molecules, Library(errors, variants)), opposite_strand=False).qc
    rate = errors + variants
    # At a C or G, 60 % of the genome, one of three wrong bases looks like conversion or its lack. Reads have
    # 36,000 bases, a third of them cytosines of their strand: five standard errors.
    assert qc.reference.third_bases == pytest.approx(rate * 2 / 3, abs=5 * (rate * 2 / 3 / 10_000) ** 0.5)
    assert qc.reference.mismatches == pytest.approx(rate * 0.8, abs=5 * (rate * 0.8 / 36_000) ** 0.5)
    assert qc.reference.misfits <= 0.01
    assert (qc.library.taken, qc.library.sure) == ("directional", True)


def test_too_few_reads_or_an_unknown_reference_say_nothing(tmp_path, molecules):
    qc = extracted(tmp_path, library_of(molecules[:9], Library())).qc
    assert (qc.reference.reads, qc.reference.misfits, qc.reference.mismatches) == (18, None, None)
    fasta = write_fasta(tmp_path / "n.fa", {name: "N" * size for name, size in CONTIGS.items()})
    sample = compare_reads(library_of(molecules, Library()), ReferenceGenome(fasta), 20)
    assert sample == ReadSample()
    sample.check(fasta, "S7")


def test_a_read_by_hand(tmp_path):
    #         0123456789
    fasta = write_fasta(tmp_path / "g.fa", {"chr1": "ACCGTTGACANN"})
    read = record("r", 0, 0, 0, "GGATCGTATTAAA", 0, cigar="1S3M1I2M1D4M2S")
    # 0 A: G, a mismatch. 1 C: A, a third base. 2 C of the CpG: T. (C inserted.) 3 G: G. 4 T: T. 5 deleted.
    # 6 G: A. 7 A: T, a mismatch. 8 C: T. 9 A: A.
    found = compare_reads([read], ReferenceGenome(fasta), 20)
    assert found == ReadSample()  # 9 bases are too few to count
    assert compare_read(read, ReferenceGenome(fasta)) == ReadComparison(
        bases=9, mismatches=3, forward=(1, 0), reverse=(1, 0), tagged=False, strand=1
    )


# --- the strand ---


@pytest.mark.parametrize("kind", ["directional", "pbat", "non-directional"])
@pytest.mark.parametrize("said", ["auto", "sheet"])
def test_every_library_gives_the_calls_that_are_planted(tmp_path, molecules, kind, said):
    sheet = {"library": kind} if said == "sheet" else {}
    extraction = extracted(tmp_path, library_of(molecules, Library(kind=kind)), sheet=sheet)
    library = extraction.qc.library
    assert (library.taken, library.tagged, library.sure) == (kind, 0.0, True)
    share = library.opposite / library.told
    assert share == pytest.approx({"directional": 0, "pbat": 1, "non-directional": 0.5}[kind], abs=0.1)
    assert extraction.qc.technical.conversion == 1
    assert extraction.qc.reference.third_bases == 0
    if kind != "non-directional":
        assert library.strandless == 0
        assert calls(extraction) == planted(molecules)
    else:
        # Reads with too few cytosines outside CpGs can't be told: counted, without calls.
        methylated, every = planted(molecules)
        assert library.strandless < 0.02 * 2 * len(molecules)
        assert calls(extraction)[1] == pytest.approx(every, rel=0.03)
        assert calls(extraction)[0] / calls(extraction)[1] == pytest.approx(methylated / every, abs=0.005)


def test_tags_tell_the_strand_of_any_library(tmp_path, molecules):
    for kind in ("pbat", "non-directional"):
        extraction = extracted(tmp_path, library_of(molecules, Library(kind=kind, tag="YD")))
        assert (extraction.qc.library.tagged, extraction.qc.library.told) == (1.0, 0)
        assert calls(extraction) == planted(molecules)


def test_tags_that_conversion_contradicts_are_refused(tmp_path, molecules):
    # Every read says f, and its molecule is of the reverse strand.
    reverse = [molecule for molecule in molecules if molecule.strand == "GA"]
    reads = library_of(reverse, Library(tag="f"))
    said = message(lambda: extracted(tmp_path, reads))
    assert "YD" in said
    assert "samtools view -x" in said
    # The remedy works.
    for read in reads:
        read.set_tag("YD", None)
    assert calls(extracted(tmp_path, reads)) == planted(reverse)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("directional", "pbat"),
        ("pbat", "directional"),
        ("directional", "non-directional"),
        ("pbat", "non-directional"),
    ],
)
def test_a_library_that_the_reads_contradict_is_refused(tmp_path, molecules, said, kind):
    reads = library_of(molecules, Library(kind=kind))
    text = message(lambda: extracted(tmp_path, reads, library=said))
    assert f"said to be {said}" in text
    assert f"library: {kind}" in text
    # The remedy works.
    assert extracted(tmp_path, reads, sheet={"library": kind}, library=said).qc.library.taken == kind


def test_non_directional_may_be_said_of_any_library(tmp_path, molecules):
    extraction = extracted(tmp_path, library_of(molecules, Library()), library="non-directional")
    assert extraction.qc.library.taken == "non-directional"
    assert calls(extraction)[1] == pytest.approx(planted(molecules)[1], rel=0.03)


def test_without_conversion_nothing_can_be_told_and_directional_is_kept(tmp_path, molecules):
    # TAPS converts methylated CpGs only, and a failed conversion nothing.
    taps = extracted(tmp_path, library_of(molecules, Library(chemistry="taps")), sheet={"chemistry": "taps"})
    assert (taps.qc.library.taken, taps.qc.library.sure) == ("directional", False)
    assert calls(taps) == planted(molecules)
    failed = extracted(tmp_path, library_of(molecules, Library(converted=0.0)))
    assert (failed.qc.library.taken, failed.qc.library.sure) == ("directional", False)
    assert failed.qc.technical.conversion == 0
    # Half a conversion tells.
    half = extracted(tmp_path, library_of(molecules, Library(converted=0.5, kind="pbat")))
    assert (half.qc.library.taken, half.qc.library.sure) == ("pbat", True)
    assert half.qc.technical.conversion == pytest.approx(0.5, abs=0.02)


def test_non_directional_needs_conversion_or_tags(tmp_path, molecules):
    reads = library_of(molecules, Library(chemistry="taps", kind="non-directional"))
    sheet = {"chemistry": "taps", "library": "non-directional"}
    assert "YD, ZS or XG" in message(lambda: extracted(tmp_path, reads, sheet=sheet))
    tagged = library_of(molecules, Library(chemistry="taps", kind="non-directional", tag="YD"))
    assert calls(extracted(tmp_path, tagged, sheet=sheet)) == planted(molecules)


def test_unmethylated_molecules_are_told_from_a_wrong_strand(tmp_path, molecules):
    bare = [replace(molecule, methylated=frozenset()) for molecule in molecules]
    for kind in ("directional", "pbat"):
        extraction = extracted(tmp_path, library_of(bare, Library(kind=kind)))
        assert extraction.qc.library.taken == kind
        assert calls(extraction) == (0, planted(bare)[1])


def test_single_molecules_of_either_direction(tmp_path):
    molecules = random_molecules(200, seed=6)
    reads = []
    for number, molecule in enumerate(molecules):
        bases = bases_of(molecule, molecule.start, molecule.end, Library(), GENOME, np.random.default_rng(1))
        backwards = (molecule.strand == "GA") != (number % 2 == 0)
        read = record(molecule.name, 16 * backwards, 0, molecule.start, bases, -1)
        read.next_reference_id = -1
        reads.append(read)
    extraction = extracted(tmp_path, reads, sheet={"reads": "single"})
    assert extraction.qc.library.taken == "non-directional"
    whole = [replace(molecule, read_length=400) for molecule in molecules]
    assert calls(extraction)[1] == pytest.approx(planted(whole)[1], rel=0.02)


def test_the_record_is_written_and_read_again(tmp_path, molecules):
    qc = extracted(tmp_path, library_of(molecules, Library(kind="pbat"))).qc
    again = msgspec.json.decode(msgspec.json.encode(qc), type=type(qc))
    assert (again.reference, again.library) == (qc.reference, qc.library)
