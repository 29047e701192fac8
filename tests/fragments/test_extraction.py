from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from bams import GENOME, Molecule, mates, random_molecules, write_atlas, write_bam, write_build
from msgspec import structs
from reference_decode import reference_hash
from two_decoders import assert_same_extraction

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.features.sample_words import obstacle_words
from cfdna_interp.fragments import alignment, bgzf, extraction
from cfdna_interp.fragments.extraction import Reservoir, failed, read_sample
from cfdna_interp.fragments.filters import REASONS
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.qc import FewFragments, SampleQuality, Unreadable


@pytest.fixture
def config(tmp_path):
    extract = Extract(fragments_per_sample=100, min_fragments=10)
    build = str(write_build(tmp_path / "g.tsv"))
    return Config(sheet="s", outdir="o", seed=3, reference=Reference(build=build), extract=extract)


MOLECULES = random_molecules(400, seed=21)


def library(tmp_path, molecules=MOLECULES, name="s.bam"):
    reads = [read for molecule in molecules for read in mates(molecule)]
    return Sample("S", "P", str(write_bam(tmp_path / name, reads)), 1, "discovery")


def test_subsample_is_the_smallest_hashes_sorted(tmp_path, config):
    table = read_sample(library(tmp_path), config, None).fragments
    chosen = sorted(MOLECULES, key=lambda m: reference_hash(m.name, 3))[:100]
    expected = sorted((m.start, m.length) for m in chosen)
    assert list(zip(table.start.tolist(), table.length.tolist(), strict=True)) == expected


def test_another_seed_takes_others_and_a_larger_subsample_holds_the_smaller(tmp_path, config):
    sample = library(tmp_path)

    def starts(**changes):
        return set(read_sample(sample, structs.replace(config, **changes), None).fragments.start.tolist())

    small = starts()
    assert starts(seed=4) != small
    assert small < starts(extract=structs.replace(config.extract, fragments_per_sample=200))


def test_the_order_of_reads_with_equal_starts_does_not_matter(tmp_path, config):
    one = read_sample(library(tmp_path), config, None)
    other = read_sample(library(tmp_path, MOLECULES[::-1], "t.bam"), config, None)
    assert_same_extraction(one, other)


def test_reservoir_is_bounded_and_blind_to_order():
    table = read_only(2_000)
    hashes = np.random.default_rng(0).permutation(2_000).astype(np.uint64)
    forward, backward = Reservoir(50), Reservoir(50)
    for rows in np.array_split(np.arange(2_000), 9):
        forward.add(table.take(rows), hashes[rows])
    for rows in np.array_split(np.arange(2_000)[::-1], 4):
        backward.add(table.take(rows), hashes[rows])
    expected = np.sort(np.flatnonzero(hashes < 50))  # starts are row numbers
    assert forward.smallest(50).start.tolist() == backward.smallest(50).start.tolist() == expected.tolist()
    assert len(forward.smallest(7)) == 7
    assert Reservoir(5).smallest(5) is None


def read_only(count):
    from test_profile import table

    return table([(0, row, 100, 0, 0, {}) for row in range(count)])


def test_profile_counts_all_fragments_not_the_subsample(tmp_path, config):
    lengths = read_sample(library(tmp_path), config, None).profile.counts["length_1bp"]
    expected = np.bincount([m.length for m in MOLECULES])
    assert {int(k): int(v[0]) for k, v in lengths.items()} == {
        int(length): int(expected[length]) for length in np.flatnonzero(expected)
    }


def test_common_number_equalises_depth(tmp_path, config):
    settings = structs.replace(config, extract=structs.replace(config.extract, common_fragments=150))
    extraction = read_sample(library(tmp_path), settings, None)
    chosen = sorted(MOLECULES, key=lambda m: reference_hash(m.name, 3))[:150]
    expected = np.bincount([m.length for m in chosen])
    lengths = extraction.profile.counts["length_1bp"]
    assert {int(k): int(v[0]) for k, v in lengths.items()} == {
        int(length): int(expected[length]) for length in np.flatnonzero(expected)
    }
    # The true number of fragments stays a technical column.
    assert extraction.qc.technical.fragments == 400
    assert extraction.qc.decision == "keep"
    short = structs.replace(config, extract=structs.replace(config.extract, common_fragments=401))
    qc = read_sample(library(tmp_path), short, None).qc
    assert qc.decision == "exclude"
    assert qc.obstacle == FewFragments(
        fragments=400, needed=401, setting="common_fragments", largest_loss=None
    )
    assert obstacle_words(qc.obstacle) == "400 fragments are fewer than extract.common_fragments (401)"


def test_too_few_fragments_are_excluded_with_the_largest_loss(tmp_path, config):
    poor = [replace(molecule, mapq=(60, 0)) for molecule in MOLECULES[:300]]
    settings = structs.replace(config, extract=structs.replace(config.extract, min_fragments=200))
    qc = read_sample(library(tmp_path, [*poor, *MOLECULES[300:]]), settings, None).qc
    assert qc.decision == "exclude"
    assert qc.obstacle is not None
    assert obstacle_words(qc.obstacle) == (
        "100 fragments are fewer than extract.min_fragments (200); "
        "the largest loss: 600 of 800 reads looked at are under extract.min_mapq (low_mapq); likely cause: "
        "they align to several places about as well; look at trimming and contamination, or lower "
        "extract.min_mapq"
    )


def test_quality_record_by_hand(tmp_path, config):
    molecules = [
        Molecule("a", 1_000, 100),
        Molecule("b", 2_000, 700, read_length=40),
        Molecule("c", 3_000, 100, flag=0x400),
        Molecule("d", 3_000, 100, mapq=(60, 5)),
    ]
    qc = read_sample(library(tmp_path, molecules), config, None).qc
    technical = qc.technical
    assert technical.fragments == 2
    assert technical.duplicate_rate == 2 / 8
    assert technical.mapq_loss == 1 / 6  # one of the six reads that are no duplicates
    assert technical.read_length == 60  # the longest read: means follow the lengths of fragments
    assert technical.conversion == 1.0
    assert technical.over_600bp == 0.5
    counts = qc.counts
    assert counts.reads == sum(getattr(counts, reason) for reason in REASONS) + 2 * counts.fragments
    assert (qc.sample, qc.dialect, qc.build, qc.simulated) == ("S", "xm", "g", False)
    assert 0 < len(qc.m_bias.read1) <= 60
    save_record(qc, tmp_path / "qc.json")
    assert load_record(SampleQuality, tmp_path / "qc.json") == qc


def test_an_unusable_sample_is_valid_and_empty(tmp_path):
    extraction = failed(Sample("S", "P", "x.bam", 1, "discovery"), "x.bam is empty")
    extraction.fragments.save(tmp_path / "f.parquet")
    loaded = type(extraction.fragments).load(tmp_path / "f.parquet")
    assert len(loaded) == 0
    assert extraction.qc.decision == "exclude"
    assert extraction.qc.obstacle == Unreadable(message="x.bam is empty")
    assert extraction.qc.technical.gc is None


MANY = [
    *random_molecules(900, seed=51),
    *random_molecules(500, seed=52, contig="chr2", prefix="n"),
    *random_molecules(300, seed=53, contig="chrX", prefix="x"),
    *[replace(m, flag=0x400, name=f"d{m.name}") for m in random_molecules(90, seed=54)],
    *[replace(m, mapq=(60, 3), name=f"q{m.name}") for m in random_molecules(80, seed=55, contig="chr2")],
    Molecule("long", 20_000, 900),
]


def other_reads():
    """Reads that join two contigs, that have no mate, that have no place."""
    split = mates(Molecule("split", 25_000, 200))
    split[0].next_reference_id = 1
    split[1].reference_id, split[1].next_reference_id, split[1].reference_start = 1, 0, 500
    nowhere = mates(Molecule("nowhere", 500, 150), tags=False)
    for read in nowhere:
        read.flag, read.reference_id, read.next_reference_id = 0x4D, -1, -1
        read.reference_start, read.next_reference_start = -1, -1
    return [*split, *nowhere, mates(Molecule("lonely", 30_000, 200))[0]]


@pytest.fixture
def many(tmp_path, config):
    """A BAM of three contigs, settings that use them all, an atlas."""
    reads = [*other_reads(), *(read for molecule in MANY for read in mates(molecule))]
    sample = Sample("S", "P", str(write_bam(tmp_path / "many.bam", reads)), 1, "discovery")
    blocks = [("chr1", low, low + 900, "a", "U") for low in range(1_000, 50_000, 5_000)]
    path = write_atlas(tmp_path / "a.tsv", blocks, {"a": [0.1] * 10, "b": [0.9] * 10})
    settings = structs.replace(
        config, extract=structs.replace(config.extract, contigs="all", fragments_per_sample=700)
    )
    return sample, settings, Atlas.load(path)


def as_cram(sample, config, path):
    """The sample as CRAM, and settings that have its reference."""
    fasta = path.parent / "genome.fa"
    fasta.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in GENOME.items()))
    pysam.faidx(str(fasta))
    with (
        pysam.AlignmentFile(sample.bam) as source,
        pysam.AlignmentFile(str(path), "wc", template=source, reference_filename=str(fasta)) as target,
    ):
        for read in source.fetch(until_eof=True):
            target.write(read)
    pysam.index(str(path))
    return replace(sample, bam=str(path)), structs.replace(
        config, reference=structs.replace(config.reference, fasta=str(fasta))
    )


def test_threads_change_nothing(many):
    sample, config, atlas = many
    alone = read_sample(sample, config, atlas)
    counts = alone.qc.counts
    assert counts.reads == 2 * len(MANY) + 5
    assert counts.fragments == 900 + 500 + 300 + 1
    assert {
        k: getattr(counts, k) for k in ("unmapped", "mate_elsewhere", "duplicate", "low_mapq", "mate_missing")
    } == {
        "unmapped": 2,
        "mate_elsewhere": 2,
        "duplicate": 180,
        "low_mapq": 160,
        "mate_missing": 1,
    }
    assert len(alone.profile.counts["block_uxm"]) == 10
    for threads in (2, 3):
        assert_same_extraction(read_sample(sample, config, atlas, threads), alone)


def test_more_threads_read_more_parts(many, monkeypatch):
    sample, config, _ = many
    asked = []

    def shards(source, parts):
        asked.append(parts)
        found = alignment.shards(source, parts)
        assert len(found) == 3  # one a contig
        return found

    monkeypatch.setattr(extraction, "shards", shards)
    read_sample(sample, config, None)
    assert asked == []
    read_sample(sample, config, None, threads=2)
    assert asked == [8]


def test_the_common_number_is_the_same_for_any_threads(many):
    sample, config, atlas = many
    config = structs.replace(config, extract=structs.replace(config.extract, common_fragments=333))
    assert_same_extraction(read_sample(sample, config, atlas, threads=3), read_sample(sample, config, atlas))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_cram_of_the_same_reads_gives_the_same(tmp_path, many, threads):
    sample, config, atlas = many
    cram, with_fasta = as_cram(sample, config, tmp_path / "many.cram")
    assert_same_extraction(
        read_sample(cram, with_fasta, atlas, threads), read_sample(sample, with_fasta, atlas)
    )


@pytest.mark.parametrize("contigs", ["autosomes", ("chr2",)])
def test_contigs_out_of_use_are_counted_by_any_threads(many, contigs):
    sample, config, atlas = many
    config = structs.replace(config, extract=structs.replace(config.extract, contigs=contigs))
    alone = read_sample(sample, config, atlas)
    assert alone.qc.counts.off_contig == 2 * sum(
        m.contig not in (("chr1", "chr2") if contigs == "autosomes" else contigs) for m in MANY
    ) + 2 * (contigs == ("chr2",))
    assert_same_extraction(read_sample(sample, config, atlas, threads=2), alone)


def test_a_file_of_one_contig_is_inflated_ahead(tmp_path, config, monkeypatch):
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr1", "LN": 60_000}]}
    )
    reads = [read for m in MANY if m.contig == "chr1" for read in mates(m)]
    path = tmp_path / "one.bam"
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for read in sorted(reads, key=lambda read: read.reference_start):
            file.write(pysam.AlignedSegment.from_dict(read.to_dict(), header))
    pysam.index(str(path))
    (tmp_path / "g.tsv").write_text("chr1\t60000\n")
    sample = Sample("S", "P", str(path), 1, "discovery")
    # Windows of a block each: the second thread fills one while another is in use.
    windows, ahead = bgzf.Stretch.windows, []

    def small(self, size=0, ahead_=False):
        ahead.append(ahead_)
        return windows(self, 1 << 16, ahead_)

    monkeypatch.setattr(bgzf.Stretch, "windows", lambda self, ahead=False: small(self, ahead_=ahead))
    alone, two = read_sample(sample, config, None), read_sample(sample, config, None, threads=2)
    assert ahead == [False, True]
    assert alone.qc.counts.fragments == 901
    assert_same_extraction(two, alone)


def test_without_libdeflate_the_result_is_the_same(many, monkeypatch):
    sample, config, atlas = many
    fast = read_sample(sample, config, atlas)
    monkeypatch.setattr("cfdna_interp.fragments.libdeflate._library", lambda: None)
    assert_same_extraction(read_sample(sample, config, atlas), fast)
    assert_same_extraction(read_sample(sample, config, atlas, threads=2), fast)


def test_damage_is_reported_by_any_threads(many):
    sample, config, atlas = many
    data = bytearray(Path(sample.bam).read_bytes())
    data[len(data) // 2] ^= 0x10
    Path(sample.bam).write_bytes(data)
    texts = []
    for threads in (1, 2):
        with pytest.raises(
            InputError, match=r"sample S: .*many\.bam is truncated or damaged at offset "
        ) as caught:
            read_sample(sample, config, atlas, threads)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
