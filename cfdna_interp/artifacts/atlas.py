"""A methylation atlas: marker blocks by cell types."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cfdna_interp.artifacts.atlas_tables import LEADING, OWN, SPREAD, Lines, read_lines
from cfdna_interp.artifacts.files import write_text
from cfdna_interp.artifacts.overlaps import disjoint
from cfdna_interp.errors import InputError

__all__ = ["LEADING", "Atlas"]


@dataclass(frozen=True, eq=False)
class Atlas:
    """Marker blocks and the expected methylation of each cell type there.

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
        (blocks, types) expected share of fragments in the block's direction, or, with ``calls``, of
        methylated CpG calls; NaN where unmeasured.
    cpgs
        (blocks,) CpGs of each block, 0 if unknown; None if unknown for all blocks.
    calls
        Whether the table has methylation levels of CpG calls instead of shares of fragments. All directions
        are then "M".
    spread
        Correlation of the counts of one block in a sample, as cells vary about the table. ``atlas unknown``
        estimates it; 0 for a published table.
    merged, dropped
        Lines of the table that were joined to another one, and those that were left out: they overlapped.
    """

    contigs: tuple[str, ...]
    starts: np.ndarray
    ends: np.ndarray
    names: tuple[str, ...]
    targets: tuple[str, ...]
    directions: tuple[str, ...]
    cell_types: tuple[str, ...]
    fractions: np.ndarray
    cpgs: np.ndarray | None = None
    calls: bool = False
    spread: float = 0.0
    merged: int = 0
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def load(cls, path: Path | str) -> Atlas:
        """Read an atlas in any of the layouts of :mod:`cfdna_interp.artifacts.atlas_tables`.

        Raises
        ------
        InputError
            The header has no known layout, a value isn't a number, or an interval is empty.
        """
        lines = read_lines(path)
        if not lines.rows:
            raise InputError(f"atlas {path} has no block; give a table with at least one")
        rows, merged, dropped = disjoint(lines.rows)
        lines = lines._replace(rows=rows)
        fractions = np.array([row.values for row in lines.rows], dtype=np.float64)
        atlas = cls(
            contigs=tuple(row.contig for row in lines.rows),
            starts=np.array([row.start for row in lines.rows], dtype=np.int64),
            ends=np.array([row.end for row in lines.rows], dtype=np.int64),
            names=tuple(row.name for row in lines.rows),
            targets=_targets(lines, fractions),
            directions=tuple(row.direction for row in lines.rows),
            cell_types=lines.cell_types,
            fractions=fractions,
            cpgs=np.array([row.cpgs for row in lines.rows], dtype=np.int64),
            calls=lines.calls,
            spread=lines.spread,
            merged=merged,
            dropped=dropped,
        )
        if len(set(atlas.names)) != len(atlas):
            raise InputError(f"atlas {path}: block names repeat; make them unique")
        for what, names in (("cell types", atlas.cell_types), ("targets", dict.fromkeys(atlas.targets))):
            _check_slugs(path, what, names)
        return atlas

    def save(self, path: Path | str) -> None:
        """Write the atlas in our own layout (see :mod:`cfdna_interp.artifacts.atlas_tables`)."""
        cpgs = np.zeros(len(self), dtype=np.int64) if self.cpgs is None else self.cpgs
        spread = [f"{self.spread:.6g}"] if self.spread > 0 else []
        lines = ["\t".join([*OWN, *([SPREAD] if spread else []), *self.cell_types])]
        for row in range(len(self)):
            leading = (
                self.contigs[row],
                self.starts[row],
                self.ends[row],
                self.names[row],
                self.targets[row],
                "calls" if self.calls else self.directions[row],
                cpgs[row] or "",
            )
            values = ("NA" if np.isnan(value) else f"{value:.6g}" for value in self.fractions[row])
            lines.append("\t".join([*map(str, leading), *spread, *values]))
        write_text(path, "\n".join(lines) + "\n")

    def by_contig(self) -> dict[str, np.ndarray]:
        """Return contig -> indices of its blocks in ascending order of start."""
        contigs = np.array(self.contigs)
        result = {}
        for contig in dict.fromkeys(self.contigs):
            members = np.flatnonzero(contigs == contig)
            result[contig] = members[np.argsort(self.starts[members], kind="stable")]
        return result


def slug(name: str) -> str:
    """Return a name in lower-case letters, digits and underscores, as in feature names."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _check_slugs(path: Path | str, what: str, names: Iterable[str]) -> None:
    """Refuse names with equal feature names, such as NeuN+ and NeuN-."""
    seen: dict[str, str] = {}
    for name in names:
        short = slug(name)
        if not short:
            raise InputError(
                f"atlas {path}: {what}: {name!r} has neither a-z nor digits; give it another name"
            )
        if short in seen:
            raise InputError(
                f"atlas {path}: {what}: {seen[short]!r} and {name!r} would have the same features ({short}); "
                "give one another name"
            )
        seen[short] = name


def _targets(lines: Lines, fractions: np.ndarray) -> tuple[str, ...]:
    """Return each block's target, by default the type furthest from the others' median."""
    targets = []
    for row, values in zip(lines.rows, fractions, strict=True):
        if row.target:
            targets.append(row.target)
        elif np.isfinite(values).any():
            targets.append(lines.cell_types[int(np.nanargmax(np.abs(values - np.nanmedian(values))))])
        else:
            targets.append(lines.cell_types[0])
    return tuple(targets)
