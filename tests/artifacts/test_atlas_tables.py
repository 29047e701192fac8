"""CpG tables and our own layout, and headers of neither."""

from __future__ import annotations

import numpy as np
import pytest

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.atlas_tables import OWN
from cfdna_interp.errors import InputError


def write(folder, *lines):
    path = folder / "atlas.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def refused(path) -> str:
    with pytest.raises(InputError) as caught:
        Atlas.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_manifest_joined_on_an_array_table(tmp_path):
    # MAPINFO counts from 1: position 29407 is the C at 29406, and its CpG is 29406-29408.
    atlas = Atlas.load(
        write(
            tmp_path,
            "CpGs,CHR,MAPINFO,Monocytes_EPIC,B-cells_EPIC,Neurons",
            "cg17506061,1,29407,0.9,0.85,0.05",
            "cg09365446,X,91555,0.1,NA,0.2",
        )
    )
    assert atlas.calls
    assert (atlas.contigs, atlas.names) == (("1", "X"), ("cg17506061", "cg09365446"))
    assert atlas.cell_types == ("Monocytes_EPIC", "B-cells_EPIC", "Neurons")
    assert list(zip(atlas.starts.tolist(), atlas.ends.tolist(), strict=True)) == [
        (29_406, 29_408),
        (91_554, 91_556),
    ]
    assert atlas.directions == ("M", "M")
    assert atlas.cpgs.tolist() == [1, 1]
    # Furthest from the median .85 of the first line is .05; from .15 of the second, .1 and .2 alike.
    assert atlas.targets == ("Neurons", "Monocytes_EPIC")
    np.testing.assert_array_equal(atlas.fractions, [[0.9, 0.85, 0.05], [0.1, np.nan, 0.2]])


@pytest.mark.parametrize(
    ("header", "line", "interval", "cpgs"),
    [
        ("chr\tstart\ta\tb", "chr1\t10\t0.5\t0.1", (10, 12), 1),
        ("chr\tstart\tend\ta\tb", "chr1\t10\t90\t0.5\t0.1", (10, 90), 0),
        ("a\tb\tPosition\t#CHROM", "0.5\t0.1\t11\tchr1", (10, 12), 1),
    ],
)
def test_columns_by_name(tmp_path, header, line, interval, cpgs):
    atlas = Atlas.load(write(tmp_path, header, line))
    assert (atlas.starts[0], atlas.ends[0]) == interval
    assert atlas.cell_types == ("a", "b")
    assert atlas.names == ("chr1:10",)
    assert atlas.cpgs.tolist() == [cpgs]
    assert atlas.fractions.tolist() == [[0.5, 0.1]]


def test_ids_without_places_say_what_to_add(tmp_path):
    message = refused(write(tmp_path, "CpGs,Monocytes,Neurons", "cg17506061,0.9,0.05"))
    assert "CpG ids without places" in message
    assert "CHR and MAPINFO of the array's manifest" in message


@pytest.mark.parametrize(
    "header", ["a,b,c", "chr,start,a", "chr,a,b", "start,a,b", "name,chr,a,b", "chr\tstart\tdirection\ta\tb"]
)
def test_other_headers_are_named(tmp_path, header):
    assert "line 1: expected the columns chr, start, end" in refused(write(tmp_path, header))


def test_names_of_types_are_unique(tmp_path):
    assert "line 1: cell type a repeats" in refused(write(tmp_path, "chr\tstart\ta\tb\ta", "1\t5\t0\t0\t0"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("chr1\tx\t0.5\t0.1", "line 2: invalid literal"),
        ("chr1\t-4\t0.5\t0.1", "line 2: the interval -4--2 is empty"),
        ("chr1\t10\t50\t10", "line 2: a share lies outside 0..1"),  # per cent
        ("chr1\t10\t0.5", "line 2: 3 columns instead of 4"),
    ],
)
def test_malformed_lines_of_a_cpg_table(tmp_path, line, words):
    assert words in refused(write(tmp_path, "chr\tstart\ta\tb", line))


def test_neighbouring_cpgs_are_blocks_of_their_own(tmp_path):
    # CGCG: Cs at 10 and 12. CpGs given twice overlap.
    assert len(Atlas.load(write(tmp_path, "chr\tstart\ta\tb", "1\t10\t0\t1", "1\t12\t0\t1"))) == 2
    shifted = Atlas.load(write(tmp_path, "chr\tstart\ta\tb", "1\t10\t0\t1", "1\t11\t0\t1"))
    assert (shifted.names, shifted.merged, shifted.dropped) == (("1:10",), 0, 1)
    # A probe that an array has twice, once as it is named and once more, is one CpG.
    twice = Atlas.load(write(tmp_path, "id\tchr\tstart\ta\tb", "cg1_A\t1\t10\t0\t1", "cg1_B\t1\t10\t.2\t1"))
    assert (twice.names, twice.merged, twice.dropped) == (("cg1_A",), 1, 0)
    np.testing.assert_allclose(twice.fractions, [[0.1, 1]])


def test_a_spread_is_one_number(tmp_path):
    header = "\t".join([*OWN, "spread", "liver", "blood"])
    lines = ["1\t0\t5\ta\tliver\tU\t3\t0.02\t0\t1", "1\t5\t9\tb\tliver\tM\t3\t0.02\t0\t1"]
    atlas = Atlas.load(write(tmp_path, header, *lines))
    assert (atlas.spread, atlas.cell_types) == (0.02, ("liver", "blood"))
    atlas.save(tmp_path / "again.tsv")
    assert Atlas.load(tmp_path / "again.tsv").spread == 0.02
    other = lines[1].replace("0.02", "0.03")
    assert "line 3: spread '0.03', but '0.02' on line 2" in refused(write(tmp_path, header, lines[0], other))
    for bad in ("-1", "nan", "1", "x"):
        assert "line 2: " in refused(write(tmp_path, header, lines[0].replace("0.02", bad)))


@pytest.mark.parametrize("calls", [False, True])
def test_our_own_layout_comes_back(tmp_path, calls):
    atlas = Atlas(
        contigs=("1", "2"),
        starts=np.array([5, 7]),
        ends=np.array([9, 100]),
        names=("a", "b"),
        targets=("liver", "blood"),
        directions=("M", "M") if calls else ("U", "M"),
        cell_types=("liver", "blood", "unknown_1"),
        fractions=np.array([[0.25, 1 / 3, 1.0], [np.nan, 0.0, 1e-3]]),
        cpgs=np.array([0, 12]),
        calls=calls,
    )
    path = tmp_path / "own.tsv"
    atlas.save(path)
    again = Atlas.load(path)
    for name in ("contigs", "names", "targets", "directions", "cell_types", "calls"):
        assert getattr(again, name) == getattr(atlas, name)
    for name in ("starts", "ends", "cpgs"):
        np.testing.assert_array_equal(getattr(again, name), getattr(atlas, name))
    np.testing.assert_allclose(again.fractions, atlas.fractions, rtol=1e-5)
    again.save(tmp_path / "again.tsv")
    assert (tmp_path / "again.tsv").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1\t0\t5\ta\tliver\tX\t3\t0\t1", "line 2: measure 'X' is neither U nor M nor calls"),
        ("1\t0\t5\ta\tliver\tU\tmany\t0\t1", "line 2: invalid literal"),
    ],
)
def test_malformed_lines_of_our_own_layout(tmp_path, line, words):
    assert words in refused(write(tmp_path, "\t".join([*OWN, "liver", "blood"]), line))


def test_fragments_and_calls_do_not_mix(tmp_path):
    lines = ["1\t0\t5\ta\tliver\tU\t3\t0\t1", "1\t5\t9\tb\t\tcalls\t\t0\t1"]
    path = write(tmp_path, "\t".join([*OWN, "liver", "blood"]), *lines)
    assert "line 3: measure 'calls', but 'U' on line 2" in refused(path)
