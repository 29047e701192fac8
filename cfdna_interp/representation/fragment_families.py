"""Families of columns of fragments that explain a feature's activation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from sklearn.preprocessing import SplineTransformer

from cfdna_interp.models.contract import MAX_CALLS
from cfdna_interp.records.funnel import CONTEXT
from cfdna_interp.representation.material import Part

# Groups of the bags, and end motifs. Number of calls and locus are context, as in attribution.
FAMILIES = ("fragment_length", "methylation", "tissue_of_origin", "end_motif", CONTEXT)
_LENGTH_KNOTS = 10  # at quantiles of the fragments
_LEVEL_KNOTS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
_GC_KNOTS = 4
_BASES = 16  # pairs of first bases
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True, eq=False)
class FamilyColumns:
    """Columns whose knots, classes and scales are fitted on some fragments and then used for others.

    ``fragment_length``: B-splines of bp. ``methylation``: B-splines of the level and the number of methylated
    calls, for fragments with a call outside atlas blocks. ``tissue_of_origin``: the same inside, and the
    level for each class of locus. ``end_motif``: first two bases, and splines of GC. ``context``: the number
    of calls, outside and inside, and the class of locus, which belong to neither group.

    Attributes
    ----------
    length, gc
        Splines of bp and of the share of G and C; None if all values are nearly the same.
    middle
        Median share of G and C, which replaces unknown ones.
    bases, loci, cells
        The values that occur of the first two bases, the class of locus, and the number of calls outside and
        inside.
    centre, spread
        Family -> mean and standard deviation of its columns, without constant ones.
    """

    length: SplineTransformer | None
    gc: SplineTransformer | None
    middle: float
    bases: np.ndarray
    loci: np.ndarray
    cells: np.ndarray
    centre: dict[str, np.ndarray]
    spread: dict[str, np.ndarray]

    @classmethod
    def fit(cls, part: Part) -> FamilyColumns:
        """Choose columns for the families that vary among the fragments of ``part``."""
        known = np.isfinite(part.gc)
        middle = float(np.median(part.gc[known])) if known.any() else 0.0
        bases = _first_bases(part)
        blank = cls(
            _knots(part.fragments.length.astype(np.float64), _LENGTH_KNOTS),
            _knots(np.where(known, part.gc, middle), _GC_KNOTS),
            middle,
            np.unique(bases[bases >= 0]),
            np.unique(part.fragments.locus),
            np.unique(_cells(part)),
            {},
            {},
        )
        raw = blank._raw(part)
        return replace(
            blank,
            centre={family: columns.mean(axis=0) for family, columns in raw.items()},
            spread={family: columns.std(axis=0) for family, columns in raw.items()},
        )

    def of(self, part: Part) -> dict[str, np.ndarray]:
        """Return family -> (n, columns) float64, with mean 0 and variance 1 over the fragments of ``fit``."""
        columns = {}
        for family, raw_columns in self._raw(part).items():
            varying = self.spread[family] > _LEAST_SPREAD
            if varying.any():
                centred = raw_columns[:, varying] - self.centre[family][varying]
                columns[family] = np.asarray(centred / self.spread[family][varying])
        return columns

    def _raw(self, part: Part) -> dict[str, np.ndarray]:
        fragments = part.fragments
        inside, counts, level = fragments.locus > 0, fragments.counts, fragments.level
        called = counts > 0
        classes = _one_hot(fragments.locus, self.loci)
        known = np.isfinite(part.gc)
        gc = _splined(self.gc, np.where(known, part.gc, self.middle)) * known[:, None]
        tissue = [_levels(level, counts, called & inside), classes * (level * (called & inside))[:, None]]
        return {
            "fragment_length": _splined(self.length, fragments.length.astype(np.float64)),
            "methylation": _levels(level, counts, called & ~inside),
            "tissue_of_origin": np.concatenate(tissue, axis=1),
            "end_motif": np.concatenate([_one_hot(_first_bases(part), self.bases), gc], axis=1),
            CONTEXT: np.concatenate([_one_hot(_cells(part), self.cells), classes], axis=1),
        }


def _levels(level: np.ndarray, counts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return splines of the level and the number of methylated calls of some fragments, 0 for the others."""
    splines = SplineTransformer(knots=_LEVEL_KNOTS[:, None], include_bias=False).fit_transform(level[:, None])
    columns = np.concatenate([splines, (level * counts)[:, None]], axis=1)
    return np.where(rows[:, None], columns, 0.0)


def _cells(part: Part) -> np.ndarray:
    """Return the code of the number of calls, with separate codes for fragments inside blocks."""
    return np.asarray(part.fragments.counts + (MAX_CALLS + 1) * (part.fragments.locus > 0))


def _first_bases(part: Part) -> np.ndarray:
    """Return the code of the first two bases, -1 if unknown."""
    return np.where(part.motif >= 0, part.motif // _BASES, -1)  # motifs are in the order of their letters


def _knots(values: np.ndarray, knots: int) -> SplineTransformer | None:
    """Return B-splines with knots at quantiles."""
    places = np.unique(np.quantile(values, np.linspace(0, 1, knots)))
    if len(places) < 2:
        return None
    return SplineTransformer(knots=places[:, None], include_bias=False).fit(values[:, None])


def _splined(splines: SplineTransformer | None, values: np.ndarray) -> np.ndarray:
    if splines is None:
        return np.zeros((len(values), 0))
    return np.asarray(splines.transform(values[:, None]))


def _one_hot(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return a column for each value in ``of``."""
    return np.asarray(values[:, None] == of, dtype=np.float64)
