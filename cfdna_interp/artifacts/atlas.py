"""A methylation atlas: marker blocks by cell types, in the layout of the public UXM tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cfdna_interp.errors import InputError

LEADING = ("chr", "start", "end", "startCpG", "endCpG", "target", "name", "direction")


@dataclass(frozen=True, eq=False)
class Atlas:
    """Marker blocks and the expected share of marker-state fragments in each cell type.

    Attributes
    ----------
    contigs, starts, ends
        (blocks,) 0-based half-open intervals; blocks of one contig don't overlap.
    names, targets
        (blocks,) the block's name and the cell type it marks.
    directions
        (blocks,) "U": the target's fragments are unmethylated there, "M": methylated.
    cell_types
        (types,) names of the columns.
    fractions
        (blocks, types) expected share of fragments in the block's direction; NaN where unmeasured.
    """

    contigs: tuple[str, ...]
    starts: np.ndarray
    ends: np.ndarray
    names: tuple[str, ...]
    targets: tuple[str, ...]
    directions: tuple[str, ...]
    cell_types: tuple[str, ...]
    fractions: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def load(cls, path: Path | str) -> Atlas:
        """Read a tab-separated UXM table.

        Raises
        ------
        InputError
            A column is missing, a value is no number, an interval is empty, or blocks overlap.
        """
        try:
            with open(path, newline="", encoding="utf-8") as handle:
                rows = list(csv.reader(handle, delimiter="\t"))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"atlas {path} cannot be read ({error}); give a UXM table") from None
        if not rows or tuple(rows[0][: len(LEADING)]) != LEADING or len(rows[0]) < len(LEADING) + 2:
            raise InputError(
                f"atlas {path}, line 1: expected the columns {', '.join(LEADING)} and at least two cell types"
            )
        header = rows[0]
        body = rows[1:]
        starts, ends, fractions = [], [], []
        for number, row in enumerate(body, start=2):
            try:
                if len(row) != len(header):
                    raise ValueError(f"{len(row)} columns instead of {len(header)}")
                start, end = int(row[1]), int(row[2])
                if not 0 <= start < end:
                    raise ValueError(f"the interval {start}-{end} is empty")
                if row[7] not in ("U", "M"):
                    raise ValueError(f"direction {row[7]!r} is neither U nor M")
                shares = [float(cell) if cell not in ("", "NA", "nan") else np.nan for cell in row[8:]]
                if any(share < 0 or share > 1 for share in shares):
                    raise ValueError("a share lies outside 0..1")
            except ValueError as error:
                raise InputError(f"atlas {path}, line {number}: {error}; correct the line") from None
            starts.append(start)
            ends.append(end)
            fractions.append(shares)
        if not body:
            raise InputError(f"atlas {path} has no block; give a UXM table with at least one")
        atlas = cls(
            contigs=tuple(row[0] for row in body),
            starts=np.array(starts, dtype=np.int64),
            ends=np.array(ends, dtype=np.int64),
            names=tuple(row[6] for row in body),
            targets=tuple(row[5] for row in body),
            directions=tuple(row[7] for row in body),
            cell_types=tuple(header[8:]),
            fractions=np.array(fractions, dtype=np.float64),
        )
        if len(set(atlas.names)) != len(atlas):
            raise InputError(f"atlas {path}: block names repeat; make them unique")
        for contig, order in atlas.by_contig().items():
            late = np.flatnonzero(atlas.starts[order][1:] < atlas.ends[order][:-1])
            if len(late):
                pair = (atlas.names[order[late[0]]], atlas.names[order[late[0] + 1]])
                raise InputError(
                    f"atlas {path}: blocks {pair[0]} and {pair[1]} on {contig} overlap; drop one"
                )
        return atlas

    def by_contig(self) -> dict[str, np.ndarray]:
        """Return contig -> indices of its blocks in ascending order of start."""
        contigs = np.array(self.contigs)
        result = {}
        for contig in dict.fromkeys(self.contigs):
            members = np.flatnonzero(contigs == contig)
            result[contig] = members[np.argsort(self.starts[members], kind="stable")]
        return result
