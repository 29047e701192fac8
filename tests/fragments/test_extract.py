from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from bams import Molecule, mates, random_molecules, write_bam, write_build

from cfdna_interp.artifacts.files import plain
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.fragments.decode import fragment_hash
from cfdna_interp.fragments.extract import Reservoir, failed, read_sample
from cfdna_interp.fragments.filters import REASONS

COLUMNS = ("contig", "start", "length", "mapq", "strand", "gc", "motif_5p", "motif_3p", "cpg_offsets")


@pytest.fixture
def config(tmp_path):
    extract = Extract(fragments_per_sample=100, min_fragments=10)
    build = str(write_build(tmp_path / "g.tsv"))
    return Config(sheet="s", outdir="o", seed=3, reference=Reference(build=build), extract=extract)


MOLECULES = random_molecules(400, seed=21)


def library(tmp_path, molecules=MOLECULES, name="s.bam"):
    reads = [read for molecule in molecules for read in mates(molecule)]
    return Sample("S", "P", str(write_bam(tmp_path / name, reads)), 1, "discovery")


def assert_same(one, other):
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))


def test_subsample_is_the_smallest_hashes_sorted(tmp_path, config):
    table = read_sample(library(tmp_path), config, None).fragments
    chosen = sorted(MOLECULES, key=lambda m: fragment_hash(m.name, 3))[:100]
    expected = sorted((m.start, m.length) for m in chosen)
    assert list(zip(table.start.tolist(), table.length.tolist(), strict=True)) == expected


def test_another_seed_takes_others_and_a_larger_subsample_holds_the_smaller(tmp_path, config):
    sample = library(tmp_path)

    def starts(**changes):
        return set(read_sample(sample, replace(config, **changes), None).fragments.start.tolist())

    small = starts()
    assert starts(seed=4) != small
    assert small < starts(extract=replace(config.extract, fragments_per_sample=200))


def test_the_order_of_reads_with_equal_starts_does_not_matter(tmp_path, config):
    one = read_sample(library(tmp_path), config, None)
    other = read_sample(library(tmp_path, MOLECULES[::-1], "t.bam"), config, None)
    assert_same(one.fragments, other.fragments)
    assert one.qc["counts"] == other.qc["counts"]


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
    settings = replace(config, extract=replace(config.extract, common_fragments=150))
    extraction = read_sample(library(tmp_path), settings, None)
    chosen = sorted(MOLECULES, key=lambda m: fragment_hash(m.name, 3))[:150]
    expected = np.bincount([m.length for m in chosen])
    lengths = extraction.profile.counts["length_1bp"]
    assert {int(k): int(v[0]) for k, v in lengths.items()} == {
        int(length): int(expected[length]) for length in np.flatnonzero(expected)
    }
    # The true number of fragments stays a technical column.
    assert extraction.qc["technical"]["fragments"] == 400
    assert extraction.qc["decision"] == "keep"
    short = replace(config, extract=replace(config.extract, common_fragments=401))
    qc = read_sample(library(tmp_path), short, None).qc
    assert (qc["decision"], "400 fragments are fewer than extract.common_fragments (401)") == (
        "exclude",
        qc["reason"],
    )


def test_too_few_fragments_are_excluded_with_the_largest_loss(tmp_path, config):
    poor = [replace(molecule, mapq=(60, 0)) for molecule in MOLECULES[:300]]
    settings = replace(config, extract=replace(config.extract, min_fragments=200))
    qc = read_sample(library(tmp_path, [*poor, *MOLECULES[300:]]), settings, None).qc
    assert qc["decision"] == "exclude"
    assert qc["reason"] == (
        "100 fragments are fewer than extract.min_fragments (200); "
        "most reads were lost as low_mapq (600 of 800)"
    )


def test_quality_record_by_hand(tmp_path, config):
    molecules = [
        Molecule("a", 1_000, 100),
        Molecule("b", 2_000, 700, read_length=40),
        Molecule("c", 3_000, 100, flag=0x400),
        Molecule("d", 3_000, 100, mapq=(60, 5)),
    ]
    qc = read_sample(library(tmp_path, molecules), config, None).qc
    technical = qc["technical"]
    assert technical["fragments"] == 2
    assert technical["duplicate_rate"] == 2 / 8
    assert technical["mapq_loss"] == 1 / 6  # one of the six reads that are no duplicates
    assert technical["read_length"] == 60  # the longest read: means follow the lengths of fragments
    assert technical["conversion"] == 1.0
    assert technical["over_600bp"] == 0.5
    counts = qc["counts"]
    assert counts["reads"] == sum(counts[reason] for reason in REASONS) + 2 * counts["fragments"]
    assert (qc["sample"], qc["dialect"], qc["build"], qc["simulated"]) == ("S", "xm", "g", False)
    text = json.dumps(plain(qc), allow_nan=False)
    assert len(json.loads(text)["m_bias"]["read1"]) <= 60


def test_an_unusable_sample_is_valid_and_empty(tmp_path):
    extraction = failed(Sample("S", "P", "x.bam", 1, "discovery"), "sample S: x.bam is empty")
    extraction.fragments.save(tmp_path / "f.parquet")
    loaded = type(extraction.fragments).load(tmp_path / "f.parquet")
    assert len(loaded) == 0
    assert extraction.qc["decision"] == "exclude"
    assert extraction.qc["technical"]["gc"] is None
