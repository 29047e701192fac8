"""Coding of concepts as columns with which a linear method can fit a curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import SplineTransformer

from cfdna_interp.representation.concepts import Concept
from cfdna_interp.representation.material import Part

# A cubic spline with knots at these quantiles has five columns and can bend at short, usual and long
# fragments. Erasing a straight line only would leave what a head uses of a curved path of embeddings.
_QUANTILES = (0.0, 1 / 3, 2 / 3, 1.0)
_DEGREE = 3

# Concept -> the input of a fragment that it is derived from. The other inputs are the raw baseline.
OWN_INPUT = {
    "length": "length",
    "methylation_level": "level",
    "level_in_blocks": "level",
    "cpg_count": "cpg_count",
    "locus": "locus",
    "tissue_class": "locus",
    "gc": "gc",
    "end_motif": "end_motif",
}


@dataclass(frozen=True, eq=False)
class Coding:
    """Columns of a concept: a spline of a number, or indicators of classes; 0 where it is unknown.

    Attributes
    ----------
    spline
        The spline of a number; None for classes.
    classes
        (classes,) values that have a column.
    centre
        (columns,) mean over known values, which is subtracted.
    """

    spline: SplineTransformer | None
    classes: np.ndarray
    centre: np.ndarray

    @classmethod
    def fit(cls, concept: Concept) -> Coding:
        """Choose knots and centre from the known values; classes have a column for each that occurs."""
        values = concept.values[concept.known]
        if concept.kind == "classes":
            classes = np.unique(values)
            coding = cls(None, classes, np.zeros(len(classes)))
        else:
            # If one value fills several quantiles, only distinct knots remain.
            knots = np.unique(np.quantile(values, _QUANTILES))
            spline = SplineTransformer(
                degree=_DEGREE, knots=knots[:, None], extrapolation="constant", include_bias=False
            )
            coding = cls(spline.fit(values[:, None]), np.zeros(0), np.zeros(len(knots) + _DEGREE - 2))
        return cls(coding.spline, coding.classes, coding.columns(concept)[concept.known].mean(axis=0))

    def columns(self, concept: Concept) -> np.ndarray:
        """Return (n, columns) of the concept, of the same or of other fragments."""
        known = concept.known
        if self.spline is None:
            raw = (concept.values[:, None] == self.classes).astype(np.float64)
            known = known & raw.any(axis=1)
        else:
            raw = self.spline.transform(concept.values[:, None])
        return np.where(known[:, None], raw - self.centre, 0.0)


def raw_inputs(part: Part) -> list[Concept]:
    """Return the raw inputs of fragments, with the level of all calls and the locus class."""
    fragments, n = part.fragments, len(part)
    everywhere = np.ones(n, dtype=bool)
    gc_known = np.isfinite(part.gc)
    return [
        Concept("length", "number", fragments.length.astype(np.float64), everywhere),
        Concept("level", "number", fragments.level, fragments.counts > 0),
        Concept("cpg_count", "number", fragments.counts.astype(np.float64), everywhere),
        Concept("locus", "classes", fragments.locus.astype(np.float64), everywhere),
        Concept("gc", "number", np.where(gc_known, part.gc, 0.0), gc_known),
        Concept("end_motif", "classes", (part.motif // 16).astype(np.float64), part.motif >= 0),
    ]
