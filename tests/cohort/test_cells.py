"""Cells as they were written: the same from every format, wrong ones shown with their place."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfdna_interp.cohort.cells import LARGEST, MISSING, read_cells
from cfdna_interp.errors import InputError


def text(folder, content: str, name: str = "a.csv"):
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@given(values=st.lists(st.floats(-LARGEST, LARGEST), min_size=1, max_size=20))
def test_numbers_come_back_as_they_were(tmp_path_factory, values) -> None:
    folder = tmp_path_factory.mktemp("cells")
    lines = "".join(f"S{i}, {value!r} \n" for i, value in enumerate(values))
    pq.write_table(pa.table({"s": [f"S{i}" for i in range(len(values))], "x": values}), folder / "a.parquet")
    for path in (text(folder, "s,x\n" + lines), folder / "a.parquet"):
        cells = read_cells(path)
        assert cells.numbers(["x"], cells.text("s"))[:, 0].tolist() == values


def test_missing_in_every_spelling(tmp_path) -> None:
    rows = "".join(f"S{i},{cell}\n" for i, cell in enumerate(MISSING))
    cells = read_cells(text(tmp_path, "s,x\n" + rows))
    assert np.isnan(cells.numbers(["x"], cells.text("s"))).all()
    assert cells.text("x") == [""] * len(MISSING)


def test_names_keep_their_zeros_and_whole_numbers_have_no_point(tmp_path) -> None:
    assert read_cells(text(tmp_path, "s,x\n007,1\n", "a.csv")).text("s") == ["007"]
    path = tmp_path / "b.parquet"
    pd.DataFrame({"s": [7.0, np.nan], "t": pd.Categorical(["a", None]), "u": [True, False]}).to_parquet(path)
    cells = read_cells(path)
    assert (cells.text("s"), cells.text("t")) == (["7", ""], ["a", ""])
    assert cells.numbers(["u"], ["A", "B"])[:, 0].tolist() == [1.0, 0.0]


def test_tabs_a_mark_of_byte_order_and_quoted_line_breaks(tmp_path) -> None:
    cells = read_cells(text(tmp_path, '\ufeff"s"\tx\n"a\nb"\t+1.5\n', "a.txt"))
    assert cells.columns == ["s", "x"]
    assert cells.numbers(["x"], ["a"]).tolist() == [[1.5]]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [("0;5", "'0;5'"), ("1_000", "'1_000'"), ("inf", "'inf'"), ("<0.1", "'<0.1'"), ("-1e101", "'-1e+101'")],
)
def test_what_is_no_number_is_shown(tmp_path, cell, shown) -> None:
    cells = read_cells(text(tmp_path, f"s,x\nA,1\nB,{cell}\n"))
    with pytest.raises(InputError) as caught:
        cells.numbers(["x"], ["A", "B"])
    assert str(caught.value).startswith(
        f"sample B: table {tmp_path / 'a.csv'}, row 2, column 'x': {shown} is no finite number "
        "(of at most 1e+100); correct it"
    )


def test_rows_with_wrong_cells_can_be_told_from_the_others(tmp_path) -> None:
    cells = read_cells(text(tmp_path, "s,x,y\nA,1,2\nB,high,1e200\nC,3,inf\nD,,5\n"))
    bad: dict[int, InputError] = {}
    found = cells.numbers(["x", "y"], ["A", "B", "C", "D"], bad)
    np.testing.assert_equal(found, [[1, 2], [np.nan, np.nan], [3, np.nan], [np.nan, 5]])
    assert sorted(bad) == [1, 2]
    assert "row 2, column 'x': 'high'" in str(bad[1])  # the first of two
    assert "sample C: " in str(bad[2]) and "row 3, column 'y': 'inf'" in str(bad[2])


def test_an_infinite_code_is_text(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"s": [1.0, np.inf, -np.inf, np.nan, 0.5]}).to_parquet(path)
    assert read_cells(path).text("s") == ["1", "inf", "-inf", "", "0.5"]


def test_decimals_are_numbers(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    decimals = pa.array([Decimal("0.125"), Decimal("-2.500"), None], pa.decimal128(4, 3))
    pq.write_table(pa.table({"x": decimals}), path)
    found = read_cells(path).numbers(["x"], ["A", "B", "C"])[:, 0]
    assert found[:2].tolist() == [0.125, -2.5] and np.isnan(found[2])


def test_lists_are_no_cells(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"s": [{"a": 1}], "t": [[1, 2]]}), path)
    for name, kind in (("s", "struct"), ("t", "list")):
        with pytest.raises(InputError, match=rf"a\.parquet, column '{name}': {kind}<.* instead of text"):
            read_cells(path).text(name)


def test_a_column_of_dates_is_no_feature(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"d": pd.to_datetime(["2024-01-01"])}).to_parquet(path)
    with pytest.raises(InputError, match=r"column 'd': timestamp.* instead of numbers"):
        read_cells(path).numbers(["d"], ["A"])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "", "0 column\\(s\\) in its first line; separate columns by commas"),
        ("a.tsv", "s,x\nA,1\n", "1 column\\(s\\) in its first line; .* tabs, or call it .csv"),
        ("a.csv", "s,x\n", "has no row"),
        ("a.csv", "s,x,x\nA,1,2\n", "column 'x' occurs twice"),
        ("a.csv", 's,"x\ty"\nA,1\n', r"column 'x\\ty' has a control character"),
        ("a.tsv", 's\t"x\ny"\nA\t1\n', r"column 'x\\ny' has a control character"),
        ("a.csv", "s,x\nA,1,2\n", "cannot be read .*Expected 2 columns, got 3"),
        ("a.parquet", "s,x\nA,1\n", "cannot be read .*Parquet"),
        ("a.h5ad", "s,x\nA,1\n", "cannot be read"),
    ],
)
def test_files_that_are_no_tables(tmp_path, name, content, said) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_cells(text(tmp_path, content, name))
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_not_text(tmp_path) -> None:
    with pytest.raises(InputError, match=r"does not exist; correct features\.table\.path"):
        read_cells(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_bytes(b"s,x\n\xff,1\n")
    with pytest.raises(InputError, match="cannot be read"):
        read_cells(tmp_path / "a.csv")
