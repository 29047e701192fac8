"""The figures of what the embeddings hold, by their fixed names; a part that is not there has none."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from cfdna_interp.records.geometry import Geometry
from cfdna_interp.report.figures.curvature import Marks, curvature_figure
from cfdna_interp.report.figures.length_curve import length_curve_figure
from cfdna_interp.report.figures.probes import probe_figure
from cfdna_interp.report.figures.sparse_features import funnel_figure, profile_figure
from cfdna_interp.report.figures.steering import steering_figure
from cfdna_interp.report.representation import RepresentationResults


def representation_figures(found: RepresentationResults) -> dict[str, go.Figure]:
    """Return the figures of the parts that are there, as the page's templates call them."""
    figures: dict[str, go.Figure] = {}
    if found.curve is not None and found.geometry is not None:
        figures |= _curve_figures(found.curve, found.geometry)
    if found.funnel is not None:
        figures["funnel"] = funnel_figure(found.funnel.funnel)
        if found.funnel.survivors:
            figures["feature-profiles"] = profile_figure(found.funnel.survivors)
    if found.probes is not None:
        figures["probes"] = probe_figure(found.probes.concepts)
    return figures


def _curve_figures(table: pd.DataFrame, geometry: Geometry) -> dict[str, go.Figure]:
    """Return the figures of the length curve; none where it can't be told."""
    variance, curve = geometry.variance, geometry.curve
    if variance is None or curve is None:
        return {}
    marks = Marks(bend=curve.bend, mode=geometry.mode, nucleosome=geometry.nucleosome)
    figures = {"length-curve": length_curve_figure(table, variance.components, marks)}
    if table["curvature"].notna().any():
        figures["curvature"] = curvature_figure(table, marks)
    if curve.steering is not None:
        figures["steering"] = steering_figure(curve.steering)
    return figures
