"""UXM tables: what is read, which lines are refused, and the public atlas."""

from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.artifacts.atlas import LEADING, Atlas
from cfdna_interp.errors import InputError

HEADER = "\t".join([*LEADING, "Liver", "Blood-T"])
LINES = [
    "chr1\t100\t200\t1\t5\tLiver\tb0\tU\t0.9\t0.05",
    "chr2\t50\t80\t9\t12\tBlood-T\tb1\tM\t0.1\tNA",
    "chr1\t0\t100\t0\t1\tLiver\tb2\tU\t1\t0",
]


def write(folder, lines=LINES, header=HEADER):
    path = folder / "atlas.tsv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def changed(row: int, column: int, value: str) -> list[str]:
    cells = [line.split("\t") for line in LINES]
    cells[row][column] = value
    return ["\t".join(line) for line in cells]


def refused(path) -> str:
    with pytest.raises(InputError) as caught:
        Atlas.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_table_is_read_as_it_stands(tmp_path):
    atlas = Atlas.load(write(tmp_path))
    assert len(atlas) == 3
    assert atlas.contigs == ("chr1", "chr2", "chr1")
    assert atlas.starts.tolist() == [100, 50, 0]
    assert atlas.ends.tolist() == [200, 80, 100]
    assert (atlas.names, atlas.targets) == (("b0", "b1", "b2"), ("Liver", "Blood-T", "Liver"))
    assert atlas.directions == ("U", "M", "U")
    assert atlas.cell_types == ("Liver", "Blood-T")
    np.testing.assert_array_equal(atlas.fractions, [[0.9, 0.05], [0.1, np.nan], [1, 0]])
    assert atlas.cpgs.tolist() == [4, 3, 1]
    assert not atlas.calls


def test_blocks_of_a_contig_are_given_by_start(tmp_path):
    # b2 ends where b0 starts: half-open intervals that touch don't overlap.
    order = Atlas.load(write(tmp_path)).by_contig()
    assert {contig: rows.tolist() for contig, rows in order.items()} == {"chr1": [2, 0], "chr2": [1]}


@pytest.mark.parametrize("cell", ["", "NA", "nan"])
def test_shares_may_be_missing(tmp_path, cell):
    assert np.isnan(Atlas.load(write(tmp_path, changed(0, 8, cell))).fractions[0, 0])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (changed(0, 1, "x"), ["line 2", "'x'"]),
        (changed(0, 2, "1.5"), ["line 2", "'1.5'"]),
        (changed(1, 1, "80"), ["line 3", "80-80 is empty"]),
        (changed(1, 1, "-1"), ["line 3", "-1-80"]),
        (changed(2, 7, "u"), ["line 4", "direction 'u' is neither U nor M"]),
        (changed(2, 8, "1.01"), ["line 4", "outside 0..1"]),
        (changed(2, 9, "-0.1"), ["line 4", "outside 0..1"]),
        (changed(2, 9, "inf"), ["line 4", "outside 0..1"]),
        (changed(2, 9, "high"), ["line 4", "'high'"]),
        ([*LINES, "chr3\t1\t2"], ["line 5", "3 columns instead of 10"]),
        ([LINES[0], "", *LINES[1:]], ["line 3", "0 columns instead of 10"]),
        ([LINES[0] + "\t0.5"], ["line 2", "11 columns instead of 10"]),
    ],
)
def test_malformed_lines_are_named(tmp_path, lines, words):
    message = refused(write(tmp_path, lines))
    assert message.endswith("correct the line")
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "header", ["", "chr\tstart", HEADER.replace("startCpG", "start_cpg"), "\t".join([*LEADING, "Liver"])]
)
def test_a_header_without_the_columns_is_named(tmp_path, header):
    message = refused(write(tmp_path, header=header))
    assert "line 1: expected the columns chr, start, end" in message


@pytest.mark.parametrize(
    ("interval", "direction", "left"),
    [
        # b0 is 100-200. As many blocks as possible stay: those that end first.
        (("150", "250"), "U", ("b0", "b1", "b2")),
        (("199", "300"), "M", ("b0", "b1", "b2")),
        (("110", "120"), "U", ("b1", "b2", "b3")),
        (("50", "200"), "U", ("b0", "b1", "b2")),
        # At the same place the first of the table stays, if they count different fragments.
        (("100", "200"), "M", ("b0", "b1", "b2")),
    ],
)
def test_of_overlapping_blocks_one_stays(tmp_path, interval, direction, left):
    lines = [*LINES, "\t".join(["chr1", *interval, "2", "3", "Liver", "b3", direction, "1", "0"])]
    atlas = Atlas.load(write(tmp_path, lines))
    assert atlas.names == left
    assert (atlas.merged, atlas.dropped) == (0, 1)
    for rows in atlas.by_contig().values():
        assert (atlas.starts[rows][1:] >= atlas.ends[rows][:-1]).all()


def test_as_many_blocks_as_possible_stay(tmp_path):
    # A long block over three short ones that only touch: the three stay.
    lines = ["chr9\t0\t90\t1\t9\tLiver\tlong\tU\t1\t0"]
    lines += [f"chr9\t{30 * i}\t{30 * i + 30}\t1\t4\tLiver\tb{i}\tU\t1\t0" for i in range(3)]
    atlas = Atlas.load(write(tmp_path, lines))
    assert (atlas.names, atlas.merged, atlas.dropped) == (("b0", "b1", "b2"), 0, 1)


def test_blocks_at_one_place_are_one(tmp_path):
    # Three lines of one place, the second blank in Liver: .9 and .5 give .7, and .05, .15 and .4 give .2.
    lines = [
        LINES[0],
        "chr1\t100\t200\t1\t5\tBlood-T\tb0\tU\tNA\t0.15",
        "chr1\t100\t200\t1\t5\tBlood-T\tb9\tU\t0.5\t0.4",
        LINES[1],
    ]
    atlas = Atlas.load(write(tmp_path, lines))
    assert (atlas.names, atlas.targets, atlas.merged, atlas.dropped) == (
        ("b0", "b1"), ("Liver", "Blood-T"), 2, 0
    )  # fmt: skip
    np.testing.assert_allclose(atlas.fractions[0], [0.7, 0.2])
    assert atlas.cpgs.tolist() == [4, 3]


def test_names_are_unique(tmp_path):
    assert "block names repeat" in refused(write(tmp_path, changed(1, 6, "b0")))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("NeuN+", "NeuN-"), "'NeuN+' and 'NeuN-' would have the same features (neun)"),
        (("CD4 T", "cd4-t"), "'CD4 T' and 'cd4-t' would have the same features (cd4_t)"),
        (("肝", "Brain"), "'肝' has neither a-z nor digits"),
    ],
)
def test_cell_types_that_features_cannot_tell_apart(tmp_path, names, words):
    header = "\t".join([*LEADING, *names])
    assert f"cell types: {words}" in refused(write(tmp_path, header=header))


def test_files_that_are_no_tables(tmp_path):
    assert "has no block" in refused(write(tmp_path, []))
    path = tmp_path / "atlas.tsv"
    path.write_bytes(b"")
    assert "line 1" in refused(path)
    path.write_bytes(b"\x1f\x8b\xff")
    assert "cannot be read" in refused(path)
    # An opening quote swallows the rest of the file into one cell, beyond the limit of the csv module.
    path.write_text(f'{HEADER}\n"' + "a" * 200_000)
    assert "cannot be read" in refused(path)
    path.unlink()
    assert "cannot be read" in refused(path)


@pytest.mark.realdata
def test_the_public_atlas_loads(realdata):
    atlas = Atlas.load(realdata / "atlas" / "Atlas.U25.l4.hg38.tsv")
    assert len(atlas) == 900
    assert len(atlas.cell_types) == 36
    assert atlas.fractions.shape == (900, 36)
    # "U25": 25 blocks for each type, all unmethylated in their target.
    assert set(atlas.directions) == {"U"}
    assert {target: atlas.targets.count(target) for target in atlas.targets} == dict.fromkeys(
        set(atlas.targets), 25
    )
