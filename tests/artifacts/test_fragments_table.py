"""Fragment tables survive the disk, selection and stacking; damage is named."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.artifacts.fragments import MOTIFS, FragmentTable
from cfdna_interp.errors import InputError

CONTIGS = ("chr1", "chr2", "chrX")
TYPES = {
    "contig": np.int32, "start": np.int32, "length": np.int32, "mapq": np.uint8, "strand": np.int8,
    "gc": np.float32, "motif_5p": np.int16, "motif_3p": np.int16, "block": np.int32,
}  # fmt: skip

fragment = st.fixed_dictionaries(
    {
        "contig": st.integers(0, len(CONTIGS) - 1),
        "start": st.integers(0, 2**31 - 1),
        "length": st.integers(1, 20_000),
        "mapq": st.integers(0, 255),
        "strand": st.sampled_from([-1, 0, 1]),
        "gc": st.one_of(st.just(float("nan")), st.floats(0, 1, width=32)),
        "motif_5p": st.integers(-1, 255),
        "motif_3p": st.integers(-1, 255),
        "block": st.integers(-1, 2**31 - 1),
        "calls": st.lists(st.tuples(st.integers(-1, 20_000), st.integers(0, 1)), max_size=5),
    }
)


def table(rows, contigs=CONTIGS) -> FragmentTable:
    calls = [call for row in rows for call in row["calls"]]
    return FragmentTable(
        contig_names=contigs,
        cpg_splits=np.cumsum([0, *(len(row["calls"]) for row in rows)]),
        cpg_offsets=np.array([offset for offset, _ in calls], dtype=np.int32),
        cpg_states=np.array([state for _, state in calls], dtype=np.int8),
        **{name: np.array([row[name] for row in rows], dtype=kind) for name, kind in TYPES.items()},
    )


def assert_same(found: FragmentTable, wanted: FragmentTable) -> None:
    assert found.contig_names == wanted.contig_names
    for field in fields(FragmentTable):
        if field.name != "contig_names":
            np.testing.assert_array_equal(getattr(found, field.name), getattr(wanted, field.name), field.name)


ROW = {
    "contig": 1, "start": 100, "length": 167, "mapq": 60, "strand": 1, "gc": 0.5, "motif_5p": 0,
    "motif_3p": 255, "block": -1, "calls": [(3, 1), (50, 0)],
}  # fmt: skip


@given(rows=st.lists(fragment, max_size=8))
def test_what_is_saved_is_loaded(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "S1.parquet"
    saved = table(rows)
    saved.save(path)
    loaded = FragmentTable.load(path)
    assert_same(loaded, saved)
    assert len(loaded) == len(rows)
    for name, kind in TYPES.items():
        assert getattr(loaded, name).dtype == kind


@given(rows=st.lists(fragment, max_size=8), data=st.data())
def test_taking_rows_is_making_the_table_of_these_rows(rows, data):
    indices = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10)) if rows else []
    taken = table(rows).take(np.array(indices, dtype=np.int64))
    assert_same(taken, table([rows[i] for i in indices]))


@given(parts=st.lists(st.lists(fragment, max_size=4), min_size=1, max_size=4))
def test_stacking_tables_is_making_the_table_of_all_rows(parts):
    stacked = FragmentTable.concatenate([table(rows) for rows in parts])
    assert_same(stacked, table([row for rows in parts for row in rows]))


def test_a_stacked_table_of_taken_rows_survives_the_disk(tmp_path):
    # take and concatenate hand on wider splits; the file's types are the same.
    rows = [ROW | {"start": start, "calls": [(start, 1)] * start} for start in range(4)]
    whole = table(rows)
    stacked = FragmentTable.concatenate([whole.take(np.array([3, 0])), whole.take(np.array([1, 2]))])
    stacked.save(tmp_path / "a.parquet")
    wanted = table([rows[i] for i in (3, 0, 1, 2)])
    assert_same(FragmentTable.load(tmp_path / "a.parquet"), wanted)
    wanted.save(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_counts_per_fragment():
    assert table([ROW, ROW | {"calls": []}, ROW]).cpg_counts.tolist() == [2, 0, 2]


def test_contigs_without_a_fragment_keep_their_names(tmp_path):
    table([], contigs=("b", "a")).save(tmp_path / "t.parquet")
    assert FragmentTable.load(tmp_path / "t.parquet").contig_names == ("b", "a")


def test_another_reader_sees_names_and_lists(tmp_path):
    table([ROW, ROW | {"contig": 2, "calls": []}]).save(tmp_path / "t.parquet")
    read = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert [row["contig"] for row in read] == ["chr2", "chrX"]
    assert [row["cpg_offsets"] for row in read] == [[3, 50], []]
    assert [row["cpg_states"] for row in read] == [[1, 0], []]


def test_tables_of_other_contigs_are_not_stacked():
    for tables in ([], [table([ROW]), table([ROW], contigs=("chr1", "chr2"))]):
        with pytest.raises(ValueError, match="contig names"):
            FragmentTable.concatenate(tables)


def test_motifs_are_in_alphabetical_order():
    assert len(MOTIFS) == 256
    assert list(MOTIFS) == sorted(MOTIFS)
    # A is 0, C 1, G 2, T 3 in base 4: ACGT is 0*64 + 1*16 + 2*4 + 3 = 27.
    assert (MOTIFS[0], MOTIFS[27], MOTIFS[255]) == ("AAAA", "ACGT", "TTTT")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_that_breaks_off_is_named(tmp_path, share):
    path = tmp_path / "S1.parquet"
    table([ROW] * 20).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"S1\.parquet cannot be read as Parquet .* delete it"):
        FragmentTable.load(path)


def test_a_missing_or_foreign_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.parquet cannot be read"):
        FragmentTable.load(tmp_path / "none.parquet")
    pq.write_table(pa.table({"start": [1]}), tmp_path / "foreign.parquet")
    with pytest.raises(
        InputError, match=r"foreign\.parquet is not a fragment table \(missing: block, contig"
    ):
        FragmentTable.load(tmp_path / "foreign.parquet")
    table([ROW]).save(tmp_path / "bare.parquet")
    read = pq.read_table(tmp_path / "bare.parquet").replace_schema_metadata({})
    pq.write_table(read, tmp_path / "bare.parquet")
    with pytest.raises(InputError, match=r"bare\.parquet is not a fragment table \(missing: contig names\)"):
        FragmentTable.load(tmp_path / "bare.parquet")
