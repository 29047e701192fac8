"""Reading a sample sheet that a person wrote, with every mistake named by line and column."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cfdna_interp.artifacts.sheet import COLUMNS, MEASURED, Sample
from cfdna_interp.cohort.cells import LARGEST, near, parse_cell
from cfdna_interp.cohort.checks import check_roles, check_subjects
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError

SCHEMA = Path(__file__).with_name("sheet_schema.yaml")
NEEDED = ("sample", "subject", "bam", "label", "role")
NEEDED_TO_SCORE = ("sample", "bam")


@dataclass(frozen=True)
class _Row:
    line: int
    cells: dict[str, str]  # column -> text, empty cells left out


def read_sheet(path: Path | str, config: Config) -> list[Sample]:
    """Read and check a sample sheet.

    Parameters
    ----------
    path
        A table with a header line, separated by tabs or commas. Relative ``bam`` paths start at the
        sheet's folder.
    config
        Its ``extract.technical_columns`` names further columns that the sheet may have.

    Returns
    -------
    One sample per row in the order of the sheet, labels of both roles included. ``batch`` is the site
    where the sheet has no batch column.

    Raises
    ------
    InputError
        An unknown column, or a technical one that is not there, a bad cell, a duplicate sample or BAM, a
        subject in both roles or with two labels, a role without subjects or with one class only.
    """
    file = Path(path)
    line, header, rows = _read_table(file)
    _check_columns(file, line, header, config.extract.technical_columns, NEEDED)
    _check_further(file, header, config.extract.technical_columns)
    for row in rows:
        _check_row(file, row, NEEDED)
    technical = [name for name in header if name not in COLUMNS]
    # How a library was read is handling where it differs between libraries.
    technical += [
        name
        for name in ("reads", "chemistry", "library")
        if len({row.cells.get(name, "") for row in rows}) > 1
    ]
    numeric = {name for name in technical if _all_numbers(row.cells.get(name, "") for row in rows)}
    _check_numbers(file, rows, {"age", *numeric})
    samples = [_sample(row, file, technical, numeric, "batch" in header) for row in rows]
    _check_duplicates(file, rows, samples)
    check_subjects(samples, [f"line {row.line}" for row in rows], f"sheet {file}")
    check_roles(samples, f"sheet {file}")
    return samples


def read_new_samples(
    path: Path | str, further: Sequence[str], categories: Collection[str] = ()
) -> list[Sample]:
    """Read a sheet of samples that are to be scored: ``sample`` and ``bam``, and any other column of a sheet.

    Parameters
    ----------
    path
        As for :func:`read_sheet`.
    further
        Columns of the run's sheets beside the known ones.
    categories
        Those of them that hold codes, whatever they look like; in all others a cell that is a number is one.

    Returns
    -------
    One sample per row in the order of the sheet. Labels and roles are not looked at.

    Raises
    ------
    InputError
        An unknown column, a bad cell, a duplicate sample or BAM.
    """
    file = Path(path)
    line, header, rows = _read_table(file)
    _check_columns(file, line, header, further, NEEDED_TO_SCORE)
    rows = [
        _Row(row.line, {name: cell for name, cell in row.cells.items() if name not in ("label", "role")})
        for row in rows
    ]
    for row in rows:
        _check_row(file, row, NEEDED_TO_SCORE)
    technical = [name for name in header if name not in COLUMNS]
    _check_numbers(file, rows, {"age", *technical} - set(categories))
    samples = [_sample(row, file, technical, set(), "batch" in header) for row in rows]
    _check_duplicates(file, rows, samples)
    return [
        replace(
            sample,
            technical={
                name: cell if name in categories else parse_cell(str(cell))
                for name, cell in sample.technical.items()
            },
        )
        for sample in samples
    ]


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    return schema


@cache
def _validator(needed: tuple[str, ...]) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator({**_schema(), "required": list(needed)})


def _read_table(file: Path) -> tuple[int, list[str], list[_Row]]:
    """Return the line of the header, the header, and the rows."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"sheet {file} does not exist; set sheet in the config to your table") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"sheet {file} cannot be read ({error}); save it as UTF-8 text") from None
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise InputError(f"sheet {file} is empty; give a header line and one row per sample")
    separator = "," if file.suffix.lower() == ".csv" or "\t" not in first else "\t"
    reader = csv.reader(lines, delimiter=separator, strict=True)
    header: list[str] = []
    rows = []
    at, begin = 0, 1  # where the header stands, and where the row begins that is read next
    try:
        for cells in reader:
            line, begin = begin, reader.line_num + 1
            stripped = [cell.strip() for cell in cells]
            if not any(stripped):
                continue
            if not header:
                at, header = line, stripped
                _check_separator(file, line, header)
                continue
            if len(stripped) != len(header):
                quote = f" (a quotation mark holds it open to line {begin - 1})" if begin > line + 1 else ""
                raise InputError(
                    f"sheet {file}, line {line}: {len(stripped)} cells under "
                    f"{len(header)} columns{quote}; correct the line"
                )
            filled = {name: cell for name, cell in zip(header, stripped, strict=True) if cell}
            rows.append(_Row(line, filled))
    except csv.Error as error:
        said = str(error)
        if reader.line_num > begin:
            said = f"a quotation mark opens here and is not closed before line {reader.line_num}"
        raise InputError(f"sheet {file}, line {begin}: {said}; correct the quoting") from None
    if not rows:
        raise InputError(f"sheet {file} has no sample; give one row per sample")
    return at, header, rows


def _check_separator(file: Path, line: int, header: Sequence[str]) -> None:
    """Raise ``InputError`` where a header of one column holds what else columns are separated by."""
    if len(header) > 1 or not any(sign in header[0] for sign in (";", "|", "\t")):
        return
    remedy = "tabs or commas"
    if file.suffix.lower() == ".csv":
        remedy = "commas, or call it .tsv" if "\t" in header[0] else "commas"
    raise InputError(f"sheet {file}, line {line}: {header[0]!r} is one column; separate columns by {remedy}")


def _check_columns(
    file: Path, line: int, header: Sequence[str], further: Sequence[str], needed: tuple[str, ...]
) -> None:
    schema = _schema()
    known = [*schema["properties"], *further]
    for name in header:
        if name in MEASURED:
            raise InputError(
                f"sheet {file}, line {line}: column {name!r} is measured in the alignments; rename it "
                "or drop it"
            )
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known columns: {', '.join(known)}"
            raise InputError(
                f"sheet {file}, line {line}: unknown column {name!r}; {hint} "
                "(list further columns in extract.technical_columns)"
            )
        if header.count(name) > 1:
            raise InputError(f"sheet {file}, line {line}: column {name!r} occurs twice; drop one")
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(f"sheet {file}, line {line}: column {missing[0]!r} is missing; add it")


def _check_further(file: Path, header: Sequence[str], further: Sequence[str]) -> None:
    """Raise ``InputError`` where a name in ``extract.technical_columns`` would do nothing."""
    for name in further:
        if name in COLUMNS:
            raise InputError(
                f"extract.technical_columns: {name!r} is a column with a use of its own; leave it out there"
            )
        if name not in header:
            raise InputError(
                f"extract.technical_columns: sheet {file} has no column {name!r}; {near(name, header)}"
            )


def _check_numbers(file: Path, rows: Sequence[_Row], names: Collection[str]) -> None:
    """Raise ``InputError`` where a number is beyond what anything measures; 1e999 reads as infinity."""
    for row in rows:
        for name, cell in row.cells.items():
            value = parse_cell(cell) if name in names else 0.0
            if isinstance(value, float) and not abs(value) <= LARGEST:
                raise InputError(
                    f"sample {row.cells['sample']}: sheet {file}, line {row.line}, column {name!r}: {cell!r} "
                    f"is no finite number of at most {LARGEST:g}; correct it, or leave the cell empty"
                )


def _check_row(file: Path, row: _Row, needed: tuple[str, ...]) -> None:
    for error in sorted(_validator(needed).iter_errors(row.cells), key=lambda e: str(list(e.absolute_path))):
        who = f"sample {row.cells['sample']}: " if "sample" in row.cells else ""
        if error.validator == "required":
            column = next(name for name in needed if name not in row.cells)
            raise InputError(f"{who}sheet {file}, line {row.line}: column {column!r} is empty; fill it in")
        wanted = (
            f"one of {', '.join(error.validator_value)}"
            if error.validator == "enum"
            else error.schema.get("description", "text")
        )
        raise InputError(
            f"{who}sheet {file}, line {row.line}, column {error.absolute_path[0]!r}: "
            f"{error.instance!r} is not allowed; give {wanted}"
        )


def _all_numbers(cells: Iterator[str]) -> bool:
    return all(isinstance(parse_cell(cell or "0"), float) for cell in cells)


def _sample(row: _Row, file: Path, technical: Sequence[str], numeric: set[str], has_batch: bool) -> Sample:
    cells = row.cells
    site = cells.get("site", "")
    return Sample(
        sample=cells["sample"],
        subject=cells.get("subject", cells["sample"]),
        bam=_place(row, file),
        label=int(cells["label"]) if "label" in cells else None,
        role=cells.get("role", "heldout"),
        site=site,
        batch=cells.get("batch", "") if has_batch else site,
        age=float(cells["age"]) if "age" in cells else None,
        sex=cells.get("sex", ""),
        methylation=cells.get("methylation", ""),
        reads=cells.get("reads", ""),
        chemistry=cells.get("chemistry", ""),
        library=cells.get("library", ""),
        technical={
            name: float(cells[name]) if name in numeric else cells[name]
            for name in technical
            if name in cells
        },
    )


def _place(row: _Row, file: Path) -> str:
    """Return the absolute path, or the address, of a row's alignments."""
    bam = row.cells["bam"]
    if "://" in bam:
        return bam
    try:
        return str((file.resolve().parent / Path(bam).expanduser()).resolve())
    except (RuntimeError, ValueError) as error:  # no such home folder, links in a circle; a NUL byte
        raise InputError(
            f"sample {row.cells['sample']}: sheet {file}, line {row.line}, column 'bam': {bam!r} leads "
            f"nowhere ({str(error).rstrip('.')}); write the path out"
        ) from None


def _check_duplicates(file: Path, rows: Sequence[_Row], samples: Sequence[Sample]) -> None:
    for column in ("sample", "bam"):
        first: dict[str, int] = {}
        for row, sample in zip(rows, samples, strict=True):
            value = getattr(sample, column)
            if value in first:
                raise InputError(
                    f"sample {sample.sample}: sheet {file}, line {row.line}: {column} {value} stands on "
                    f"line {first[value]} already; each sample needs its own"
                )
            first[value] = row.line
