"""All fragments as one file: round trips, order, atomic writing, and FinaleToolkit's own count."""

from __future__ import annotations

import resource
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pysam
import pytest
from bams import Molecule, mates, random_molecules, write_atlas, write_bam, write_build
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from test_profile import table

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.cli.fragments import command
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.decode import Chunk, Settings, Totals
from cfdna_interp.fragments.export import export_fragments, in_order
from cfdna_interp.fragments.extraction import read_sample
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.source import chunks, open_source

MOLECULES = [
    *random_molecules(300, seed=31),
    *random_molecules(200, seed=32, contig="chr2", prefix="n"),
    Molecule("low", 500, 160, mapq=(60, 3)),
    Molecule("long", 30_000, 950),
    Molecule("inside", 30_100, 90),  # starts after the long one, its later mate comes long before
]
KEPT = sorted((m.contig, m.start, m.length) for m in MOLECULES if m.name != "low")


def config_of(tmp_path, methylation="auto", **extract):
    extract = {"contigs": ("chr1", "chr2"), "min_fragments": 10, "methylation": methylation, **extract}
    build = str(write_build(tmp_path / "made-up.tsv"))
    return Config(sheet="s", outdir="o", reference=Reference(build=build), extract=Extract(**extract))


@pytest.fixture
def library(tmp_path):
    reads = [read for molecule in MOLECULES for read in mates(molecule)]
    return Sample("S7", "P7", str(write_bam(tmp_path / "s7.bam", reads)), 1, "discovery")


def read_all(sample, config):
    with open_source(sample, config) as source:
        rules = Rules.of(config.extract, source.contig_names, source.who)
        settings = Settings(rules, source.dialect, config.seed)
        return FragmentTable.concatenate([part.table for part in chunks(source, config, settings, Totals())])


def lines_of(path):
    with pysam.BGZFile(str(path), "r", None) as file:
        return [line.decode().split("\t") for line in file]


def test_parquet_holds_every_fragment_with_its_calls(tmp_path, library):
    atlas = write_atlas(tmp_path / "atlas.tsv", [("chr1", 1_000, 20_000, "a", "U")], {"a": [0.0], "b": [1.0]})
    config = structs.replace(config_of(tmp_path), atlas=str(atlas))
    out = tmp_path / "new folder" / "s7.parquet"
    assert export_fragments(library, config, out) == len(KEPT)
    loaded = FragmentTable.load(out)
    names = [loaded.contig_names[contig] for contig in loaded.contig]
    assert list(zip(names, loaded.start.tolist(), loaded.length.tolist(), strict=True)) == KEPT
    touched = [name == "chr1" and s < 20_000 and s + n > 1_000 for name, s, n in KEPT]
    assert (loaded.block >= 0).tolist() == touched
    # Nothing is lost of what a fragment holds: the same rows as come out of the file, in another order.
    straight = read_all(library, config)
    order = np.lexsort((straight.length, straight.start, straight.contig))
    straight = straight.take(order)
    for column in ("mapq", "strand", "gc", "motif_5p", "motif_3p", "cpg_splits", "cpg_offsets", "cpg_states"):
        np.testing.assert_array_equal(getattr(loaded, column), getattr(straight, column))
    assert len(loaded.cpg_states) > 1_000


def test_frag_gz_by_hand(tmp_path):
    molecules = [
        Molecule("a", 1_000, 100, mapq=(40, 30)),
        Molecule("b", 900, 300),  # begins first, its later mate comes last
        Molecule("c", 500, 80, contig="chr2"),
    ]
    bam = write_bam(tmp_path / "s.bam", [read for molecule in molecules for read in mates(molecule)])
    sample = Sample("S7", "P7", str(bam), 1, "discovery")
    assert export_fragments(sample, config_of(tmp_path), tmp_path / "s.frag.gz") == 3
    assert lines_of(tmp_path / "s.frag.gz") == [
        ["#chrom", "start", "stop", "mapq", "strand"],
        ["chr1", "900", "1200", "60", "."],
        ["chr1", "1000", "1100", "30", "."],
        ["chr2", "500", "580", "60", "."],
    ]
    assert export_fragments(sample, config_of(tmp_path), tmp_path / "s.bed.gz") == 3
    assert lines_of(tmp_path / "s.bed.gz")[0] == ["chr1", "900", "1200", ".", "60", "."]
    with pysam.TabixFile(str(tmp_path / "s.frag.gz")) as index:
        assert [line.split("\t")[1] for line in index.fetch("chr1", 1_050, 1_060)] == ["900", "1000"]
        assert [line.split("\t")[1] for line in index.fetch("chr2")] == ["500"]


@pytest.mark.parametrize("suffix", [".frag.gz", ".bed.gz"])
def test_a_round_trip_keeps_fragments_and_length_counts(tmp_path, library, suffix):
    config = config_of(tmp_path, methylation="none")
    out = tmp_path / f"s7{suffix}"
    export_fragments(library, config, out)
    again = replace(library, bam=str(out))
    one, other = read_sample(library, config, None), read_sample(again, config, None)
    for kind in ("length_1bp", "window"):
        expected, found = (
            {key: list(counts) for key, counts in extraction.profile.counts[kind].items()}
            for extraction in (one, other)
        )
        assert found == expected
    assert one.qc.decision == other.qc.decision == "keep"
    # What lines can't tell is unmeasured; what they can is the same.
    unmeasured = {"duplicate_rate", "mapq_loss", "gc", "read_length", "conversion"}
    for name, value in msgspec.structs.asdict(other.qc.technical).items():
        assert value == (None if name in unmeasured else getattr(one.qc.technical, name)), name
    assert other.qc.counts.reads == 2 * len(KEPT)
    # What was written once is written again byte for byte.
    export_fragments(again, config, tmp_path / f"again{suffix}")
    assert (tmp_path / f"again{suffix}").read_bytes() == out.read_bytes()


def test_a_simulated_sample_stays_simulated(tmp_path):
    reads = [read for molecule in random_molecules(20) for read in mates(molecule)]
    bam = write_bam(tmp_path / "s.bam", reads, comments=("cfdna-interp simulation world=length",))
    config = config_of(tmp_path, methylation="none")
    sample = Sample("S7", "P7", str(bam), 1, "discovery")
    export_fragments(sample, config, tmp_path / "s.frag.gz")
    with open_source(replace(sample, bam=str(tmp_path / "s.frag.gz")), config) as source:
        assert source.simulated


def test_no_fragments_make_an_empty_file(tmp_path, library):
    config = config_of(tmp_path, min_mapq=254)
    for name in ("s.parquet", "s.frag.gz"):
        assert export_fragments(library, config, tmp_path / name) == 0
    assert len(FragmentTable.load(tmp_path / "s.parquet")) == 0
    assert lines_of(tmp_path / "s.frag.gz") == [["#chrom", "start", "stop", "mapq", "strand"]]


@pytest.mark.parametrize("name", ["s.parquet", "s.frag.gz"])
def test_a_file_that_breaks_off_leaves_nothing_behind(tmp_path, library, name):
    whole = (tmp_path / "s7.bam").read_bytes()
    (tmp_path / "s7.bam").write_bytes(whole[: len(whole) - 2_000])
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).write_text("what was there before")
    with pytest.raises(InputError, match="sample S7"):
        export_fragments(library, config_of(tmp_path), folder / name)
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "what was there before"


def test_an_unknown_format(tmp_path, library):
    for name in ("s.csv", "s.bed", "s.gz"):
        with pytest.raises(InputError, match="unknown format"):
            export_fragments(library, config_of(tmp_path), tmp_path / name)


def test_an_unsorted_fragment_file_is_refused(tmp_path):
    # The second fragment starts 40,000 bp before the first: too far back for a window of 1,000 bp.
    path = tmp_path / "s.bed"
    path.write_text("chr1\t50000\t50100\nchr1\t10000\t10100\n" * 30_000)
    sample = Sample("S7", "P7", str(path), 1, "discovery")
    with pytest.raises(InputError, match=r"S7.*not sorted by contig and start; sort it"):
        export_fragments(sample, config_of(tmp_path, methylation="none"), tmp_path / "s.frag.gz")


FRAGMENTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 900), st.integers(20, 100)), min_size=1, max_size=60
)


@given(rows=FRAGMENTS, cuts=st.lists(st.integers(0, 60), max_size=6), contigs=st.permutations(range(3)))
def test_order_of_later_mates_becomes_order_of_starts(rows, cuts, contigs):
    # As sorted alignments give them: by contig, in any order of contigs, and by the later mate's start,
    # which lies inside the fragment (mates of 20 bases here); cut into chunks at any place.
    rows = sorted(rows, key=lambda row: (contigs.index(row[0]), row[1] + row[2] - 20))
    whole = table([(*row, 0, 0, {}) for row in rows])
    hashes = np.arange(len(rows), dtype=np.uint64)[::-1]
    places = [0, *sorted(cut for cut in cuts if cut <= len(rows)), len(rows)]
    parts = [Chunk(whole.take(np.arange(low, high)), hashes[low:high]) for low, high in pairwise(places)]
    sorted_tables = list(in_order(iter(parts), 100, "sample S7: s.bam"))
    found = FragmentTable.concatenate(sorted_tables)
    expected = sorted(rows, key=lambda row: (contigs.index(row[0]), row[1], row[2]))
    # Contigs come in the order of their first fragment.
    assert list(zip(found.contig, found.start, found.length, strict=True)) == expected


def test_only_a_window_waits():
    # 200 chunks of 100 fragments, 10 bp apart; at most 100 bp and one chunk may be held back.
    parts = [
        Chunk(
            table([(0, 1_000 * number + 10 * i, 50, 0, 0, {}) for i in range(100)]), np.zeros(100, np.uint64)
        )
        for number in range(200)
    ]
    given_out = handed_over = 0

    def counted():
        nonlocal handed_over
        for part in parts:
            yield part
            handed_over += len(part.table)

    for ready in in_order(counted(), 100, "sample S7: s.bam"):
        given_out += len(ready)
        assert handed_over + 100 - given_out <= 100 + 11
    assert given_out == 20_000


def test_the_command(tmp_path, library):
    rows = [("S7", "P7", "s7.bam", 1, "discovery"), ("S8", "P8", "s8.bam", 0, "discovery")]
    rows += [("S9", "P9", "s9.bam", 1, "heldout"), ("S10", "P10", "s10.bam", 0, "heldout")]
    sheet = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    (tmp_path / "sheet.tsv").write_text("sample\tsubject\tbam\tlabel\trole\n" + sheet)
    write_build(tmp_path / "made-up.tsv")
    (tmp_path / "config.yaml").write_text(
        "sheet: sheet.tsv\noutdir: out\nreference: {build: made-up.tsv}\nextract: {contigs: [chr1, chr2]}\n"
    )
    config, out = str(tmp_path / "config.yaml"), str(tmp_path / "s7.frag.gz")
    done = CliRunner().invoke(command, ["--config", config, "--sample", "S7", "--out", out])
    assert done.exit_code == 0, done.output
    assert done.output == f"{len(KEPT)} fragments in {out}\n"
    assert len(lines_of(out)) == len(KEPT) + 1
    wrong = CliRunner().invoke(command, ["--config", config, "--sample", "S77", "--out", out])
    assert isinstance(wrong.exception, InputError) and "sample S77: not in sheet" in str(wrong.exception)


@pytest.mark.parametrize("suffix", [".frag.gz", ".bed.gz", ".parquet"])
def test_places_where_nothing_can_be_written(tmp_path, library, suffix):
    (tmp_path / "file").write_text("mine")
    # A letter more than a name may have, once it stands beside its temporary file.
    for folder, stem in ((Path("/proc"), "x"), (tmp_path / "file", "x"), (tmp_path, "x" * 245)):
        out = folder / f"{stem}{suffix}"
        with pytest.raises(InputError, match=r"cannot be written .*; free some space or give another path"):
            export_fragments(library, config_of(tmp_path), out)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("suffix", [".frag.gz", ".bed.gz", ".parquet"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, library, suffix):
    config, out = config_of(tmp_path), tmp_path / "out" / f"s7{suffix}"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_024, hard))
    try:
        with pytest.raises(InputError, match=r"s7.* cannot be written"):
            export_fragments(library, config, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(out.parent.iterdir()) == []


@pytest.mark.skipif(shutil.which("finaletoolkit") is None, reason="FinaleToolkit is not on PATH")
@pytest.mark.parametrize("suffix", [".frag.gz", ".bed.gz"])
def test_finaletoolkit_counts_the_same_lengths(tmp_path, library, suffix):
    out = tmp_path / f"s7{suffix}"
    export_fragments(library, config_of(tmp_path), out)
    bins = tmp_path / "bins.tsv"
    subprocess.run(
        ["finaletoolkit", "frag-length-bins", str(out), "--min-mapq", "20", "--output", str(bins)],
        check=True,
        capture_output=True,
    )
    counts = {}
    for line in bins.read_text().splitlines()[1:]:
        if not line.startswith("#"):
            low, _, count = line.split("\t")
            counts[int(low)] = int(count)
    expected = np.bincount([length for _, _, length in KEPT])
    assert {length: n for length, n in counts.items() if n} == {
        int(length): int(expected[length]) for length in np.flatnonzero(expected)
    }
