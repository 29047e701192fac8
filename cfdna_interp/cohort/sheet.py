"""Reading a sample sheet that a person wrote, with every mistake named by line and column."""

from __future__ import annotations

import csv
import difflib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cfdna_interp.artifacts.addresses import is_remote, shown
from cfdna_interp.artifacts.sheet import COLUMNS, MEASURED, Sample
from cfdna_interp.cohort.cells import LARGEST, near, parse_cell
from cfdna_interp.cohort.checks import check_roles, check_subjects
from cfdna_interp.config import Config
from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError, Mistakes

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
    mistakes = Mistakes()
    with mistakes.kept():
        _check_columns(file, line, header, config.extract.technical_columns, NEEDED)
    with mistakes.kept():
        _check_further(file, header, config.extract.technical_columns)
    mistakes.stop()  # which cell is what can't be told before
    sound = _sound_rows(file, rows, NEEDED, mistakes)
    technical = [name for name in header if name not in COLUMNS]
    # How a library was read is handling where it differs between libraries.
    technical += [
        name
        for name in ("reads", "chemistry", "library")
        if len({row.cells.get(name, "") for row in rows}) > 1
    ]
    numeric = {name for name in technical if _all_numbers(row.cells.get(name, "") for row in rows)}
    sound = _finite_rows(file, sound, {"age", *numeric}, mistakes)
    sound, samples = _samples(sound, file, technical, numeric, "batch" in header, mistakes)
    with mistakes.kept():
        _check_duplicates(file, sound, samples)
    with mistakes.kept():
        check_subjects(samples, [f"line {row.line}" for row in sound], f"sheet {file}")
    if not mistakes.count:  # otherwise a line with a mistake may be the one that is missing
        with mistakes.kept():
            check_roles(samples, f"sheet {file}")
    mistakes.stop()
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
    mistakes = Mistakes()
    rows = _sound_rows(file, rows, NEEDED_TO_SCORE, mistakes)
    technical = [name for name in header if name not in COLUMNS]
    rows = _finite_rows(file, rows, {"age", *technical} - set(categories), mistakes)
    rows, samples = _samples(rows, file, technical, set(), "batch" in header, mistakes)
    with mistakes.kept():
        _check_duplicates(file, rows, samples)
    mistakes.stop()
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


@dataclass(frozen=True)
class _Rule:
    """What the schema says of the cells of a column."""

    pattern: re.Pattern[str] | None
    enum: tuple[str, ...]
    shortest: int
    longest: float
    description: str

    def allows(self, cell: str) -> bool:
        if self.enum:
            return cell in self.enum
        return self.shortest <= len(cell) <= self.longest and (
            self.pattern is None or self.pattern.search(cell) is not None
        )


@cache
def _rule(column: str) -> _Rule:
    # A validator of JSON schemas takes minutes for 100,000 rows.
    schema = _schema()
    said = schema["properties"].get(column, schema["additionalProperties"])
    if "$ref" in said:
        said = schema["$defs"][said["$ref"].rpartition("/")[2]]
    enum = tuple(said.get("enum", ()))
    return _Rule(
        pattern=re.compile(said["pattern"]) if "pattern" in said else None,
        enum=enum,
        shortest=said.get("minLength", 0),
        longest=said.get("maxLength", float("inf")),
        description=f"one of {', '.join(enum)}" if enum else said.get("description", "text"),
    )


def _read_table(file: Path) -> tuple[int, list[str], list[_Row]]:
    """Return the line of the header, the header, and the rows."""
    check_regular(file, "sheet", "set sheet in the config to your table")
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
    mistakes = Mistakes()
    known = [*schema["properties"], *further]
    counts = Counter(header)
    meant = set()  # columns that are there under a wrong name
    for name in counts:
        if name in MEASURED:
            mistakes.add(
                f"sheet {file}, line {line}: column {name!r} is measured in the alignments; rename it "
                "or drop it"
            )
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant.update(close)
            hint = f"did you mean {close[0]!r}?" if close else f"known columns: {', '.join(known)}"
            mistakes.add(
                f"sheet {file}, line {line}: unknown column {name!r}; {hint} "
                "(list further columns in extract.technical_columns)"
            )
        if counts[name] > 1:
            mistakes.add(f"sheet {file}, line {line}: column {name!r} occurs twice; drop one")
    missing = [name for name in needed if name not in header]
    for name in missing:
        if name not in meant:
            mistakes.add(f"sheet {file}, line {line}: column {name!r} is missing; add it")
    mistakes.stop()


def _check_further(file: Path, header: Sequence[str], further: Sequence[str]) -> None:
    """Raise ``InputError`` where a name in ``extract.technical_columns`` would do nothing."""
    mistakes = Mistakes()
    for name in further:
        if name in COLUMNS:
            mistakes.add(
                f"extract.technical_columns: {name!r} is a column with a use of its own; leave it out there"
            )
        elif name not in header:
            mistakes.add(
                f"extract.technical_columns: sheet {file} has no column {name!r}; {near(name, header)}"
            )
    mistakes.stop()


def _sound_rows(file: Path, rows: Sequence[_Row], needed: tuple[str, ...], mistakes: Mistakes) -> list[_Row]:
    """Return the rows whose cells are all allowed."""
    sound = []
    for row in rows:
        before = mistakes.count
        who = f"sample {row.cells['sample']}: " if "sample" in row.cells else ""
        for name in needed:
            if name not in row.cells:
                mistakes.add(f"{who}sheet {file}, line {row.line}: column {name!r} is empty; fill it in")
        for name, cell in row.cells.items():
            rule = _rule(name)
            if not rule.allows(cell):
                mistakes.add(
                    f"{who}sheet {file}, line {row.line}, column {name!r}: {cell!r} is not allowed; give "
                    f"{rule.description}"
                )
        if mistakes.count == before:
            sound.append(row)
    return sound


def _finite_rows(file: Path, rows: Sequence[_Row], names: Collection[str], mistakes: Mistakes) -> list[_Row]:
    """Return the rows without a number beyond what anything measures; 1e999 reads as infinity."""
    finite = []
    for row in rows:
        before = mistakes.count
        for name, cell in row.cells.items():
            value = parse_cell(cell) if name in names else 0.0
            if isinstance(value, float) and not abs(value) <= LARGEST:
                mistakes.add(
                    f"sample {row.cells['sample']}: sheet {file}, line {row.line}, column {name!r}: {cell!r} "
                    f"is no finite number of at most {LARGEST:g}; correct it, or leave the cell empty"
                )
        if mistakes.count == before:
            finite.append(row)
    return finite


def _all_numbers(cells: Iterator[str]) -> bool:
    return all(isinstance(parse_cell(cell or "0"), float) for cell in cells)


def _samples(
    rows: Sequence[_Row],
    file: Path,
    technical: Sequence[str],
    numeric: set[str],
    has_batch: bool,
    mistakes: Mistakes,
) -> tuple[list[_Row], list[Sample]]:
    """Return the rows whose alignments have a path, and their samples."""
    places = _Places(file)
    sound, samples = [], []
    for row in rows:
        with mistakes.kept():
            samples.append(
                _sample(row, places.of(row), places.of(row, "index"), technical, numeric, has_batch)
            )
            sound.append(row)
    return sound, samples


def _sample(
    row: _Row, bam: str, index: str, technical: Sequence[str], numeric: set[str], has_batch: bool
) -> Sample:
    cells = row.cells
    site = cells.get("site", "")
    return Sample(
        sample=cells["sample"],
        subject=cells.get("subject", cells["sample"]),
        bam=bam,
        index=index,
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


class _Places:
    """Where the alignments of a sheet's rows are; a folder is looked up once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._folder = os.path.dirname(os.path.realpath(file))
        self._known: dict[str, str] = {}

    def of(self, row: _Row, column: str = "bam") -> str:
        """Return the path, or the address, of a row's alignments or of their index; "" for no cell."""
        bam = row.cells.get(column, "")
        if not bam or is_remote(bam):
            return bam
        try:
            if "\0" in bam:
                raise ValueError("embedded null byte")
            path = os.path.join(self._folder, Path(bam).expanduser())
            folder, name = os.path.split(path)
            if folder not in self._known:
                self._known[folder] = str(Path(folder).resolve())
            place = os.path.join(self._known[folder], name)
            return str(Path(place).resolve()) if name in ("", ".", "..") or os.path.islink(place) else place
        except (RuntimeError, ValueError) as error:  # no such home folder, links in a circle; a NUL byte
            raise InputError(
                f"sample {row.cells['sample']}: sheet {self._file}, line {row.line}, column {column!r}: "
                f"{bam!r} leads nowhere ({str(error).rstrip('.')}); write the path out"
            ) from None


def _check_duplicates(file: Path, rows: Sequence[_Row], samples: Sequence[Sample]) -> None:
    mistakes = Mistakes()
    for column in ("sample", "bam"):
        first: dict[str, int] = {}
        for row, sample in zip(rows, samples, strict=True):
            value = getattr(sample, column)
            if value in first:
                mistakes.add(
                    f"sample {sample.sample}: sheet {file}, line {row.line}: {column} {shown(value)} stands "
                    f"on line {first[value]} already; each sample needs its own"
                )
            first.setdefault(value, row.line)
    mistakes.stop()
