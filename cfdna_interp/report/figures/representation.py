"""The figures of what the embeddings hold, by their fixed names; a part that is not there has none."""

from __future__ import annotations

import plotly.graph_objects as go

from cfdna_interp.report.figures.curvature import curvature_figure
from cfdna_interp.report.figures.length_curve import length_curve_figure
from cfdna_interp.report.figures.probes import probe_figure
from cfdna_interp.report.figures.sparse_features import funnel_figure, profile_figure
from cfdna_interp.report.figures.steering import steering_figure
from cfdna_interp.report.representation import Representation


def representation_figures(found: Representation) -> dict[str, go.Figure]:
    """Return the figures of the parts that are there, as the page's templates call them."""
    figures = {}
    if found.curve is not None and found.geometry is not None and not found.geometry["reason"]:
        figures["length-curve"] = length_curve_figure(found.curve, found.geometry)
        if found.curve["curvature"].notna().any():
            figures["curvature"] = curvature_figure(found.curve, found.geometry)
        if found.geometry["steering"] is not None:
            figures["steering"] = steering_figure(found.geometry["steering"])
    if found.funnel is not None:
        figures["funnel"] = funnel_figure(found.funnel.funnel)
        if found.funnel.survivors:
            figures["feature-profiles"] = profile_figure(found.funnel.survivors)
    if found.probes is not None:
        figures["probes"] = probe_figure(found.probes.concepts)
    return figures
