"""The cells of a table that a person made: CSV, tab-separated text, Parquet or h5ad, nothing guessed."""

from __future__ import annotations

import csv
import difflib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from cfdna_interp.cohort.h5ad_table import read_h5ad
from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError, Mistakes

# What stands for a missing value, beside an empty cell.
MISSING = ("", "NA", "N/A", "na", "n/a", "NaN", "nan", "NULL", "Null", "null", "None", "none")
LARGEST = 1e100  # no measured value; squares of what is beyond overflow, and DBL_MAX stands for missing
_BLOCK = 1 << 27  # bytes: a line of a wide table has to fit into a block


@dataclass(frozen=True, eq=False)
class Cells:
    """A table as it was written; rows are counted from 1, below the header.

    Attributes
    ----------
    path
        Where it was read from; errors name it.
    table
        Text as text; numbers only where the format itself knows them.
    used
        Of each row its number, from 0, or null where it isn't looked at and all of its cells count as
        missing. None: all rows are looked at.
    """

    path: Path
    table: pa.Table
    used: pa.Array | None = None

    @property
    def columns(self) -> list[str]:
        """The names of the columns in the order of the file."""
        return list(self.table.column_names)

    def only(self, rows: Sequence[int]) -> Cells:
        """Return the table with the cells of all other rows missing; rows are counted from 0."""
        if len(rows) == self.table.num_rows:
            return replace(self, used=None)
        unused = np.ones(self.table.num_rows, dtype=bool)
        unused[list(rows)] = False
        return replace(self, used=pa.array(np.arange(len(unused)), mask=unused))

    def check_column(self, name: str, setting: str) -> None:
        """Raise ``InputError`` unless the table has a column that a setting names."""
        if name not in self.table.column_names:
            raise InputError(
                f"table {self.path}: no column {name!r}; {near(name, self.columns)} (set {setting})"
            )

    def text(self, name: str) -> list[str]:
        """Return a column as text without outer blanks, "" where missing; a whole number has no point."""
        column = self._dense(name)
        if pa.types.is_floating(column.type):
            values = column.to_numpy(zero_copy_only=False).tolist()
            return ["" if v != v else str(int(v)) if v.is_integer() else repr(v) for v in values]
        try:
            cells = pc.utf8_trim_whitespace(column.cast(pa.string())).to_pylist()
        except pa.ArrowException:  # lists, structs, bytes that are no text
            raise InputError(
                f"table {self.path}, column {name!r}: {column.type} instead of text or numbers; give one "
                "value a row"
            ) from None
        return ["" if cell is None or cell in MISSING else cell for cell in cells]

    def numbers(
        self, names: Sequence[str], samples: Sequence[str], bad: dict[int, InputError] | None = None
    ) -> np.ndarray:
        """Return (rows, columns) float64, NaN where missing.

        Parameters
        ----------
        names
            Columns.
        samples
            The rows' names in errors.
        bad
            Takes row, from 0, -> the error of its first wrong cell, which counts as missing then; None: the
            errors of all wrong cells are raised together.

        Raises
        ------
        InputError
            A cell is neither a finite number, at most 1e100 in size, nor missing; or a whole column holds
            something else than numbers or text.
        """
        mistakes = Mistakes()
        values = np.empty((self.table.num_rows, len(names)))
        for place, name in enumerate(names):
            found: dict[int, InputError] = {}
            column = self._column(name, samples, found)
            for row in np.flatnonzero(np.abs(column) > LARGEST).tolist():
                found[row] = self._not_a_number(name, samples, row, str(column[row]))
                column[row] = np.nan
            if bad is None:
                for row in sorted(found):
                    mistakes.take(found[row])
            if bad is not None:
                bad.update({row: error for row, error in found.items() if row not in bad})
            values[:, place] = column
        mistakes.stop()
        return values

    def _dense(self, name: str) -> Any:
        array = self.table[name].combine_chunks()
        if self.used is not None:
            array = array.take(self.used)
        return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array

    def _column(self, name: str, samples: Sequence[str], bad: dict[int, InputError]) -> np.ndarray:
        column = self._dense(name)
        kind = column.type
        if pa.types.is_boolean(kind):
            column = column.cast(pa.int8())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column = pc.utf8_trim_whitespace(column)
            missing = pc.is_in(column, value_set=pa.array(MISSING, column.type))
            column = pc.if_else(missing, pa.scalar(None, column.type), column)
        elif not (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_decimal(kind)
            or pa.types.is_null(kind)
        ):
            raise InputError(
                f"table {self.path}, column {name!r}: {kind} instead of numbers; leave it out of the features"
            )
        try:
            # Whole numbers beyond 2**53 are rounded, as everywhere with float64.
            numbers = column.cast(pa.float64(), safe=False)
        except pa.ArrowInvalid:
            values = np.full(len(column), np.nan)
            for row, cell in enumerate(column.to_pylist()):
                value = np.nan if cell is None else parse_cell(cell)
                if isinstance(value, str):
                    bad[row] = self._not_a_number(name, samples, row, value)
                else:
                    values[row] = value
            return values
        return np.array(numbers.to_numpy(zero_copy_only=False))  # Arrow's own may be read-only

    def _not_a_number(self, name: str, samples: Sequence[str], row: int, cell: str) -> InputError:
        return InputError(
            f"sample {samples[row]}: table {self.path}, row {row + 1}, column {name!r}: {cell!r} is no "
            f"finite number (of at most {LARGEST:g}); correct it, or leave the cell empty where "
            "nothing was measured"
        )


def parse_cell(cell: str) -> float | str:
    """Return a cell as a number where it is one, else as it stands; "" is unknown."""
    try:
        return cell if "_" in cell else float(cell)  # Python groups digits so; 2024_01 is a code
    except ValueError:
        return cell


def near(name: str, known: Iterable[str]) -> str:
    """Return a hint at the name that was meant, or at the first ones there are."""
    names = list(known)
    found = difflib.get_close_matches(name, names, n=1)
    if found:
        return f"did you mean {found[0]!r}?"
    return f"it has {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"


def read_cells(path: Path | str, setting: str = "features.table.path") -> Cells:
    """Read a whole table: ``.csv``, ``.parquet``, ``.h5ad``, or tab-separated under any other name.

    Of an h5ad file the columns are those of ``obs``, its index under its own name or ``sample``, and the
    variables of ``X``. ``setting`` says in errors where the path comes from.

    Raises
    ------
    InputError
        The file is missing or damaged, has no row, two columns of one name, or a name with a tab, line break
        or other control character.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    try:
        check_regular(file, "table", f"correct {setting}")
        if not file.is_file():
            raise InputError(f"table {file} does not exist; correct {setting}")
        if suffix == ".h5ad":
            table = read_h5ad(file)
        elif suffix in (".parquet", ".pq"):
            table = pq.read_table(file, use_threads=False)
        else:
            table = _read_text(file, "," if suffix == ".csv" else "\t")
    except (OSError, KeyError, ValueError, csv.Error) as error:  # Arrow's own errors are ValueErrors
        said = " ".join(str(error).split())[:300]
        raise InputError(
            f"table {file} cannot be read ({said}); give CSV, tab-separated text, Parquet or h5ad"
        ) from None
    if not table.num_rows:
        raise InputError(f"table {file} has no row; give one row per sample")
    _check_names(file, table.column_names)
    return Cells(file, table)


def _check_names(file: Path, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        counts = Counter(names)
        twice = next(name for name in names if counts[name] > 1)
        raise InputError(f"table {file}: column {twice!r} occurs twice; rename or drop one")
    for name in names:
        # Names go into tab-separated lines, reports and logs.
        if any(unicodedata.category(sign) == "Cc" for sign in name):
            raise InputError(f"table {file}: column {name!r} has a control character in its name; rename it")


def _read_text(file: Path, separator: str) -> pa.Table:
    with open(file, encoding="utf-8-sig", newline="") as handle:
        header = next(csv.reader(handle, delimiter=separator), [])
    if len(header) < 2:
        raise InputError(
            f"table {file} has {len(header)} column(s) in its first line; separate columns by "
            f"{'commas' if separator == ',' else 'tabs, or call it .csv'}"
        )
    _check_names(file, header)
    # Cells stay text, so that a wrong one can be shown as it stands and 007 keeps its zeros.
    return pacsv.read_csv(
        file,
        read_options=pacsv.ReadOptions(use_threads=False, block_size=_BLOCK),
        parse_options=pacsv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(column_types={name: pa.string() for name in header}),
    )
