"""Who the rows of a table are: samples with role, label, and what else is known of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import structs

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.cohort.cells import Cells, parse_cell
from cfdna_interp.cohort.checks import check_roles, check_subjects
from cfdna_interp.config.table_settings import FeatureTable, plain_code
from cfdna_interp.errors import Mistakes

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")  # as in sheet_schema.yaml
_SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}


@dataclass(frozen=True)
class People:
    """The samples of a table.

    Attributes
    ----------
    samples
        Those with a role, labels of both roles included.
    rows
        Their rows, from 0.
    names
        The sample of every row of the table; of those without a role as in ``left_out``.
    left_out
        Samples whose role is blank. Nothing else is looked at; where the name is none, or another row's
        too, they are called after their row.
    """

    samples: tuple[Sample, ...]
    rows: tuple[int, ...]
    names: tuple[str, ...]
    left_out: tuple[Sample, ...]


def read_people(cells: Cells, table: FeatureTable, mistakes: Mistakes) -> People:
    """Return who the rows are.

    Parameters
    ----------
    cells
        The table.
    table
        Its settings.
    mistakes
        Takes what is wrong with rows: a role that is none of the two or has one class; of the rows with a
        role, a sample without a name, with a bad one or one that was given before, a label that is none of
        the two, a subject with two roles, labels or sexes, or ages that don't fit. What is returned then
        leaves out rows without a label.

    Raises
    ------
    InputError
        A column is missing, or holds what nobody can read.
    """
    columns = table.columns
    missing = Mistakes()
    for key, name in structs.asdict(columns).items():
        if name is not None:
            with missing.kept():
                cells.check_column(name, f"features.table.columns.{key}")
    for key in ("covariates", "technical"):
        for name in getattr(table, key):
            with missing.kept():
                cells.check_column(name, f"features.table.{key}")
    missing.stop()
    before = mistakes.count
    codes: dict[str, str] = {table.roles.discovery: "discovery", table.roles.heldout: "heldout"}
    roles = _coded(cells, columns.role, codes, mistakes)
    named = tuple(row for row, role in enumerate(roles) if role)
    names = _names(cells, columns.sample, roles, mistakes)
    cells = cells.only(named)
    subjects = _named(cells, columns.subject, names, roles, mistakes) if columns.subject else names
    codes = {table.labels.case: "1", table.labels.control: "0"}
    labels = _coded(cells, columns.label, codes, mistakes, roles)
    # Of rows with one name the first, so that a repeated name is one mistake and not several.
    first = {name: row for row, name in reversed(list(enumerate(names)))}
    rows = tuple(row for row in named if labels[row] and first[names[row]] == row)
    sites = cells.text(columns.site) if columns.site else [""] * len(names)
    batches = cells.text(columns.batch) if columns.batch else sites
    ages = np.full(len(names), np.nan)
    if columns.age:
        with mistakes.kept():
            ages = cells.numbers([columns.age], names)[:, 0]
    sexes = _sexes(cells, columns.sex, names, mistakes) if columns.sex else [""] * len(names)
    technical = {}
    for name in table.technical:
        with mistakes.kept():
            technical[name] = number_or_text(cells, name, names)
    people = [
        Sample(
            sample=names[row],
            subject=subjects[row],
            bam="",
            label=int(labels[row]) if labels[row] else None,
            role=roles[row],
            site=sites[row],
            batch=batches[row],
            age=None if np.isnan(ages[row]) else float(ages[row]),
            sex=sexes[row],
            technical={name: values[row] for name, values in technical.items() if _known(values[row])},
        )
        for row in range(len(names))
    ]
    samples = [people[row] for row in rows]
    with mistakes.kept():
        check_subjects(samples, [f"row {row + 1}" for row in rows], f"table {cells.path}")
    if mistakes.count == before:  # otherwise a wrong code looks like a role without subjects
        with mistakes.kept():
            check_roles(samples, f"table {cells.path}")
    left_out = tuple(sample for sample in people if not sample.role)
    return People(tuple(samples), rows, tuple(names), left_out)


def number_or_text(cells: Cells, name: str, samples: Sequence[str]) -> list[float] | list[str]:
    """Return a column as numbers (NaN missing) where all of its cells are numbers, else as text.

    Raises
    ------
    InputError
        All cells are numbers, but not all of them finite.
    """
    text = cells.text(name)
    if any(isinstance(parse_cell(cell or "0"), str) for cell in text):
        return text
    numbers: list[float] = cells.numbers([name], samples)[:, 0].tolist()
    return numbers


def _known(value: float | str) -> bool:
    return value != "" if isinstance(value, str) else not np.isnan(value)


def _names(cells: Cells, column: str, roles: Sequence[str], mistakes: Mistakes) -> list[str]:
    names = _named(cells, column, None, roles, mistakes)
    counts = Counter(names)
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        if not roles[row] or not name:
            continue
        if name in first:
            mistakes.add(
                f"sample {name}: table {cells.path}, row {row + 1}: stands on row {first[name] + 1} already; "
                "each row needs a sample of its own (features.table.columns.subject joins those of a person)"
            )
        first.setdefault(name, row)
    return [
        name if roles[row] or (_NAME.fullmatch(name) and counts[name] == 1) else f"row {row + 1}"
        for row, name in enumerate(names)
    ]


def _named(
    cells: Cells, column: str, samples: Sequence[str] | None, roles: Sequence[str], mistakes: Mistakes
) -> list[str]:
    names = cells.text(column)
    for row, name in enumerate(names):
        if roles[row] and not _NAME.fullmatch(name):
            who = "" if samples is None else f"sample {samples[row]}: "
            what = f"{name!r} is not allowed as a name" if name else "the name is empty"
            mistakes.add(
                f"{who}table {cells.path}, row {row + 1}, column {column!r}: {what}; give letters, digits, "
                '".", "_" and "-", starting with a letter or digit, at most 200 of them'
            )
    return names


def _coded(
    cells: Cells,
    column: str,
    codes: dict[str, str],
    mistakes: Mistakes,
    needed: Sequence[str] | None = None,
) -> list[str]:
    """Return what a column's codes mean, "" for an unknown one.

    A blank cell is "", and a mistake where ``needed`` says something.
    """
    text = [plain_code(cell) for cell in cells.text(column)]
    codes = {plain_code(code): meaning for code, meaning in codes.items()}
    found = sorted({other for other in text if other})
    for row, cell in enumerate(text):
        if cell in codes or (needed is not None and not needed[row]) or (needed is None and not cell):
            continue
        mistakes.add(
            f"table {cells.path}, row {row + 1}, column {column!r}: {cell or 'an empty cell'!r} is neither "
            f"{' nor '.join(repr(code) for code in codes)}; the column holds {', '.join(found[:8])}"
            f"{', ...' if len(found) > 8 else ''}: say what they mean in features.table."
            f"{'roles' if needed is None else 'labels'}, or drop the row"
        )
    return [codes.get(cell, "") for cell in text]


def _sexes(cells: Cells, column: str, samples: Sequence[str], mistakes: Mistakes) -> list[str]:
    text = cells.text(column)
    for row, cell in enumerate(text):
        if cell and cell.lower() not in _SEXES:
            mistakes.add(
                f"sample {samples[row]}: table {cells.path}, row {row + 1}, column {column!r}: {cell!r} is "
                "not allowed; give F, M or an empty cell, or name the column under features.table.covariates"
            )
    return [_SEXES.get(cell.lower(), "") for cell in text]
