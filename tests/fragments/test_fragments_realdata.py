"""Third-party alignments with known answers; see the README beside them."""

from __future__ import annotations

import gzip
from collections import Counter

import numpy as np
import pysam
import pytest

from cfdna_interp.artifacts.fragments import MOTIFS
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.fragments.alignment import open_alignment
from cfdna_interp.fragments.bases import end_motif
from cfdna_interp.fragments.decode import Settings, Totals, decode_reads
from cfdna_interp.fragments.extract import read_sample
from cfdna_interp.fragments.filters import REASONS, Rules, Tally
from cfdna_interp.fragments.pairing import pair_reads

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def plasma(realdata):
    folder = realdata / "plasma_wgs"
    config = Config(
        sheet="s",
        outdir="o",
        reference=Reference(fasta=str(folder / "hg19.chr1.first10Mb.fa.gz")),
        extract=Extract(methylation="none", fragments_per_sample=100_000, max_length=20_000, min_length=20),
    )
    return Sample("S", "P", str(folder / "hg19.chr1.6Mb.cram"), 1, "discovery"), config


@pytest.fixture(scope="module")
def plasma_reads(plasma):
    with open_alignment(*plasma) as alignment:
        assert alignment.build == "GRCh37"
        return list(alignment.reads())


def test_plasma_fragments(plasma):
    extraction = read_sample(*plasma, None)
    counts = extraction.qc["counts"]
    assert counts["reads"] == 125_376
    assert counts["reads"] == sum(counts[reason] for reason in REASONS) + 2 * counts["fragments"]
    mapped = 125_376 - counts["unmapped"] - counts["secondary_supplementary"]
    # 2,700 records carry the flag, four of them unmapped or supplementary.
    assert round(extraction.qc["technical"]["duplicate_rate"] * mapped) == 2_696
    assert len(extraction.fragments) == counts["fragments"]


def test_plasma_count_of_proper_first_mates(plasma_reads):
    # The published 44,231 counts first mates: proper pair, no duplicate, their own MAPQ >= 20. Our own rule
    # asks the MAPQ of both mates, and direction instead of the flag.
    anything = Rules(contigs=frozenset(range(100)), min_mapq=0, min_length=1, max_length=10**9)
    counted = 0
    for pair in pair_reads(plasma_reads, anything, Tally()):
        first = next(read for read in pair if read.is_read1)
        counted += first.is_proper_pair and first.mapping_quality >= 20
    assert counted == 44_231


def test_plasma_lengths_beside_finaletoolkit(plasma_reads):
    # FinaleToolkit: 42,931 fragments by the proper-pair flag, mean 169.806, 16.24 % of at most 150 bp.
    rules = Rules(contigs=frozenset(range(100)), min_length=1, max_length=10**9)
    spans = np.array(
        [
            (reverse.reference_end - forward.reference_start, forward.is_proper_pair)
            for forward, reverse in pair_reads(plasma_reads, rules, Tally())
        ]
    )
    proper = spans[spans[:, 1] == 1, 0]
    assert abs(len(proper) - 42_931) / 42_931 < 0.03
    assert proper.mean() == pytest.approx(169.806, abs=0.1)
    assert (proper <= 150).mean() == pytest.approx(0.1624, abs=0.001)
    # The flag loses what is longer than one nucleosome: all of it.
    assert proper.max() < 300
    assert (spans[:, 0] > 300).mean() > 0.1


def test_plasma_motif_diversity(plasma_reads):
    # .926459 is of all proper, unique reads of MAPQ >= 20, each by its first four sequenced bases.
    codes = np.full(256, 4, dtype=np.uint8)
    codes[list(b"ACGT")] = range(4)
    ends = []
    for read in plasma_reads:
        unique = read.is_proper_pair and not read.is_duplicate and not read.is_supplementary
        if unique and read.mapping_quality >= 20:
            ends.append(np.frombuffer(read.get_forward_sequence()[:4].encode(), dtype=np.uint8))
    motifs = end_motif(codes[np.array(ends)])
    shares = np.bincount(motifs[motifs >= 0], minlength=len(MOTIFS)) / (motifs >= 0).sum()
    shares = shares[shares > 0]
    assert -(shares * np.log(shares)).sum() / np.log(256) == pytest.approx(0.926459, abs=1e-6)


def test_plasma_motif_diversity_of_fragments(plasma):
    # The same score over our fragments (both mates, direction instead of flag): 50,250 instead of 44,108.
    table = read_sample(*plasma, None).fragments
    ends = np.concatenate([table.motif_5p, table.motif_3p])
    shares = np.bincount(ends[ends >= 0], minlength=256) / (ends >= 0).sum()
    shares = shares[shares > 0]
    assert -(shares * np.log(shares)).sum() / np.log(256) == pytest.approx(0.926459, abs=2e-4)


def bisulfite(realdata, name):
    with pysam.AlignmentFile(str(realdata / "bisulfite" / name)) as file:
        totals = Totals()
        settings = Settings(Rules(contigs=frozenset(range(3)), min_length=20), "xm", seed=1)
        names = tuple(file.references)
        (chunk,) = decode_reads(file.fetch(until_eof=True), names, settings, totals)
    return chunk, totals


def test_bisulfite_order_of_records_does_not_matter(realdata):
    tables = []
    for name in ("dragen-pe-unsort-xg-xm.bam", "dragen-pe-namesort-xg-xm.bam"):
        chunk, totals = bisulfite(realdata, name)
        assert totals.tally.counts["fragments"] == 100
        tables.append(
            (chunk.table.take(np.argsort(chunk.hashes)), np.sort(chunk.hashes), totals.tally.counts)
        )
    (one, one_hashes, one_counts), (other, other_hashes, other_counts) = tables
    np.testing.assert_array_equal(one_hashes, other_hashes)
    assert one_counts == other_counts
    for column in ("contig", "start", "length", "strand", "gc", "cpg_splits", "cpg_offsets", "cpg_states"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))


def test_bisulfite_lengths_are_those_that_were_simulated(realdata):
    # Read names tell contig, first and last base of the molecule: 1_ChrB:897-1095.
    file = realdata / "bisulfite" / "dragen-pe-namesort-xg-xm.bam"
    with pysam.AlignmentFile(str(file)) as reads:
        pairs = list(
            pair_reads(reads.fetch(until_eof=True), Rules(frozenset(range(3)), min_length=20), Tally())
        )
    exact = 0
    for forward, reverse in pairs:
        low, high = (int(x) for x in forward.query_name.split(":")[1].split("-"))
        assert abs(forward.reference_start - (low - 1)) <= 12  # indels of the simulated reads
        exact += reverse.reference_end - forward.reference_start == high - low + 1
    assert exact >= 80


def test_bisulfite_calls_beside_the_cytosine_report(realdata):
    chunk, totals = bisulfite(realdata, "dragen-pe-unsort-xg-xm.bam")
    counts = totals.tally.counts
    raw = sum(int(mate[:, 1].sum()) for mate in totals.m_bias)
    assert raw == 517
    # One call per molecule and CpG. The report counts 389: it has one less at three positions of the
    # reverse strand (ChrA 281, ChrA 3157, ChrC 4505) where the records themselves hold one more.
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
    table = chunk.table
    fragment = np.repeat(np.arange(100), table.cpg_counts)
    ours = Counter(
        (table.contig_names[table.contig[f]], int(table.start[f] + o), "+" if table.strand[f] > 0 else "-")
        for f, o in zip(fragment, table.cpg_offsets, strict=True)
    )
    more = {place: n - report[place] for place, n in ours.items() if n > report[place]}
    assert set(more.values()) <= {1}
    assert set(more) <= {("ChrA", 279, "-"), ("ChrA", 3155, "-"), ("ChrC", 4503, "-")}
    assert sum(ours.values()) == len(table.cpg_states) > 300
