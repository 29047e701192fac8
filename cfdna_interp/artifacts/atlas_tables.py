"""The layouts of an atlas table, which are recognised by their header.

- **UXM** (https://github.com/nloyfer/UXM_deconv): tab-separated, columns ``LEADING``, then a column per cell
  type with the share of fragments in the block's direction. ``endCpG - startCpG`` is the number of CpGs.
- **CpG table**, as of methylation arrays (Moss et al. 2018, https://doi.org/10.1038/s41467-018-07466-6): tab-
  or comma-separated, columns for the contig (``chr``, ``chrom``, ``chromosome``, ``contig``) and the CpG:
  ``start`` counted from 0, with or without ``end``, or ``pos``, ``position``, ``mapinfo`` counted from 1; a
  column with a name (``cpgs``, ``cpg``, ``ilmnid``, ``id``, ``name``, ``acc``) is optional; every other
  column is a cell type with methylation levels in 0..1. Letters may be large or small. The CpG ids of
  an array have no place in a genome by themselves: its manifest has CHR and MAPINFO to join on the id.
- **own** (what :meth:`cfdna_interp.artifacts.atlas.Atlas.save` writes): tab-separated, columns ``OWN``, then
  the cell types. ``measure`` is ``U`` or ``M`` (share of fragments that are un- or fully methylated) or
  ``calls`` (methylation level) on all lines; ``target`` and ``cpgs`` may be empty. A column ``spread`` may
  stand before the cell types, with one number on all lines.

Empty cells, ``NA`` and ``nan`` are unmeasured.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError

LEADING = ("chr", "start", "end", "startCpG", "endCpG", "target", "name", "direction")
OWN = ("contig", "start", "end", "name", "target", "measure", "cpgs")
SPREAD = "spread"

_CONTIG = ("chr", "#chr", "chrom", "#chrom", "chromosome", "contig")
_FROM_1 = ("pos", "position", "mapinfo")
_NAME = ("cpgs", "cpg", "ilmnid", "id", "name", "acc", "")


class AtlasRow(NamedTuple):
    """A line of an atlas; ``cpgs`` is 0 and ``target`` empty if unknown."""

    contig: str
    start: int
    end: int
    name: str
    target: str
    direction: str
    cpgs: int
    values: list[float]


class Lines(NamedTuple):
    """The lines of an atlas, its cell types, whether values are levels of CpG calls, and the spread."""

    rows: list[AtlasRow]
    cell_types: tuple[str, ...]
    calls: bool
    spread: float


def read_lines(path: Path | str) -> Lines:
    """Read a table in any layout.

    Raises
    ------
    InputError
        The file can't be read, its header has no known layout, or a line is malformed.
    """
    check_regular(path, "atlas", "give a UXM table or a CpG table")
    try:
        with open(path, newline="", encoding="utf-8") as handle:
            delimiter = "\t" if "\t" in handle.readline() else ","
            handle.seek(0)
            table = list(csv.reader(handle, delimiter=delimiter))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"atlas {path} cannot be read ({error}); give a UXM table or a CpG table") from None
    header = table[0] if table else []
    parse: Callable[[list[str]], AtlasRow]
    own = tuple(header[: len(OWN)]) == OWN
    # Columns of our own layout before the cell types.
    leading = len(OWN) + (own and len(header) > len(OWN) and header[len(OWN)] == SPREAD)
    spread = 0.0
    if tuple(header[: len(LEADING)]) == LEADING and len(header) >= len(LEADING) + 2:
        cell_types, parse, calls = tuple(header[len(LEADING) :]), _uxm, False
    elif own and len(header) >= leading + 2:
        cell_types, parse = tuple(header[leading:]), partial(_own, leading=leading)
        calls = len(table) > 1 and len(table[1]) > 5 and table[1][5] == "calls"
    else:
        cell_types, parse = _cpg_table(path, header)
        calls = True
    repeated = {name for name in cell_types if cell_types.count(name) > 1}
    if repeated:
        raise InputError(f"atlas {path}, line 1: cell type {min(repeated)} repeats; make names unique")
    rows = []
    for number, cells in enumerate(table[1:], start=2):
        try:
            if len(cells) != len(header):
                raise ValueError(f"{len(cells)} columns instead of {len(header)}")
            row = parse(cells)
            if not 0 <= row.start < row.end:
                raise ValueError(f"the interval {row.start}-{row.end} is empty")
            if any(value < 0 or value > 1 for value in row.values):
                raise ValueError("a share lies outside 0..1")
            if own and (cells[5] == "calls") != calls:
                raise ValueError(f"measure {cells[5]!r}, but {table[1][5]!r} on line 2")
            if leading > len(OWN):
                if cells[len(OWN)] != table[1][len(OWN)]:
                    raise ValueError(f"spread {cells[len(OWN)]!r}, but {table[1][len(OWN)]!r} on line 2")
                spread = float(cells[len(OWN)])
                if not 0 <= spread < 1:
                    raise ValueError(f"spread {spread:g} lies outside 0..1")
        except ValueError as error:
            raise InputError(f"atlas {path}, line {number}: {error}; correct the line") from None
        rows.append(row)
    return Lines(rows, cell_types, calls, spread)


def _numbers(cells: list[str]) -> list[float]:
    return [float(cell) if cell not in ("", "NA", "nan") else np.nan for cell in cells]


def _uxm(cells: list[str]) -> AtlasRow:
    if cells[7] not in ("U", "M"):
        raise ValueError(f"direction {cells[7]!r} is neither U nor M")
    # Tables made by hand may have no CpG columns.
    cpgs = int(cells[4]) - int(cells[3]) if cells[3].isdigit() and cells[4].isdigit() else 0
    return AtlasRow(
        cells[0],
        int(cells[1]),
        int(cells[2]),
        cells[6],
        cells[5],
        cells[7],
        max(cpgs, 0),
        _numbers(cells[8:]),
    )


def _own(cells: list[str], leading: int) -> AtlasRow:
    if cells[5] not in ("U", "M", "calls"):
        raise ValueError(f"measure {cells[5]!r} is neither U nor M nor calls")
    direction = "U" if cells[5] == "U" else "M"
    cpgs = int(cells[6]) if cells[6] else 0
    start, end, values = int(cells[1]), int(cells[2]), _numbers(cells[leading:])
    return AtlasRow(cells[0], start, end, cells[3], cells[4], direction, cpgs, values)


def _cpg_table(
    path: Path | str, header: list[str]
) -> tuple[tuple[str, ...], Callable[[list[str]], AtlasRow]]:
    """Return the cell types of a CpG table and the parser of its lines."""
    names = [cell.strip().lower() for cell in header]

    def find(known: tuple[str, ...]) -> int | None:
        return next((names.index(name) for name in known if name in names), None)

    contig, from_0, from_1 = find(_CONTIG), find(("start",)), find(_FROM_1)
    end, name = find(("end",)), find(_NAME)
    place = from_0 if from_0 is not None else from_1
    leading = {contig, place, end, name}
    cell_types = tuple(cell for column, cell in enumerate(header) if column not in leading)
    if name is not None and contig is None and place is None and len(header) > 2:
        raise InputError(
            f"atlas {path}, line 1: CpG ids without places; add columns chr and start (from 0), or CHR and "
            "MAPINFO of the array's manifest joined on the id, on the build of the alignments"
        )
    # A table with some of UXM's columns is a faulty UXM table.
    if contig is None or place is None or len(cell_types) < 2 or "direction" in names:
        raise InputError(
            f"atlas {path}, line 1: expected the columns {', '.join(LEADING)} and at least two cell types, "
            f"or those of a CpG table (chr, start, then cell types), or {', '.join(OWN)} and cell types"
        )
    columns = [column for column in range(len(header)) if column not in leading]

    def parse(cells: list[str]) -> AtlasRow:
        start = int(cells[place]) - (place != from_0)
        stop = int(cells[end]) if end is not None else start + 2  # both strands of one CpG
        own = cells[name] if name is not None else f"{cells[contig]}:{start}"
        values = _numbers([cells[column] for column in columns])
        return AtlasRow(cells[contig], start, stop, own, "", "M", 1 if end is None else 0, values)

    return cell_types, parse
