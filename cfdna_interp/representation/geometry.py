"""Stage ``geometry``: the curve of mean embeddings by length, its bend and period, and steering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.dataset import load_heads
from cfdna_interp.attribution.refit_plan import save_table
from cfdna_interp.config import Config
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.records.base import save_record
from cfdna_interp.records.geometry import (
    BendCurvature,
    BendFinding,
    CurveArc,
    CurveBend,
    CurveVariance,
    Geometry,
    LengthCurve,
    NullVariance,
)
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.values import KnownInterval, known
from cfdna_interp.representation.centroids import LengthSums, length_range, modal_length
from cfdna_interp.representation.curvature import NUCLEOSOME, Bend, arc_length, find_bend, reach_of
from cfdna_interp.representation.curve import (
    CurveComponents,
    Smoother,
    choose_cutoff,
    components,
    explained,
    halves,
)
from cfdna_interp.representation.length_fragments import LengthFragments
from cfdna_interp.representation.length_nulls import CurveNull, by_covariate, curve_null, permuted
from cfdna_interp.representation.material import Material, load_material
from cfdna_interp.representation.periodicity import find_period
from cfdna_interp.representation.steering import steer
from cfdna_interp.stats.resampling import bootstrap_counts, stream
from cfdna_interp.stats.subjects import by_subject

RESAMPLES = 200
_FEWEST_SUBJECTS = 10
_SHORTEST_RANGE = 60  # bp
_SHOWN = 3  # components in the table
_SLOW, _FAST = 0.05, 0.95  # quantiles of arc per bp

_OF_BEND = ("curvature", "low", "high", "null_high")


@dataclass(frozen=True, eq=False)
class Trace:
    """A length curve.

    Attributes
    ----------
    along
        Sums along its components.
    cutoff
        Cut-off of the smoother in bp.
    curve
        (lengths, components).
    bend
        Its sharpest bend; None if it has a single component.
    """

    along: LengthSums
    cutoff: float
    curve: np.ndarray
    bend: Bend | None


def run_geometry(config: Config) -> None:
    """Stage ``geometry``: write ``geometry.json`` and ``length_curve.parquet``."""
    torch.set_num_threads(1)
    layout = Layout.of(config.outdir)
    material = load_material(config)
    fitted = load_heads(layout, material.samples)
    record, table = geometry(material, fitted, config.representation.fragments)
    save_table(table, layout.file("length_curve.parquet"))
    save_record(record, layout.file(Geometry.FILE))


def geometry(material: Material, fitted: CrossFit, fragments: int) -> tuple[Geometry, pd.DataFrame]:
    """Describe the length curve of a cohort.

    Parameters
    ----------
    material
        The discovery cohort.
    fitted
        Its cross-fitted heads.
    fragments
        Largest number of fragments to draw.

    Returns
    -------
    The record, and the curve, a row a length. Where the curve can't be told, the table has no row, and
    ``missing`` of the record says why.
    """
    part, sample = material.draw(fragments, "geometry")
    lengths = length_range(part.fragments.length)
    people, mode, seed = len(np.unique(material.codes)), modal_length(part.fragments.length), material.seed

    def record(
        variance: CurveVariance | None = None,
        curve: LengthCurve | None = None,
        missing: Missing | None = None,
    ) -> Geometry:
        return Geometry(
            subjects=people,
            samples=len(material.samples),
            fragments=len(part),
            lengths=(int(lengths[0]), int(lengths[-1])) if len(lengths) else None,
            nucleosome=NUCLEOSOME,
            mode=mode,
            variance=variance,
            curve=curve,
            missing=missing,
        )

    if people < _FEWEST_SUBJECTS:
        few = Missing(why=Cause.FEW_SUBJECTS, seen=people, needed=_FEWEST_SUBJECTS)
        return record(missing=few), _table(None)
    if len(lengths) < _SHORTEST_RANGE:
        few = Missing(why=Cause.FEW_LENGTHS, seen=len(lengths), needed=_SHORTEST_RANGE)
        return record(missing=few), _table(None)
    inside = LengthFragments.of(part, sample, material.codes, lengths)
    sums = inside.sums()
    half = halves(people, stream(seed, "geometry", "halves"))
    null = curve_null(lambda n: inside.sums(permuted(inside.sample, seed, n)), half)
    random = curve_null(
        lambda n: inside.sums(by_covariate(inside.inputs, inside.rows, inside.sample, seed, n)), half
    )
    directions = components(sums, null.floor)
    variance = CurveVariance(
        components=tuple(directions.explained.tolist()),
        explained=explained(sums, half),
        permuted=_null_variance(null),
        random=_null_variance(random),
    )
    labels = by_subject(material.codes, material.labels[:, None])[:, 0]
    rng = stream(seed, "geometry", "resamples")
    resamples = np.array([bootstrap_counts(labels, rng) for _ in range(RESAMPLES)], dtype=np.float64)
    traced = trace(sums, directions, resamples, stream(seed, "geometry", "folds"))
    if traced is None:
        return record(variance, missing=Missing(why=Cause.NO_CURVE)), _table(None)
    pace = np.diff(arc_length(traced.curve))
    slow, fast = (float(np.quantile(pace, q)) for q in (_SLOW, _FAST))
    curve = LengthCurve(
        smooth=traced.cutoff,
        bend=_bend_record(traced, mode),
        arc=CurveArc(total=float(pace.sum()), per_bp_low=slow, per_bp_high=fast),
        period=find_period(sums, resamples, stream(seed, "geometry", "period")),
        steering=steer(
            inside, directions, traced.curve, material, fitted, known=half[0] > 0, resamples=resamples
        ),
    )
    return record(variance, curve), _table(traced)


def _null_variance(null: CurveNull) -> NullVariance:
    return NullVariance(explained=null.mean, high=null.high)


def trace(
    sums: LengthSums, directions: CurveComponents, resamples: np.ndarray, rng: np.random.Generator
) -> Trace | None:
    """Fit the curve along its components and search for a bend; None without a component.

    Parameters
    ----------
    sums
        Of the cohort.
    directions
        Components of its curve.
    resamples
        (draws, subjects) multiplicity of each subject in a resample.
    rng
        Source of the folds in which smoothness is chosen.
    """
    if not len(directions.explained):
        return None
    along = sums.along(directions.centre, directions.axes)
    cutoff = choose_cutoff(along, rng)
    smoother = Smoother(along.weight.sum(axis=0), cutoff)
    curve = smoother.fit(*along.pooled())
    bend = None
    if len(directions.explained) > 1:
        reach = min(reach_of(cutoff), len(sums.lengths) // 6)
        bend = find_bend(curve, smoother.fit(*along.pooled(resamples)), sums.lengths, reach)
    return Trace(along, cutoff, curve, bend)


def _bend_record(traced: Trace, mode: int) -> CurveBend:
    """Return the record of a bend, or that of a curve along a single direction."""
    bend, lengths = traced.bend, traced.along.lengths
    if bend is None:
        return CurveBend(at=None, finding=BendFinding.STRAIGHT, claimed=False)

    def curvature_at(length: float) -> KnownInterval | None:
        if not np.isfinite(length):
            return None
        row = int(length - lengths[0])
        if not 0 <= row < len(lengths) or not np.isfinite(bend.curvature[row]):
            return None
        value, low, high = (float(column[row]) for column in (bend.curvature, bend.low, bend.high))
        return KnownInterval(value=value, low=low, high=high)

    at = KnownInterval(value=bend.at, low=bend.at_low, high=bend.at_high) if np.isfinite(bend.at) else None
    return CurveBend(
        at=at,
        finding=bend.finding,
        claimed=bend.claimed,
        curvature=BendCurvature(
            peak=curvature_at(bend.at), nucleosome=curvature_at(NUCLEOSOME), typical=known(bend.typical)
        ),
        excess=known(bend.excess),
        excess_null=known(bend.excess_null),
        covers_nucleosome=bend.claimed and bend.at_low <= NUCLEOSOME <= bend.at_high,
        covers_mode=bend.claimed and bend.at_low <= mode <= bend.at_high,
    )


def _table(traced: Trace | None) -> pd.DataFrame:
    """Return the curve, one row per length, or no row without a curve."""
    names = (
        "length",
        "count",
        *(f"{kind}_pc{n + 1}" for kind in ("centroid", "curve") for n in range(_SHOWN)),
    )
    if traced is None:
        return pd.DataFrame({name: np.zeros(0) for name in (*names, *_OF_BEND, "arc")})
    along, curve, bend = traced.along, traced.curve, traced.bend
    weight, total = along.pooled()
    centroids = np.where(weight[:, None] > 0, total / np.maximum(weight, 1e-12)[:, None], np.nan)
    nothing = np.full(len(curve), np.nan)
    shown = [
        values[:, n] if n < values.shape[1] else nothing
        for values in (centroids, curve)
        for n in range(_SHOWN)
    ]
    columns = dict(zip(names, (along.lengths, along.count, *shown), strict=True))
    of_bend = {name: nothing if bend is None else getattr(bend, name) for name in _OF_BEND}
    return pd.DataFrame({**columns, **of_bend, "arc": arc_length(curve)})
