"""Contexts of CpGs: named intervals of the genome, such as islands and shores."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import bare

ELSEWHERE = "elsewhere"  # the context of CpGs in no interval
_DIGITS = 18  # of the largest place that is read
_NAME = re.compile(r"[A-Za-z0-9._-]+")
# Start, end, context, and the number of the line.
_Line = tuple[int, int, str, int]


@dataclass(frozen=True, eq=False)
class ContextAnnotation:
    """Disjoint intervals of the genome, each with its context.

    Attributes
    ----------
    names
        The contexts, sorted.
    splits
        (contigs + 1,) int64: the intervals of contig ``i`` are ``splits[i]`` to ``splits[i + 1] - 1``.
    starts, ends
        (intervals,) int64, 0-based half-open, ascending within a contig.
    contexts
        (intervals,) int64 index into ``names``.
    """

    names: tuple[str, ...]
    splits: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    contexts: np.ndarray

    @classmethod
    def empty(cls, contigs: int) -> ContextAnnotation:
        """Return an annotation without intervals."""
        none = np.zeros(0, dtype=np.int64)
        return cls((), np.zeros(contigs + 1, dtype=np.int64), none, none, none)


def load_annotation(
    path: Path | str, contig_names: Sequence[str], contig_lengths: Sequence[int], who: str
) -> ContextAnnotation:
    """Read a BED file whose fourth column names the context.

    Contigs match with or without ``chr``. Contigs that the alignments lack are skipped.

    Parameters
    ----------
    path
        The file.
    contig_names, contig_lengths
        Of the alignments; bp.
    who
        Sample and file; error messages about annotation and alignments begin with it.

    Raises
    ------
    InputError
        The file can't be read, a line is no named interval, two contexts overlap, or the intervals aren't
        of the alignments' build.
    """
    index = {bare(name): number for number, name in enumerate(contig_names)}
    by_contig: dict[int, list[_Line]] = {}
    check_regular(path, "annotation", "give a BED file")
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"annotation {path} cannot be read ({error}); give a BED file") from None
    example = ""
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        numeric = len(cells) >= 4 and all(cell.isdecimal() and len(cell) <= _DIGITS for cell in cells[1:3])
        name = cells[3].strip() if numeric else ""
        if not _NAME.fullmatch(name) or name == ELSEWHERE or int(cells[1]) >= int(cells[2]):
            raise InputError(
                f"annotation {path}, line {number}: expected contig, start, end and a context of letters, "
                f"digits, dots, dashes and underscores other than {ELSEWHERE!r}; correct the line"
            )
        example = example or cells[0]
        contig, start, end = index.get(bare(cells[0])), int(cells[1]), int(cells[2])
        if contig is None:
            continue
        if end > contig_lengths[contig]:
            raise InputError(
                f"{who}: annotation {path}, line {number} ends at {end}, but {contig_names[contig]} has "
                f"{contig_lengths[contig]} bp; give an annotation of the alignments' build"
            )
        by_contig.setdefault(contig, []).append((start, end, name, number))
    if not by_contig:
        what = f"e.g. {example}" if example else "it holds no interval"
        raise InputError(
            f"{who} has no contig of annotation {path} ({what}); give an annotation of the alignments' build"
        )
    return _arrange(by_contig, len(contig_names), path)


def _arrange(by_contig: dict[int, list[_Line]], contigs: int, path: Path | str) -> ContextAnnotation:
    names = tuple(sorted({name for intervals in by_contig.values() for _, _, name, _ in intervals}))
    place = {name: number for number, name in enumerate(names)}
    splits = [0]
    rows: list[list[int]] = []
    for contig in range(contigs):
        before: _Line | None = None
        for interval in sorted(by_contig.get(contig, [])):
            start, end, name, number = interval
            if before is not None and start < before[1]:
                if name != before[2]:
                    raise InputError(
                        f"annotation {path}, line {number}: {name} overlaps {before[2]} of line {before[3]}; "
                        "a CpG has one context: subtract one from the other, e.g. with bedtools subtract"
                    )
                rows[-1][1] = max(end, before[1])
                before = (before[0], rows[-1][1], name, number)
                continue
            rows.append([start, end, place[name]])
            before = interval
        splits.append(len(rows))
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    starts, ends, contexts = (np.ascontiguousarray(column) for column in table.T)
    return ContextAnnotation(names, np.array(splits, dtype=np.int64), starts, ends, contexts)
