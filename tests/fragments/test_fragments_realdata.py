"""Third-party alignments with known answers; see the README beside them."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import replace

import numpy as np
import pysam
import pytest
from msgspec import structs
from reference_decode import reference_hash
from two_decoders import assert_identical, assert_same_extraction, kernels, opened, readable, settings_of

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.fragments.alignment import open_alignment
from cfdna_interp.fragments.extraction import read_sample
from cfdna_interp.fragments.filters import REASONS

pytestmark = pytest.mark.realdata

BISULFITE = ("dragen-pe-unsort-xg-xm.bam", "dragen-pe-namesort-xg-xm.bam", "bwameth-pe-unsort-yd.bam")


@pytest.fixture(scope="module")
def plasma(realdata):
    folder = realdata / "plasma_wgs"
    config = Config(
        sheet="s",
        outdir="o",
        reference=Reference(fasta=str(folder / "hg19.chr1.first10Mb.fa.gz")),
        extract=Extract(methylation="none", fragments_per_sample=100_000),
    )
    return Sample("S", "P", str(folder / "hg19.chr1.6Mb.cram"), 1, "discovery"), config


@pytest.fixture(scope="module")
def plasma_reads(plasma):
    """Primary mapped records, by pysam."""
    sample, config = plasma
    with pysam.AlignmentFile(sample.bam, reference_filename=config.reference.fasta) as file:
        return [read for read in file.fetch(until_eof=True) if not read.flag & 0x904]


@pytest.fixture(scope="module")
def extraction(plasma):
    return read_sample(*plasma, None)


def under(plasma, **extract):
    """The fragments of the plasma sample by other rules."""
    sample, config = plasma
    return read_sample(
        sample, structs.replace(config, extract=structs.replace(config.extract, **extract)), None
    ).fragments


def diversity(counts):
    """Motif diversity score: the entropy of 4-mers over its largest value."""
    shares = np.array([count for count in counts if count]) / sum(counts)
    return -(shares * np.log(shares)).sum() / np.log(256)


def aligned(read):
    """The aligned bases of a read, as sequenced."""
    bases = read.query_alignment_sequence
    return bases if read.is_forward else bases[::-1].translate(str.maketrans("ACGT", "TGCA"))


def test_plasma_reads_are_all_counted(extraction):
    counts = extraction.qc.counts
    assert extraction.qc.build == "GRCh37"
    assert counts.reads == 125_376
    assert counts.reads == sum(getattr(counts, reason) for reason in REASONS) + 2 * counts.fragments
    mapped = 125_376 - counts.unmapped - counts.secondary_supplementary
    # 2,700 records carry the flag, four of them unmapped or supplementary.
    assert round(extraction.qc.technical.duplicate_rate * mapped) == 2_696
    assert len(extraction.fragments) == counts.fragments


def test_plasma_fragments_by_our_definition(extraction, plasma_reads):
    # Two mates that face inward, no duplicate among them, both of MAPQ 20, 60 to 1,000 bp: counted by name.
    named = {}
    for read in plasma_reads:
        named.setdefault(read.query_name, []).append(read)
    lengths, ends, sequenced = [], Counter(), Counter()
    for reads in named.values():
        if len(reads) != 2:
            continue
        reverse, forward = sorted(reads, key=lambda read: read.is_forward)
        if reverse.is_forward or not forward.is_forward or forward.reference_id != reverse.reference_id:
            continue
        length = reverse.reference_end - forward.reference_start
        if any(read.is_duplicate or read.mapping_quality < 20 for read in reads) or not 60 <= length <= 1_000:
            continue
        lengths.append(length)
        ends.update(aligned(read)[:4] for read in reads)
        sequenced.update(read.get_forward_sequence()[:4] for read in reads)
    table = extraction.fragments
    assert len(lengths) == 50_200
    assert sorted(table.length.tolist()) == sorted(lengths)
    known = [count for motif, count in ends.items() if "N" not in motif]
    motifs = np.concatenate([table.motif_5p, table.motif_3p])
    counts = np.bincount(motifs[motifs >= 0], minlength=256).tolist()
    assert sorted(filter(None, counts)) == sorted(known)
    # Ours begin at the first aligned base. The score of the first sequenced ones, clipped or not, lies beside
    # that of all proper records (the next but one test).
    read_bases = [count for motif, count in sequenced.items() if "N" not in motif]
    assert diversity(read_bases) == pytest.approx(0.926459, abs=2e-5)
    assert diversity(counts) == pytest.approx(diversity(read_bases), abs=1e-3)
    # Aligners withhold the proper-pair flag from what is longer than one nucleosome: without it, a tail.
    assert (table.length > 300).mean() > 0.1


@pytest.mark.parametrize(
    ("min_mapq", "count", "mean", "short"), [(20, 44_231, 169.775, 16.32), (30, 42_931, 169.806, 16.24)]
)
def test_plasma_fragments_by_the_rules_of_finaletoolkit(plasma, min_mapq, count, mean, short):
    # FinaleToolkit 1.1.0 looks at first mates with the proper-pair flag, and at their own MAPQ alone; its
    # default is 30. Counts, mean length and percentage of at most 150 bp as its frag-length-bins prints them.
    lengths = under(plasma, pairs="proper", mapq_of="first", min_mapq=min_mapq).length
    assert len(lengths) == count
    assert round(float(lengths.mean()), 3) == mean
    assert round(100 * float((lengths <= 150).mean()), 2) == short
    assert lengths.max() < 300


@pytest.mark.parametrize(
    ("pairs", "min_mapq", "count"),
    [("inward", 30, 48_692), ("proper", 20, 44_108), ("proper", 30, 42_803)],
)
def test_plasma_fragments_by_the_other_rules_of_the_docs(plasma, plasma_reads, pairs, min_mapq, count):
    good = Counter(
        read.query_name
        for read in plasma_reads
        if read.mapping_quality >= min_mapq and not read.is_duplicate and read.is_proper_pair
    )
    if pairs == "proper":
        # Every proper pair lies on one contig, faces inward, and has 60 to 1,000 bp.
        assert sum(n == 2 for n in good.values()) == count
    assert len(under(plasma, pairs=pairs, mapq_of="both", min_mapq=min_mapq).length) == count


def test_plasma_motif_diversity(plasma_reads):
    # .926459 is of all proper, unique reads of MAPQ >= 20, each by its first four sequenced bases.
    ends = Counter(
        read.get_forward_sequence()[:4]
        for read in plasma_reads
        if read.is_proper_pair and not read.is_duplicate and read.mapping_quality >= 20
    )
    assert round(diversity([count for motif, count in ends.items() if "N" not in motif]), 6) == 0.926459


def test_plasma_by_kernels_and_readable_decoder(plasma):
    with open_alignment(*plasma) as alignment:
        settings = settings_of("none")
        assert_identical(kernels(alignment, settings), readable(alignment, settings))


def test_plasma_as_cram_and_as_bam_by_one_thread_and_two(plasma, extraction, tmp_path):
    sample, config = plasma
    path = str(tmp_path / "plasma.bam")
    # Not by samtools view, which takes the lengths of contigs from the FASTA, where chr1 is cut off.
    with (
        pysam.AlignmentFile(sample.bam, reference_filename=config.reference.fasta) as source,
        pysam.AlignmentFile(path, "wb", template=source) as target,
    ):
        for read in source.fetch(until_eof=True):
            target.write(read)
    pysam.index(path)
    assert_same_extraction(read_sample(sample, config, None, threads=2), extraction)
    for threads in (1, 2):
        assert_same_extraction(read_sample(replace(sample, bam=path), config, None, threads), extraction)


def sort(realdata, name, folder):
    """A bisulfite file in coordinate order with its index, and its contigs."""
    path = folder / name
    pysam.sort("-o", str(path), str(realdata / "bisulfite" / name))
    pysam.index(str(path))
    build = folder / "chr.tsv"
    build.write_text("".join(f"{contig}\t4900\n" for contig in ("ChrA", "ChrB", "ChrC")))
    return path, build


@pytest.fixture(scope="module")
def bisulfite(realdata, tmp_path_factory):
    """Name -> what the kernels make of the file."""
    folder = tmp_path_factory.mktemp("bisulfite")
    found = {}
    for name in BISULFITE[:2]:
        with opened(*sort(realdata, name, folder)) as alignment:
            found[name] = kernels(alignment, settings_of("xm", min_length=20))
    return found


@pytest.mark.parametrize("name", BISULFITE)
def test_bisulfite_by_kernels_and_readable_decoder(realdata, name, tmp_path):
    with opened(*sort(realdata, name, tmp_path)) as alignment:
        for ignore in ((0, 0), (5, 3)):
            settings = settings_of("xm" if "xm" in name else "none", min_length=20, ignore=ignore)
            found = kernels(alignment, settings)
            assert len(found.table) > 80
            assert_identical(found, readable(alignment, settings))


def test_bisulfite_order_of_records_does_not_matter(bisulfite):
    # The two files hold the same reads in other orders; those at one position stay as they came.
    one, other = (bisulfite[name] for name in BISULFITE[:2])
    assert one.counts == other.counts
    assert one.counts["fragments"] == 100
    np.testing.assert_array_equal(np.sort(one.hashes), np.sort(other.hashes))
    ours, theirs = (found.table.take(np.argsort(found.hashes)) for found in (one, other))
    for column in ("contig", "start", "length", "strand", "gc", "cpg_splits", "cpg_offsets", "cpg_states"):
        np.testing.assert_array_equal(getattr(ours, column), getattr(theirs, column))


def test_bisulfite_lengths_are_those_that_were_simulated(realdata, bisulfite):
    # Read names tell contig, first and last base of the molecule: 1_ChrB:897-1095.
    with pysam.AlignmentFile(str(realdata / "bisulfite" / BISULFITE[0])) as reads:
        names = {reference_hash(read.query_name, 5): read.query_name for read in reads.fetch(until_eof=True)}
    found = bisulfite[BISULFITE[0]]
    exact = 0
    for hashed, start, length in zip(
        found.hashes.tolist(), found.table.start, found.table.length, strict=True
    ):
        low, high = (int(x) for x in names[hashed].split(":")[1].split("-"))
        assert abs(start - (low - 1)) <= 12  # indels of the simulated reads
        exact += length == high - low + 1
    assert exact >= 80


def test_bisulfite_calls_beside_the_cytosine_report(realdata, bisulfite):
    found = bisulfite[BISULFITE[0]]
    table, totals = found.table, found.totals
    counts = totals.tally.counts
    raw = sum(int(mate[:, 1].sum()) for mate in totals.m_bias)
    assert raw == 517
    # One call per molecule and CpG. The report counts 389: where both mates are aligned it counts the first
    # alone. At three positions of the reverse strand (ChrA 281, ChrA 3157, ChrC 4505) the first mate has a
    # sequencing error and no call, and the second mate's call, which counts here, is not in the report.
    once = raw - counts["overlap_calls_merged"] - counts["overlap_calls_discordant"]
    report = Counter()
    with gzip.open(realdata / "bisulfite" / "dragen-pe.CX_report.txt.gz", "rt") as lines:
        for line in lines:
            contig, position, strand, methylated, unmethylated, context, _ = line.split()
            if context == "CG":
                c = int(position) - (1 if strand == "+" else 2)
                report[contig, c, strand] = int(methylated) + int(unmethylated)
    assert sum(report.values()) == 389
    assert once == 392
    # Discordant calls and calls beyond a molecule's ends (mates of 151 bases, molecules down to 73 bp)
    # are not in the table; none of it may exceed the report elsewhere.
    fragment = np.repeat(np.arange(100), table.cpg_counts)
    ours = Counter(
        (table.contig_names[table.contig[f]], int(table.start[f] + o), "+" if table.strand[f] > 0 else "-")
        for f, o in zip(fragment, table.cpg_offsets, strict=True)
    )
    more = {place: n - report[place] for place, n in ours.items() if n > report[place]}
    assert set(more.values()) <= {1}
    assert set(more) <= {("ChrA", 279, "-"), ("ChrA", 3155, "-"), ("ChrC", 4503, "-")}
    assert sum(ours.values()) == len(table.cpg_states) > 300
