"""Libraries whose reads or tags mean something else: merged mates, 5-base letters, foreign tags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pysam
import pytest
from bams import CONTIGS, GENOME, mates, random_molecules, write_bam, write_build

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.features.sample_words import obstacle_words
from cfdna_interp.fragments.alignment import open_alignment
from cfdna_interp.fragments.extraction import read_sample
from cfdna_interp.fragments.methylation.xm import converted_case


def write_fasta(path):
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in GENOME.items()))
    pysam.faidx(str(path))
    return path


def config_of(tmp_path, fasta=False, **extract):
    return Config(
        sheet="s",
        outdir="o",
        reference=Reference(
            build=str(write_build(tmp_path / "g.tsv")),
            fasta=str(write_fasta(tmp_path / "g.fa")) if fasta else None,
        ),
        extract=Extract(min_fragments=1, contigs=tuple(CONTIGS), **extract),
    )


def sample_of(tmp_path, records, **cells):
    path = write_bam(tmp_path / "s.bam", records)
    return Sample("S7", "P", str(path), 1, "discovery", **cells)


def merged(molecule):
    """The mates of a molecule as one read: the forward one, and what the reverse one has beyond its end."""
    forward, reverse = mates(molecule)
    if forward.is_reverse:
        forward, reverse = reverse, forward
    beyond = forward.reference_end - reverse.reference_start
    if beyond < 0:
        return None
    read = pysam.AlignedSegment(forward.header)
    read.query_name, read.flag = forward.query_name, 0
    read.reference_id, read.reference_start = forward.reference_id, forward.reference_start
    read.mapping_quality = forward.mapping_quality
    read.query_sequence = forward.query_sequence + reverse.query_sequence[beyond:]
    read.query_qualities = pysam.qualitystring_to_array("I" * len(read.query_sequence))
    read.cigarstring = f"{len(read.query_sequence)}M"
    read.set_tag("XM", forward.get_tag("XM") + reverse.get_tag("XM")[beyond:])
    read.set_tag("XG", forward.get_tag("XG"))
    return read


def mixed(molecules):
    """Reads of a library whose overlapping mates were merged, and how many molecules are one read."""
    reads, whole = [], 0
    for molecule in molecules:
        one = merged(molecule)
        whole += one is not None
        reads += mates(molecule) if one is None else [one]
    return reads, whole


def calls_of(extraction):
    """(start, length) -> its calls as (position, state)."""
    table = extraction.fragments
    return {
        (int(start), int(length)): [
            (int(start + offset), int(state))
            for offset, state in zip(table.cpg_offsets[a:b], table.cpg_states[a:b], strict=True)
        ]
        for start, length, a, b in zip(
            table.start, table.length, table.cpg_splits[:-1], table.cpg_splits[1:], strict=True
        )
    }


@pytest.mark.parametrize("declared", ["", "merged"])
def test_merged_reads_and_pairs_give_the_fragments_of_the_pairs(tmp_path, declared):
    molecules = [replace(molecule, read_length=90) for molecule in random_molecules(300, seed=12)]
    pairs = read_sample(
        sample_of(tmp_path, [read for m in molecules for read in mates(m)]), config_of(tmp_path), None
    )
    reads, whole = mixed(molecules)
    assert 30 < whole < 270
    found = read_sample(sample_of(tmp_path, reads, reads=declared), config_of(tmp_path), None)
    assert calls_of(found) == calls_of(pairs)
    assert found.fragments.gc == pytest.approx(pairs.fragments.gc)
    assert np.array_equal(found.fragments.motif_3p, pairs.fragments.motif_3p)
    counts = found.qc.counts
    assert (found.qc.reads, counts.fragments, counts.whole_reads) == ("merged", 300, whole)
    assert counts.reads == 2 * counts.fragments - counts.whole_reads
    assert any("reads: merged" in line for line in found.qc.warnings) == (declared == "")


def test_mates_whose_partner_was_dropped_are_no_merged_reads(tmp_path):
    # A trimmer drops a mate here and there, and the aligner sets no flag of a pair for the other one.
    reads = [read for molecule in random_molecules(300, seed=13) for read in mates(molecule)]
    for read in reads[::20]:
        read.flag &= 0x10
        read.query_name += "alone"
    found = read_sample(sample_of(tmp_path, reads), config_of(tmp_path), None)
    assert found.qc.reads == "paired"
    assert found.qc.counts.whole_reads == 0
    assert found.qc.counts.mate_missing == 60  # the mate that is left over is missed as well


def test_ends_of_second_mates_are_left_out_in_merged_reads(tmp_path):
    molecules = [replace(molecule, read_length=90) for molecule in random_molecules(200, seed=14)]
    settings = {"ignore_5p": (0, 7)}
    reads, _ = mixed(molecules)
    whole = read_sample(sample_of(tmp_path, reads), config_of(tmp_path, **settings), None)
    for (start, length), calls in calls_of(whole).items():
        merged_read = any((m.start, m.length) == (start, length) and merged(m) is not None for m in molecules)
        if merged_read:
            assert all(position < start + length - 7 + 1 for position, _ in calls)


def five_base(read):
    """A read as 5-base chemistry shows it: methylated cytosines are converted, letters stay."""
    intact, converted = ("C", "T") if read.get_tag("XG") == "CT" else ("G", "A")
    qualities = read.query_qualities
    read.query_sequence = "".join(
        base if letter == "." else (converted if letter.isupper() else intact)
        for base, letter in zip(read.query_sequence, read.get_tag("XM"), strict=True)
    )
    read.query_qualities = qualities
    return read


@pytest.mark.parametrize("chemistry", ["", "taps"])
@pytest.mark.parametrize("methylation", ["xm", "reference"])
def test_five_base_letters_are_known_by_their_case(tmp_path, chemistry, methylation):
    molecules = random_molecules(200, seed=15)
    bisulfite = read_sample(
        sample_of(tmp_path, [read for m in molecules for read in mates(m)]), config_of(tmp_path), None
    )
    reads = [five_base(read) for m in molecules for read in mates(m)]
    sample = sample_of(tmp_path, reads, chemistry=chemistry, methylation=methylation)
    found = read_sample(sample, config_of(tmp_path, fasta=True, opposite_strand=False), None)
    assert calls_of(found) == calls_of(bisulfite)
    assert found.fragments.gc == pytest.approx(bisulfite.fragments.gc)
    assert np.array_equal(found.fragments.motif_5p, bisulfite.fragments.motif_5p)


def test_five_base_letters_beside_another_chemistry_are_refused(tmp_path):
    reads = [five_base(read) for m in random_molecules(50, seed=15) for read in mates(m)]
    with (
        pytest.raises(InputError, match=r"says chemistry: em-seq; correct the sheet"),
        open_alignment(sample_of(tmp_path, reads, chemistry="em-seq"), config_of(tmp_path)),
    ):
        pass


def test_letters_beside_other_bases_are_refused(tmp_path):
    # The letters of a read, cut at the wrong end: as many as bases, and each one base off.
    reads = [read for m in random_molecules(100, seed=16) for read in mates(m)]
    assert converted_case(reads, "S") == "lower"
    for read in reads:
        read.set_tag("XM", read.get_tag("XM")[1:] + ".")
    with pytest.raises(InputError, match="don't belong to the bases of their reads"):
        converted_case(reads, "S")
    assert converted_case(reads[:1], "S") is None  # too few letters tell nothing


@pytest.mark.parametrize("strand", ["ct", "AC_TTGCA_GG", "CT;"])
def test_foreign_strand_tags_are_named(tmp_path, strand):
    reads = [read for m in random_molecules(50, seed=17) for read in mates(m)]
    for read in reads:
        read.set_tag("XG", strand)
    for config in (config_of(tmp_path), config_of(tmp_path, fasta=True)):
        with (
            pytest.raises(InputError, match=r"100 of 100 reads with XM and XG .* where CT or GA belongs"),
            open_alignment(sample_of(tmp_path, reads), config),
        ):
            pass
    # The named way out works.
    sample = sample_of(tmp_path, reads, methylation="reference")
    assert read_sample(sample, config_of(tmp_path, fasta=True), None).qc.counts.calls > 0


def test_some_letters_of_another_length_are_a_warning_and_all_are_refused(tmp_path):
    reads = [read for m in random_molecules(200, seed=18) for read in mates(m)]
    for read in reads[: len(reads) // 10]:
        read.set_tag("XM", read.get_tag("XM")[:-1])
    qc = read_sample(sample_of(tmp_path, reads), config_of(tmp_path), None).qc
    assert qc.counts.letters_misfit == 40
    assert [line for line in qc.warnings if line.startswith("40 of 400 reads have no calls")]
    for read in reads:
        read.set_tag("XM", "...")
    with (
        pytest.raises(InputError, match=r"letters for .* bases"),
        open_alignment(sample_of(tmp_path, reads), config_of(tmp_path)),
    ):
        pass


def test_a_declared_dialect_without_its_tags_ends_with_the_way_out(tmp_path):
    # The first reads are untagged and there are more of them: what is declared is trusted, and then judged.
    reads = [read for m in random_molecules(5_100, seed=19) for read in mates(m, tags=False)]
    qc = read_sample(sample_of(tmp_path, reads, methylation="xm"), config_of(tmp_path), None).qc
    assert qc.obstacle is not None
    assert "no CpG calls by methylation: xm; set methylation: none" in obstacle_words(qc.obstacle)


def test_strand_tag_alone_takes_the_reference(tmp_path):
    molecules = random_molecules(200, seed=20)
    reads = [read for m in molecules for read in mates(m)]
    by_letters = read_sample(sample_of(tmp_path, reads), config_of(tmp_path), None)
    for read in reads:
        read.set_tag("XM", None)
    with (
        pytest.raises(InputError, match=r"only by comparison with the reference; set reference\.fasta"),
        open_alignment(sample_of(tmp_path, reads), config_of(tmp_path)),
    ):
        pass
    found = read_sample(sample_of(tmp_path, reads), config_of(tmp_path, fasta=True), None)
    assert found.qc.dialect == "reference"
    assert found.qc.counts.calls == by_letters.qc.counts.calls


def test_clipped_ends_are_counted_and_motifs_are_of_the_alignment(tmp_path):
    reads = []
    for molecule in random_molecules(100, seed=21):
        forward, reverse = mates(molecule, tags=False)
        for read, tail in ((forward, "ACGTACGT"), (reverse, "TTTTCCCC")):
            qualities = [30] * (read.query_length + 8)
            sequence, size = read.query_sequence, read.query_length
            if read.is_reverse:
                read.query_sequence, read.cigarstring = sequence + tail, f"{size}M8S2H"
            else:
                read.query_sequence, read.cigarstring = tail + sequence, f"1H8S{size}M"
            read.query_qualities = pysam.qualitystring_to_array("".join(chr(33 + q) for q in qualities))
            reads.append(read)
    settings = config_of(tmp_path, methylation="none")
    found = read_sample(sample_of(tmp_path, reads), settings, None)
    plain = [r for m in random_molecules(100, seed=21) for r in mates(m, tags=False)]
    as_aligned = read_sample(sample_of(tmp_path, plain), settings, None)
    assert np.array_equal(found.fragments.motif_5p, as_aligned.fragments.motif_5p)
    assert np.array_equal(found.fragments.motif_3p, as_aligned.fragments.motif_3p)
    assert (found.qc.counts.clipped_ends, as_aligned.qc.counts.clipped_ends) == (200, 0)
    assert [line for line in found.qc.warnings if line.startswith("100% of the fragments' ends are clipped")]
    assert as_aligned.qc.warnings == ()


@pytest.mark.parametrize("without", ["forward", "reverse"])
def test_unknown_qualities_never_win(tmp_path, without):
    # Both mates read the whole molecule and disagree everywhere. One has qualities, the other "*".
    reads, right = [], {}
    for molecule in random_molecules(60, seed=22):
        small = replace(molecule, length=70, read_length=70)
        forward, reverse = mates(small)
        known = reverse if without == "forward" else forward
        unknown = forward if without == "forward" else reverse
        swap = str.maketrans("CT", "TC") if small.strand == "CT" else str.maketrans("GA", "AG")
        letters, bases = unknown.get_tag("XM"), unknown.query_sequence
        unknown.query_sequence = "".join(
            base.translate(swap) if letter in "zZ" else base
            for base, letter in zip(bases, letters, strict=True)
        )
        unknown.set_tag("XM", letters.translate(str.maketrans("zZ", "Zz")))
        unknown.query_qualities = None
        reads += [forward, reverse]
        right[small.start] = [letter == "Z" for letter in known.get_tag("XM") if letter in "zZ"]
    found = read_sample(sample_of(tmp_path, reads), config_of(tmp_path, discordant="quality"), None)
    calls = calls_of(found)
    assert sum(map(len, calls.values())) > 20
    for (start, _), states in calls.items():
        inside = [state == 1 for _, state in states]
        assert inside == right[start][: len(inside)] or inside == right[start][-len(inside) :]
