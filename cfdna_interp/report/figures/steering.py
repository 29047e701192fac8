"""Short fragments moved to longer lengths: along the curve of mean embeddings, beside the straight line."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cfdna_interp.records.geometry import Steering
from cfdna_interp.report.figures.style import BLUE, MUTED, VERMILLION, finish

PANELS = ("Distance to real embeddings", "Mean logit of the heads")


def steering_figure(steering: Steering) -> go.Figure:
    """Draw what happens on the way from one length to another.

    Parameters
    ----------
    steering
        The entry of this name in ``geometry.json``.

    Returns
    -------
    Against the length aimed at, on both ways: the mean distance to the nearest real embeddings, in units of
    that of real ones of this length (dotted: 1, as near as these), and the mean logit of the bags.
    """
    figure = make_subplots(rows=1, cols=len(PANELS), horizontal_spacing=0.1, column_titles=list(PANELS))
    for path, name, colour, dash, symbol in (
        (steering.curve, "Along the curve", BLUE, "solid", "circle"),
        (steering.line, "Straight line", VERMILLION, "dash", "square"),
    ):
        for column, values in enumerate((path.distances, path.logit), start=1):
            figure.add_scatter(
                x=steering.steps,
                y=values,
                mode="lines+markers",
                line={"color": colour, "width": 2, "dash": dash},
                marker={"size": 7, "symbol": symbol},
                name=name,
                legendgroup=name,
                showlegend=column == 1,
                hovertemplate=f"%{{x}} bp: %{{y:.3g}}<extra>{name}</extra>",
                row=1,
                col=column,
            )
    figure.add_hline(y=1, line={"color": MUTED, "width": 1.2, "dash": "dot"}, row=1, col=1)
    figure.update_xaxes(title_text="Length aimed at, bp")
    figure.update_yaxes(title_text="In units of real ones", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="Logit", row=1, col=2)
    finish(figure, 340)
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.22, "xanchor": "left"})
    return figure
