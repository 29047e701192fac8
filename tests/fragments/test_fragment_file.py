"""Fragment files: what they are called, what their beginning tells, and lines against a plain reader."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections import Counter

import numpy as np
import pysam
import pytest
import xxhash
from bams import CONTIGS, GENOME, write_build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from cfdna_interp.artifacts.fragments import MOTIFS, FragmentTable
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.chunk import CHUNK, Settings, Totals
from cfdna_interp.fragments.filters import REASONS, Rules
from cfdna_interp.fragments.fragment_file import is_fragment_file, open_fragments
from cfdna_interp.fragments.source import chunks, open_source

SEED = 11


def config_of(tmp_path, fasta=None, **extract):
    return Config(
        sheet="s",
        outdir="o",
        seed=SEED,
        reference=Reference(build=str(write_build(tmp_path / "made-up.tsv")), fasta=fasta),
        extract=Extract(**{"methylation": "none", "contigs": "all", "min_length": 20, **extract}),
    )


def sample(path):
    return Sample("S7", "P7", str(path), 1, "discovery")


def write(path, text):
    """Plain, gzip or bgzip, by the suffix."""
    data = text.encode()
    if path.name.endswith(".bgz"):
        with pysam.BGZFile(str(path), "wb", None) as file:
            file.write(data)
    else:
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def read(path, config):
    """All fragments and their hashes, the totals, and the size of each chunk."""
    totals = Totals()
    with open_source(sample(path), config) as source:
        rules = Rules.of(config.extract, source.contig_names, source.who)
        parts = list(chunks(source, config, Settings(rules, source.dialect, config.seed), totals))
    table = FragmentTable.concatenate([part.table for part in parts]) if parts else None
    hashes = np.concatenate([part.hashes for part in parts]) if parts else np.zeros(0, np.uint64)
    return table, hashes, totals, [len(part.table) for part in parts]


def message(path, config):
    with pytest.raises(InputError) as caught:
        read(path, config)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"sample S7: {path}")
    assert "; " in text  # what is wrong; what to do
    return text


@pytest.mark.parametrize(
    "name",
    [
        "a.bed",
        "a.bed.gz",
        "a.frag",
        "a.frag.gz",
        "a.frag.tsv.gz",
        "a.tsv.gz",
        "EE1.hg38.frag.tsv.bgz",
        "A.BED",
    ],
)
def test_names_of_fragment_files(name):
    assert is_fragment_file(f"/data/{name}")


@pytest.mark.parametrize(
    "name", ["a.bam", "a.cram", "bed", "a.bed.bam", "frag.gz.cram", "a.gz", "http://x/a.bam"]
)
def test_names_of_other_files(name):
    assert not is_fragment_file(name)


def test_columns_by_hand(tmp_path):
    path = write(
        tmp_path / "s.frag",
        "# made by hand\n#chrom\tstart\tstop\tmapq\tstrand\n"
        "chr1\t100\t267\t60\t+\n"
        "1\t100\t267\t60\t+\n"  # the same fragment by its other name: the same line once more
        "chrX\t0\t150\t20\t-\n"
        "chrX\t5\t150\t19\t.\n"  # low_mapq
        "chrUn\t1\t99999999\t60\t+\n"  # a contig that the build doesn't name may be of any length
        "chr2\t10\t25\t60\t+\n"  # 15 bp: length_out_of_range
        "chr2\t50\t250\t255\t+\n",
    )
    table, hashes, totals, _ = read(path, config_of(tmp_path))
    assert table.contig_names == tuple(CONTIGS)
    assert table.contig.tolist() == [0, 0, 2, 1]
    assert table.start.tolist() == [100, 100, 0, 50]
    assert table.length.tolist() == [167, 167, 150, 200]
    assert table.mapq.tolist() == [60, 60, 20, 255]
    assert table.strand.tolist() == [0, 0, 0, 0]
    assert table.cpg_splits.tolist() == [0, 0, 0, 0, 0]
    assert np.isnan(table.gc).all()
    assert (table.motif_5p == -1).all() and (table.motif_3p == -1).all() and (table.block == -1).all()
    for name, kind in (("start", np.int32), ("mapq", np.uint8), ("gc", np.float32), ("motif_5p", np.int16)):
        assert getattr(table, name).dtype == kind
    counts = totals.tally.counts
    expected = {"reads": 14, "fragments": 4, "low_mapq": 2, "off_contig": 2, "length_out_of_range": 2}
    assert {name: count for name, count in counts.items() if count} == expected
    assert counts["reads"] == sum(counts[reason] for reason in REASONS) + 2 * counts["fragments"]
    texts = ["chr1\t100\t267\t60\t+\t0", "chr1\t100\t267\t60\t+\t1", "chrX\t0\t150\t20\t-\t0"]
    texts.append("chr2\t50\t250\t255\t+\t0")
    assert hashes.tolist() == [xxhash.xxh64_intdigest(text.encode(), seed=SEED) for text in texts]
    # No reads: what describes them stays unmeasured.
    assert (totals.tally.mapped, totals.tally.unique, totals.longest_read, totals.chh) == (0, 0, 0, (0, 0))


def test_three_and_six_columns(tmp_path):
    settings = config_of(tmp_path)
    three = write(tmp_path / "a.bed", "track name=x\nbrowser hide\n\nchr1\t100\t267\nchr2\t5\t99\n")
    table, _, totals, _ = read(three, settings)
    # No column of mapping qualities: 255, not available, and nothing is rejected for it.
    assert table.mapq.tolist() == [255, 255]
    assert totals.tally.counts["low_mapq"] == 0
    six = write(tmp_path / "b.bed", "chr1\t100\t267\tread/1 x\t60\t+\nchr2\t5\t99\tother\t3\t-\n")
    table, _, totals, _ = read(six, settings)
    assert (table.length.tolist(), table.mapq.tolist()) == ([167], [60])
    assert totals.tally.counts["low_mapq"] == 2


LINES = st.lists(
    st.tuples(
        st.sampled_from(["chr1", "1", "chr2", "X", "chrUn_KI", "GL0"]),
        st.integers(0, 19_000),
        st.integers(1, 1_000),
        st.integers(0, 255),
        st.sampled_from("+-."),
    ),
    min_size=1,
    max_size=60,
)
BLACK = [("chr1", 5_000, 5_050), ("chr1", 5_040, 9_000), ("2", 0, 10)]
RULES = {"min_mapq": 30, "min_length": 50, "max_length": 700, "contigs": ("1", "chr2")}


def plain_reader(lines):
    """Line by line, in the words of the rules."""
    repeats, last, kept, counts = 0, None, [], Counter()
    index = {"1": 0, "2": 1, "X": 2}
    for contig, start, length, mapq, strand in lines:
        bare = contig.removeprefix("chr")
        line = (index.get(bare, -1), start, start + length, mapq, strand)
        repeats, last = (repeats + 1 if line == last else 0), line
        black = any(
            c.removeprefix("chr") == bare and start < high and start + length > low for c, low, high in BLACK
        )
        if bare not in ("1", "2"):
            counts["off_contig"] += 2
        elif mapq < 30:
            counts["low_mapq"] += 2
        elif not 50 <= length <= 700:
            counts["length_out_of_range"] += 2
        elif black:
            counts["blacklisted"] += 2
        else:
            counts["fragments"] += 1
            text = f"chr{bare}\t{start}\t{start + length}\t{mapq}\t{strand}\t{repeats}"
            kept.append((index[bare], start, length, mapq, xxhash.xxh64_intdigest(text.encode(), seed=SEED)))
    return kept, counts


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, repeated=st.lists(st.integers(0, 59), max_size=20))
def test_any_lines_against_a_plain_reader(tmp_path, lines, repeated):
    for place in repeated:
        lines.insert(place, lines[place % len(lines)])
    lines = [*lines, ("chr1", 7, 60, 60, "+")]  # at least one contig of the build
    (tmp_path / "black.bed").write_text("".join(f"{c}\t{low}\t{high}\n" for c, low, high in BLACK))
    settings = config_of(tmp_path, blacklist=str(tmp_path / "black.bed"), **RULES)
    text = "".join(f"{c}\t{s}\t{s + n}\t{m}\t{strand}\n" for c, s, n, m, strand in lines)
    expected, expected_counts = plain_reader(lines)
    tables = []
    for name in ("a.frag", "a.frag.gz", "a.frag.tsv.bgz"):
        table, hashes, totals, _ = read(write(tmp_path / name, text), settings)
        columns = (table.contig, table.start, table.length, table.mapq, hashes)
        tables.append(list(zip(*(column.tolist() for column in columns), strict=True)))
        counts = totals.tally.counts
        assert counts["reads"] == 2 * len(lines)
        assert {name: n for name, n in counts.items() if n and name != "reads"} == dict(expected_counts)
    assert tables == [expected] * 3


def test_many_lines_come_in_bounded_chunks_with_repeats_counted_across_them(tmp_path):
    # 100,000 equal lines of 24 bytes are more than one block of text and more than six chunks.
    n = 100_000
    path = write(tmp_path / "s.frag.gz", "chr1\t10000\t10167\t60\t+\n" * n)
    _, hashes, totals, sizes = read(path, config_of(tmp_path))
    assert max(sizes) <= CHUNK and sum(sizes) == n
    assert totals.tally.counts["fragments"] == n
    assert len(np.unique(hashes)) == n
    assert hashes[-1] == xxhash.xxh64_intdigest(f"chr1\t10000\t10167\t60\t+\t{n - 1}".encode(), seed=SEED)


def test_windows_line_ends_and_a_missing_last_one(tmp_path):
    settings = config_of(tmp_path)
    plain = read(write(tmp_path / "a.bed", "chr1\t100\t267\nchr2\t5\t99\n"), settings)
    for text in (
        "chr1\t100\t267\r\nchr2\t5\t99\r\n",
        "chr1\t100\t267\nchr2\t5\t99",
        "chr1\t100\t267\n\nchr2\t5\t99\n\n",
    ):
        other = read(write(tmp_path / "b.bed", text), settings)
        np.testing.assert_array_equal(plain[1], other[1])


def test_motifs_and_gc_come_from_the_reference(tmp_path):
    fasta = tmp_path / "g.fa"
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in GENOME.items()))
    pysam.faidx(str(fasta))
    path = write(tmp_path / "s.frag", "chr2\t100\t267\t60\t+\nchr1\t7\t99\t60\t-\n")
    table, _, totals, _ = read(path, config_of(tmp_path, fasta=str(fasta)))
    inside = [GENOME["chr2"][100:267], GENOME["chr1"][7:99]]
    assert [MOTIFS[motif] for motif in table.motif_5p] == [bases[:4] for bases in inside]
    complement = str.maketrans("ACGT", "TGCA")
    assert [MOTIFS[motif] for motif in table.motif_3p] == [b[-4:].translate(complement)[::-1] for b in inside]
    strong = [bases.count("G") + bases.count("C") for bases in inside]
    np.testing.assert_allclose(table.gc, [strong[0] / 167, strong[1] / 92], rtol=1e-6)
    assert (totals.strong, totals.known) == (sum(strong), 167 + 92)


GOOD = "chr1\t100\t267\t60\t+\n"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("chr1\t100\t267\t60\n", "4 columns instead of 5"),
        ("chr1\t100\t267\t60\t+\tx\n", "6 columns instead of 5"),
        ("chr1 100 267 60 +\n", "1 columns instead of 5"),
        ("chr1\tone\t267\t60\t+\n", "start is 'one', no number"),
        ("chr1\t-1\t267\t60\t+\n", "start is '-1', no number"),
        ("chr1\t100\t2.5e3\t60\t+\n", "stop is '2.5e3', no number"),
        ("chr1\t100\tNA\t60\t+\n", "stop is 'NA', no number"),
        ("chr1\t100\t\t60\t+\n", "stop is '', no number"),
        ("chr1\t100\t267\t.\t+\n", "mapq is '.', no number"),
        ("chr1\t100\t267\t256\t+\n", "mapq is 256, above 255"),
        ("chr1\t267\t267\t60\t+\n", "stop 267 is not above start 267"),
        ("chrX\t300\t267\t60\t+\n", "stop 267 is not above start 300"),
        ("chrX\t19900\t20001\t60\t+\n", "stop 20001 lies beyond chrX, which has 20000 bp in made-up"),
        ("chr1\t1\t99999999999999999999\t60\t+\n", "stop 99999999999999999999 lies beyond chr1"),
        ("chr1\t100\t267\t60\tF\n", "strand is 'F'"),
        ("chr1\t100\t267\t60\t\n", "strand is ''"),
        ("#chrom\tstart\tstop\tmapq\tstrand\n", "start is 'start', no number"),
    ],
)
@pytest.mark.parametrize("name", ["s.frag", "s.frag.tsv.bgz"])
def test_a_malformed_line_is_named(tmp_path, name, line, wrong):
    # Far behind the first block of text; blank lines and the header count as lines.
    path = write(tmp_path / name, "#header\n" + GOOD + "\n" + GOOD * 60_000 + line + GOOD)
    assert f"line 60004: {wrong}" in message(path, config_of(tmp_path))


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("chrom\tstart\tstop\tmapq\tstrand", "'start' as start"),
        ("chr1\t1\t200\tAAACGAAAG-1\t2", "'AAACGAAAG-1' as mapq"),  # 10x: barcode and count of duplicates
        ("chr1\t1\t200\t60\t2", "'2' as strand"),
        ("chr1\t1\t200\tname", "4 columns"),
        ("chr1\t1\t200\tname\t12.5\t+", "'12.5' as mapq"),
        ("chr1,1,200", "1 columns"),
    ],
)
def test_unclear_columns(tmp_path, line, wrong):
    text = message(write(tmp_path / "s.tsv", f"#x\n{line}\n"), config_of(tmp_path))
    assert "line 2 has" in text and wrong in text and "expected columns" in text


@pytest.mark.parametrize("end", ["/1", "/2"])
def test_lines_of_mates_are_no_fragments(tmp_path, end):
    # What `bedtools bamtobed` writes of a pair: two lines of a read's length.
    text = message(write(tmp_path / "s.bed", f"chr1\t100\t200\tread7{end}\t60\t+\n"), config_of(tmp_path))
    assert f"line 1 is of a mate (read7{end})" in text and "one line per fragment" in text


def test_damaged_files(tmp_path):
    settings = config_of(tmp_path)
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 50_000, size=30_000).tolist()
    text = "".join(f"chr1\t{start}\t{start + 167}\t60\t+\n" for start in starts)
    for name in ("a.frag.gz", "a.frag.tsv.bgz"):
        whole = write(tmp_path / name, text).read_bytes()
        for keep in (0.5, 0.999):
            (tmp_path / name).write_bytes(whole[: int(len(whole) * keep)])
            assert "truncated" in message(tmp_path / name, settings)
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 0xFF
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(InputError, match="sample S7: "):
            read(tmp_path / name, settings)
    # Cut off exactly between two blocks of bgzip: a decompressor sees a whole file.
    (tmp_path / "a.frag.tsv.bgz").write_bytes(whole[:-28])
    assert "its last bgzip block is missing" in message(tmp_path / "a.frag.tsv.bgz", settings)


def test_files_that_hold_nothing(tmp_path):
    settings = config_of(tmp_path)
    assert "does not exist" in message(tmp_path / "none.bed", settings)
    (tmp_path / "folder.bed").mkdir()
    assert "is a folder; correct the bam column" in message(tmp_path / "folder.bed", settings)
    assert "is empty (0 bytes)" in message(write(tmp_path / "a.bed", ""), settings)
    for name in ("b.bed", "b.bed.gz", "b.bed.bgz"):
        assert "holds no fragments" in message(write(tmp_path / name, "#chrom\n\n"), settings)
    remote = Sample("S7", "P7", "https://x.org/a.frag.gz", 1, "discovery")
    with pytest.raises(InputError, match="download it"), open_fragments(remote, settings):
        pass


def test_what_the_config_must_say(tmp_path):
    path = write(tmp_path / "s.frag", GOOD)
    settings = config_of(tmp_path)
    for methylation in ("auto", "xm"):
        wanted = structs.replace(settings, extract=structs.replace(settings.extract, methylation=methylation))
        assert "or extract.methylation: none" in message(path, wanted)
    unknown = structs.replace(settings, reference=Reference(build="auto"))
    assert "set reference.build" in message(path, unknown)
    with open_fragments(
        sample(path), structs.replace(settings, reference=Reference(build="GRCh38"))
    ) as source:
        assert (source.build, source.contig_names[0], source.contig_lengths[0]) == (
            "GRCh38",
            "chr1",
            248_956_422,
        )
        assert not source.simulated


def test_reading_and_writing_import_neither_pandas_nor_torch(tmp_path):
    # For thousands of jobs: pyarrow imports pandas, where it is installed, for what could do without.
    write_build(tmp_path / "g.tsv")
    write(tmp_path / "s.frag.gz", GOOD * 10)
    code = """
import sys
from pathlib import Path
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.fragments.export import export_fragments
folder = Path(sys.argv[1])
reference = Reference(build=str(folder / "g.tsv"))
config = Config("s", "o", reference=reference, extract=Extract(methylation="none", contigs="all"))
sample = Sample("S", "P", str(folder / "s.frag.gz"), 1, "discovery")
for name in ("a.parquet", "b.bed.gz"):
    assert export_fragments(sample, config, folder / name) == 10
assert not {"pandas", "torch"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_file_of_another_build(tmp_path):
    path = write(tmp_path / "s.bed", "scaffold_1\t100\t267\nscaffold_2\t100\t267\n")
    assert "no contig of made-up" in message(path, config_of(tmp_path))


def test_our_simulation_is_recognised(tmp_path):
    path = write(tmp_path / "s.frag", "# cfdna-interp simulation\n" + GOOD)
    with open_fragments(sample(path), config_of(tmp_path)) as source:
        assert source.simulated


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "s.frag"
    path.write_bytes(GOOD.encode() + b"\xff\xfe\t100\t267\t60\t+\n")
    assert "UTF8" in message(path, config_of(tmp_path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.binary(max_size=80), compressed=st.booleans())
def test_any_bytes_give_fragments_or_one_line(tmp_path, data, compressed):
    path = tmp_path / "s.frag"
    path.write_bytes(b"\x1f\x8b" + data if compressed else GOOD.encode() + data)
    try:
        _, _, totals, _ = read(path, config_of(tmp_path))
    except InputError as error:
        assert "\n" not in str(error) and str(error).startswith("sample S7: ")
    else:
        counts = totals.tally.counts
        assert counts["reads"] == sum(counts[reason] for reason in REASONS) + 2 * counts["fragments"]
