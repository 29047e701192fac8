"""What is known of fragments, family by family, as columns that a feature's activation is explained from."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import SplineTransformer

from cfdna_interp.models.contract import MAX_CALLS
from cfdna_interp.representation.material import Part

CONTEXT = "context"
# Groups of the bags, and end motifs; number of calls and locus are context, as in attribution.
FAMILIES = ("fragment_length", "methylation", "tissue_of_origin", "end_motif", CONTEXT)
_LENGTH_KNOTS = 10  # at quantiles of the fragments
_LEVEL_KNOTS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
_GC_KNOTS = 4
_BASES = 16  # pairs of first bases


def family_columns(part: Part) -> dict[str, np.ndarray]:
    """Return the columns of each family that varies among fragments.

    ``fragment_length``: B-splines of bp. ``methylation``: of fragments outside atlas blocks that have a
    call, B-splines of the level, and the number of methylated calls. ``tissue_of_origin``: the same inside,
    and the level for each class of locus. ``end_motif``: first two bases, and splines of GC. ``context``:
    the number of calls, outside and inside, and the class of locus, which tell nothing of either group by
    themselves.

    Returns
    -------
    Family -> (n, columns) float64, each column with mean 0 and variance 1.
    """
    fragments = part.fragments
    inside, counts = fragments.locus > 0, fragments.counts
    called = counts > 0
    classes = _one_hot(fragments.locus.astype(np.int64))
    level = fragments.level
    of_class = classes * np.where(called, level, 0.0)[:, None] * inside[:, None]
    columns = {
        "fragment_length": _spline(fragments.length.astype(np.float64), _LENGTH_KNOTS),
        "methylation": _levels(level, counts, called & ~inside),
        "tissue_of_origin": np.concatenate([_levels(level, counts, called & inside), of_class], axis=1),
        "end_motif": _ends(part),
        CONTEXT: np.concatenate([_one_hot(counts + (MAX_CALLS + 1) * inside), classes], axis=1),
    }
    varying = {family: _standardised(found) for family, found in columns.items()}
    return {family: found for family, found in varying.items() if found.shape[1]}


def _levels(level: np.ndarray, counts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return splines of the level and the number of methylated calls of some fragments, 0 of the others."""
    splines = SplineTransformer(knots=_LEVEL_KNOTS[:, None], include_bias=False).fit_transform(level[:, None])
    found = np.concatenate([splines, (level * counts)[:, None]], axis=1) * rows[:, None]
    return np.asarray(found)


def _ends(part: Part) -> np.ndarray:
    """Return the first two bases and splines of GC, 0 where they are not known."""
    known = np.isfinite(part.gc)
    gc = _spline(np.where(known, part.gc, np.median(part.gc[known]) if known.any() else 0.0), _GC_KNOTS)
    bases = np.where(part.motif >= 0, part.motif // _BASES, -1)  # motifs are in the order of their letters
    unknown = int((bases < 0).any())  # the first column, if any
    return np.concatenate([_one_hot(bases)[:, unknown:], gc * known[:, None]], axis=1)


def _spline(values: np.ndarray, knots: int) -> np.ndarray:
    """Return B-splines with knots at quantiles; no column where all values are nearly the same."""
    places = np.unique(np.quantile(values, np.linspace(0, 1, knots)))
    if len(places) < 2:
        return np.zeros((len(values), 0))
    transformer = SplineTransformer(knots=places[:, None], include_bias=False)
    return np.asarray(transformer.fit_transform(values[:, None]))


def _one_hot(values: np.ndarray) -> np.ndarray:
    """Return a column for each value that occurs, in ascending order."""
    return np.asarray(values[:, None] == np.unique(values), dtype=np.float64)


def _standardised(columns: np.ndarray) -> np.ndarray:
    spread = columns.std(axis=0)
    kept = spread > 1e-6
    return np.asarray((columns[:, kept] - columns[:, kept].mean(axis=0)) / spread[kept])
