"""Reads of whole molecules, inverted chemistries, mates judged by quality: through a file and the sheet."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np
import pysam
import pytest
from bams import GENOME, Molecule, mates, write_bam, write_build
from msgspec import structs

from cfdna_interp.artifacts.fragments import MOTIFS
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.extraction import Extraction, read_sample
from cfdna_interp.fragments.filters import REASONS

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def extraction(tmp_path: Path, records: list[pysam.AlignedSegment], **options: object) -> Extraction:
    sheet = {name: options.pop(name) for name in ("reads", "chemistry", "methylation") if name in options}
    config = Config(
        sheet="s.tsv",
        outdir="out",
        reference=Reference(build=str(write_build(tmp_path / "made-up.tsv"))),
        extract=Extract(**{"contigs": "all", "min_fragments": 1, **options}),
    )
    sample = Sample("S7", "P7", str(write_bam(tmp_path / "s.bam", records)), 1, "discovery", **sheet)
    return read_sample(sample, config, None)


def molecule(
    name: str, start: int, length: int, letters: dict[int, str], flag: int = 0
) -> pysam.AlignedSegment:
    """An unpaired read of the reference from ``start`` on, with XM letters at some of its bases."""
    read = mates(Molecule(name, start, 80))[0]
    read.flag = flag
    read.next_reference_id, read.next_reference_start, read.template_length = -1, -1, 0
    read.query_sequence = GENOME["chr1"][start : start + length]
    read.query_qualities = pysam.qualitystring_to_array("F" * length)
    read.cigartuples = [(0, length)]
    text = "".join(letters.get(base, ".") for base in range(length))
    read.set_tag("XM", text)
    read.set_tag("XG", "CT")
    return read


def test_each_read_is_a_fragment_by_itself(tmp_path):
    reads = [
        molecule("a", 500, 300, {0: "Z", 10: "z", 299: "Z"}),
        molecule("b", 600, 150, {5: "z"}, flag=16),
        molecule("short", 700, 40, {}),  # under 60 bp
        molecule("low", 800, 100, {}),
        molecule("again", 900, 100, {}, flag=1_024),
    ]
    reads[3].mapping_quality = 5
    found = extraction(tmp_path, reads, reads="single")
    table = found.fragments
    assert table.start.tolist() == [500, 600]
    assert table.length.tolist() == [300, 150]
    assert table.cpg_splits.tolist() == [0, 3, 4]
    assert table.cpg_offsets.tolist() == [0, 10, 299, 5]
    assert table.cpg_states.tolist() == [1, 0, 1, 0]
    assert table.strand.tolist() == [1, 1]
    # Both motifs come from the one read: its first four bases, and the complement of its last four.
    for row, (start, end) in enumerate([(500, 800), (600, 750)]):
        sequence = GENOME["chr1"][start:end]
        assert MOTIFS[table.motif_5p[row]] == sequence[:4]
        assert MOTIFS[table.motif_3p[row]] == sequence[-4:].translate(COMPLEMENT)[::-1]
    counts = found.qc.counts
    assert (counts.length_out_of_range, counts.low_mapq, counts.duplicate) == (1, 1, 1)
    assert counts.reads == counts.fragments + sum(getattr(counts, reason) for reason in REASONS) == 5
    # GC of the first: its G and C, and one more for the base that was converted.
    sequence = GENOME["chr1"][500:800]
    assert table.gc[0] == np.float32((sequence.count("G") + sequence.count("C") + 1) / 300)


def test_ends_are_counted_as_sequenced(tmp_path):
    # Read against the reference, the molecule's first base sequenced is its last one.
    letters = {2: "Z", 150: "z", 297: "Z"}
    for flag, kept, places in ((0, [150, 297], [2, 150, 297]), (16, [2, 150], [2, 149, 297])):
        read = molecule("a", 500, 300, letters, flag)
        found = extraction(tmp_path, [read], reads="single", ignore_5p=5)
        assert found.fragments.cpg_offsets.tolist() == kept
        counted = np.array(found.qc.m_bias.read1)[:, 1]
        assert np.flatnonzero(counted).tolist() == places
        both = extraction(tmp_path, [read], reads="single", ignore_5p=5, ignore_3p=5)
        assert both.fragments.cpg_offsets.tolist() == [150]


@pytest.mark.parametrize(
    ("records", "declared", "words"),
    [
        ([molecule("a", 500, 300, {})], "", "is single-end; .*reads: single in the sheet"),
        (mates(Molecule("a", 500, 100)), "single", "is paired-end, but the sheet says reads: single"),
    ],
)
def test_the_sheet_and_the_file_must_agree(tmp_path, records, declared, words):
    with pytest.raises(InputError, match=rf"^sample S7: .*s\.bam {words}"):
        extraction(tmp_path, records, reads=declared)


def overlapping(qualities: tuple[int, int]) -> tuple[list[pysam.AlignedSegment], int]:
    """Mates that read a CpG both, and the position of one on which they disagree: Z, then z."""
    whole = Molecule("m", 1_000, 80, methylated=frozenset(range(1_000, 1_080)))
    forward, reverse = mates(whole)
    both = range(reverse.reference_start, forward.reference_end - 1)
    position = next(p for p in both if GENOME["chr1"][p : p + 2] == "CG")
    at = position - reverse.reference_start
    letters = reverse.get_tag("XM")
    reverse.set_tag("XM", letters[:at] + "z" + letters[at + 1 :])
    for read, quality in zip((forward, reverse), qualities, strict=True):
        read.query_qualities = [quality] * read.query_length
    return [forward, reverse], position


@pytest.mark.parametrize(
    ("rule", "qualities", "state"),
    [
        ("drop", (40, 20), None),
        ("quality", (40, 20), 1),
        ("quality", (20, 40), 0),
        ("quality", (30, 30), None),  # equal qualities decide nothing
    ],
)
def test_mates_that_disagree(tmp_path, rule, qualities, state):
    reads, position = overlapping(qualities)
    found = extraction(tmp_path, reads, discordant=rule)
    calls = dict(zip(found.fragments.cpg_offsets.tolist(), found.fragments.cpg_states.tolist(), strict=True))
    assert calls.pop(position - 1_000, None) == state
    assert set(calls.values()) == {1}
    assert found.qc.counts.overlap_calls_discordant == 1


def test_taps_inverts_states_and_nothing_else(tmp_path):
    reads = [read for number in range(5) for read in mates(Molecule(f"m{number}", 2_000 + 300 * number, 150))]
    plain = extraction(tmp_path, reads, chemistry="bisulfite")
    inverted = extraction(tmp_path, reads, chemistry="taps")
    assert inverted.fragments.cpg_states.tolist() == [1 - state for state in plain.fragments.cpg_states]
    for name in ("start", "length", "gc", "motif_5p", "motif_3p", "cpg_offsets", "cpg_splits", "strand"):
        assert np.array_equal(getattr(inverted.fragments, name), getattr(plain.fragments, name)), name
    mates_of = [np.array(found.qc.m_bias.read1) for found in (plain, inverted)]
    assert np.array_equal(mates_of[0][:, 1], mates_of[1][:, 1])
    assert np.array_equal(mates_of[0][:, 0] + mates_of[1][:, 0], mates_of[0][:, 1])


def test_modified_bases_say_what_is_methylated_whatever_the_chemistry(tmp_path):
    read = molecule("a", 500, 300, {})
    read.set_tag("XM", None)
    read.set_tag("XG", None)
    cytosines = read.query_sequence.count("C")
    read.set_tag("MM", "C+m?" + ",0" * cytosines + ";")
    read.set_tag("ML", array("B", [250] * cytosines))
    plain, taps = (extraction(tmp_path, [read], reads="single", chemistry=name) for name in ("", "taps"))
    assert plain.qc.dialect == "mm"
    assert len(plain.fragments.cpg_states) == read.query_sequence.count("CG")
    assert set(plain.fragments.cpg_states.tolist()) == {1}
    assert taps.fragments.cpg_states.tolist() == plain.fragments.cpg_states.tolist()


@pytest.mark.realdata
def test_nanopore_reads_are_fragments(realdata, tmp_path):
    path = realdata / "modified_bases" / "bc_anchored_10_reads.sorted.bam"
    with pysam.AlignmentFile(path) as file:
        table = "".join(f"{name}\t{size}\n" for name, size in zip(file.references, file.lengths, strict=True))
        spans = sorted((r.reference_start, r.reference_length, r.is_reverse) for r in file)
    (tmp_path / "ladder.tsv").write_text(table)
    config = Config(
        sheet="s.tsv",
        outdir="out",
        reference=Reference(build=str(tmp_path / "ladder.tsv")),
        extract=Extract(contigs="all", min_fragments=1, min_mapq=0),
    )
    sample = Sample("S7", "P7", str(path), 1, "discovery", reads="single")
    found = read_sample(sample, config, None)
    assert found.qc.dialect == "mm"
    fragments = found.fragments
    rows = zip(
        fragments.start.tolist(), fragments.length.tolist(), (fragments.strand < 0).tolist(), strict=True
    )
    assert sorted(rows) == spans
    assert found.qc.technical.conversion is None
    assert found.qc.modified_bases.hydroxymethylated > 0
    strict = read_sample(
        sample, structs.replace(config, extract=structs.replace(config.extract, mm_threshold=0.99)), None
    )
    assert len(strict.fragments.cpg_states) < len(fragments.cpg_states)
