"""Stage ``geometry``: the curve that mean embeddings by length trace, its bend and period, and steering."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from cfdna_interp.artifacts.files import write_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.coalitions import by_subject
from cfdna_interp.attribution.dataset import load_heads
from cfdna_interp.attribution.refit_plan import save_table
from cfdna_interp.config import Config
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.representation.centroids import LengthSums, length_range, modal_length
from cfdna_interp.representation.curvature import NUCLEOSOME, Bend, arc_length, find_bend, reach_of
from cfdna_interp.representation.curve import (
    Components,
    Smoother,
    choose_cutoff,
    components,
    explained,
    halves,
)
from cfdna_interp.representation.length_fragments import LengthFragments
from cfdna_interp.representation.length_nulls import by_covariate, curve_null, permuted
from cfdna_interp.representation.material import Material, load_material
from cfdna_interp.representation.periodicity import Period, find_period
from cfdna_interp.representation.steering import steer
from cfdna_interp.stats.resampling import bootstrap_counts, stream

RESAMPLES = 200
_FEWEST_SUBJECTS = 10
_SHORTEST_RANGE = 60  # bp
_SHOWN = 3  # components in the table
_PACES = {"per_bp_low": 0.05, "per_bp_high": 0.95}  # quantiles of arc a bp

_OF_BEND = ("curvature", "low", "high", "null_high")

Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Trace:
    """A length curve.

    Attributes
    ----------
    along
        Sums along its components.
    cutoff
        Of the smoother, bp.
    curve
        (lengths, components).
    bend
        Its sharpest bend; None where it has a single component.
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
    write_json(layout.file("geometry.json"), record)


def geometry(material: Material, fitted: CrossFit, fragments: int) -> tuple[Record, pd.DataFrame]:
    """Describe the length curve of a cohort.

    Parameters
    ----------
    material
        The discovery cohort.
    fitted
        Its cross-fitted heads.
    fragments
        The most fragments to draw.

    Returns
    -------
    The record as ``docs/representation.md`` says, and the curve, a row a length. Where geometry can't be told
    the record's ``reason`` says why, and the table has no row.
    """
    drawn, sample = material.draw(fragments, "geometry")
    lengths = length_range(drawn.fragments.length)
    record: Record = {
        "subjects": len(np.unique(material.codes)),
        "samples": len(material.samples),
        "fragments": len(drawn),
        "lengths": lengths[[0, -1]].tolist() if len(lengths) else None,
        "nucleosome": NUCLEOSOME,
        "mode": modal_length(drawn.fragments.length),
        **dict.fromkeys(
            ("components", "explained", "smooth", "bend", "arc", "period", "nulls", "steering", "reason")
        ),
    }
    if record["subjects"] < _FEWEST_SUBJECTS:
        record["reason"] = f"fewer than {_FEWEST_SUBJECTS} subjects"
    elif len(lengths) < _SHORTEST_RANGE:
        record["reason"] = f"fewer than {_SHORTEST_RANGE} consecutive lengths hold enough fragments"
    if record["reason"] is not None:
        return record, _table(None)
    inside = LengthFragments.of(drawn, sample, material.codes, lengths)
    sums, seed = inside.sums(), material.seed
    half = halves(record["subjects"], stream(seed, "geometry", "halves"))
    nulls = {
        "permuted": curve_null(lambda n: inside.sums(permuted(inside.sample, seed, n)), half),
        "random": curve_null(
            lambda n: inside.sums(by_covariate(inside.inputs, inside.rows, inside.sample, seed, n)), half
        ),
    }
    found = components(sums, nulls["permuted"].floor)
    record |= {
        "components": found.explained.tolist(),
        "explained": explained(sums, half),
        "nulls": {name: {"explained": null.mean, "high": null.high} for name, null in nulls.items()},
    }
    labels = by_subject(material.codes, material.labels[:, None])[:, 0]
    rng = stream(seed, "geometry", "resamples")
    resamples = np.array([bootstrap_counts(labels, rng) for _ in range(RESAMPLES)], dtype=np.float64)
    traced = trace(sums, found, resamples, stream(seed, "geometry", "folds"))
    if traced is None:
        record["reason"] = "mean embeddings vary with length no more than with lengths dealt out anew"
        return record, _table(None)
    pace = np.diff(arc_length(traced.curve))
    record |= {
        "smooth": traced.cutoff,
        "bend": _bend_record(traced, record["mode"]),
        "arc": {"total": pace.sum(), **{name: np.quantile(pace, q) for name, q in _PACES.items()}},
        "period": _period_record(find_period(sums, resamples, stream(seed, "geometry", "period"))),
        "steering": steer(
            inside, found, traced.curve, material, fitted, known=half[0] > 0, resamples=resamples
        ),
    }
    return record, _table(traced)


def trace(
    sums: LengthSums, found: Components, resamples: np.ndarray, rng: np.random.Generator
) -> Trace | None:
    """Draw the curve along its components and look for a bend; None without a component.

    Parameters
    ----------
    sums
        Of the cohort.
    found
        Components of its curve.
    resamples
        (draws, subjects) how often each subject enters a resample.
    rng
        Deals the folds in which smoothness is chosen.
    """
    if not len(found.explained):
        return None
    along = sums.along(found.centre, found.axes)
    cutoff = choose_cutoff(along, rng)
    smoother = Smoother(along.weight.sum(axis=0), cutoff)
    curve = smoother.fit(*along.pooled())
    bend = None
    if len(found.explained) > 1:
        reach = min(reach_of(cutoff), len(sums.lengths) // 6)
        bend = find_bend(curve, smoother.fit(*along.pooled(resamples)), sums.lengths, reach)
    return Trace(along, cutoff, curve, bend)


def _bend_record(traced: Trace, mode: int) -> Record:
    """Return the record of a bend; without one, of a curve that runs along a single direction."""
    bend, lengths = traced.bend, traced.along.lengths
    if bend is None:
        reason = "mean embeddings move along a single direction: the curve is straight"
        return {"at": None, "mode": mode, "claimed": False, "reason": reason, "curvature": None}

    def curvature_at(length: float) -> Record | None:
        row = int(length - lengths[0])
        if not 0 <= row < len(lengths) or not np.isfinite(bend.curvature[row]):
            return None
        return {"value": bend.curvature[row], "low": bend.low[row], "high": bend.high[row]}

    return {
        "at": {"value": bend.at, "low": bend.at_low, "high": bend.at_high} if np.isfinite(bend.at) else None,
        "mode": mode,
        "claimed": bend.claimed,
        "reason": bend.reason,
        "curvature": {
            "peak": curvature_at(bend.at) if np.isfinite(bend.at) else None,
            "nucleosome": curvature_at(NUCLEOSOME),
            "typical": bend.typical,
        },
        "excess": bend.excess,
        "excess_null": bend.excess_null,
        "covers_nucleosome": bend.claimed and bend.at_low <= NUCLEOSOME <= bend.at_high,
        "covers_mode": bend.claimed and bend.at_low <= mode <= bend.at_high,
    }


def _period_record(period: Period | None) -> Record | None:
    if period is None:
        return None
    record = asdict(period)
    return record | {"at_10_4": record.pop("ladder")}


def _table(traced: Trace | None) -> pd.DataFrame:
    """Return the curve, a row a length; without one, the same columns and no row."""
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
