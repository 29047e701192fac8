"""Read the intervals of a BED file, by contig."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import bare

# Contig index -> (starts, ends) of disjoint intervals, ascending, 0-based half-open.
Intervals = Mapping[int, tuple[Sequence[int] | np.ndarray, Sequence[int] | np.ndarray]]

_FURTHEST = (1 << 31) - 1
_LINE = 1 << 16  # letters of the longest line
_DIGITS = 18  # of the largest place that is read


def load_intervals(
    path: Path | str, contig_names: Sequence[str], what: str
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Read a BED file. While it is read, an interval takes 16 bytes.

    Parameters
    ----------
    path
        Plain text with contig, start and end in the first columns. Contigs that are not in the header are
        skipped, as are intervals without a base.
    contig_names
        Contigs in header order; names match with or without ``chr``.
    what
        What the file is; error messages begin with it.

    Returns
    -------
    Contig index -> (starts, ends), (n,) int64, ascending; intervals that overlap or touch are merged.

    Raises
    ------
    InputError
        The file can't be read, or a line is no interval.
    """
    index = {bare(name): number for number, name in enumerate(contig_names)}
    by_name: dict[str, tuple[array[int], array[int]] | None] = {}
    by_contig: dict[int, tuple[array[int], array[int]]] = {}
    check_regular(path, what, "give a BED file as plain text")
    try:
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(iter(lambda: lines.readline(_LINE), ""), start=1):
                if len(line) == _LINE:
                    raise InputError(f"{what} {path}, line {number} has no end; correct the line")
                cells = line.split(maxsplit=3)
                if not cells or line.startswith(("#", "track", "browser")):
                    continue
                if len(cells) < 3 or not (
                    cells[1].isdecimal()
                    and cells[2].isdecimal()
                    and max(len(cells[1]), len(cells[2])) <= _DIGITS
                ):
                    raise InputError(
                        f"{what} {path}, line {number}: expected contig, start, end; correct the line"
                    )
                name = cells[0]
                if name not in by_name:
                    contig = index.get(bare(name))
                    by_name[name] = (
                        None if contig is None else by_contig.setdefault(contig, (array("q"), array("q")))
                    )
                intervals = by_name[name]
                start, end = min(int(cells[1]), _FURTHEST), min(int(cells[2]), _FURTHEST)
                if intervals is not None and start < end:
                    intervals[0].append(start)
                    intervals[1].append(end)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{what} {path} cannot be read ({error}); give a BED file as plain text") from None
    return {contig: _merged(*intervals) for contig, intervals in by_contig.items() if len(intervals[0])}


def _merged(starts: array[int], ends: array[int]) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)
    order = np.argsort(low, kind="stable")
    low, high = low[order], np.maximum.accumulate(high[order])
    first = np.ones(len(low), dtype=bool)
    first[1:] = low[1:] > high[:-1]
    return low[first], high[np.append(first[1:], True)]
