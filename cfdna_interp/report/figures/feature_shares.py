"""Which features of a table the model's prediction rests on."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cfdna_interp.report.feature_table import FeatureRow
from cfdna_interp.report.figures.attribution import whiskers
from cfdna_interp.report.figures.style import MUTED, finish, group_colours
from cfdna_interp.report.words import group_name, plotly_text


def feature_share_figure(rows: Sequence[FeatureRow]) -> go.Figure:
    """Draw share and contribution side by side, a row a feature, in the colour of its group.

    Parameters
    ----------
    rows
        In the order shown.

    Returns
    -------
    Left: share of the summed absolute contributions of all features, %. Right: mean contribution to the logit
    in cases less that in controls, with its 95 % interval over subjects; dotted: no difference.
    """
    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        column_widths=[0.4, 0.6],
        horizontal_spacing=0.05,
        column_titles=["Share of the prediction", "Cases less controls"],
    )
    places = list(range(len(rows)))
    names = [plotly_text(row.feature) for row in rows]
    for group, colour in group_colours([row.group for row in rows]).items():
        chosen = [place for place in places if rows[place].group == group]
        figure.add_bar(
            x=[100 * rows[place].share for place in chosen],
            y=chosen,
            orientation="h",
            width=0.6,
            marker={"color": colour},
            name=plotly_text(group_name(group)),
            text=[names[place] for place in chosen],
            textposition="none",
            hovertemplate="%{text}: %{x:.2f} %<extra></extra>",
            row=1,
            col=1,
        )
        figure.add_scatter(
            x=[rows[place].difference.value for place in chosen],
            y=chosen,
            error_x=whiskers([rows[place].difference for place in chosen], 1.0, colour),
            mode="markers",
            marker={"size": 9, "color": colour},
            name=plotly_text(group_name(group)),
            showlegend=False,
            text=[names[place] for place in chosen],
            hovertemplate="%{text}: %{x:.3f}<extra></extra>",
            row=1,
            col=2,
        )
    figure.add_vline(x=0, line={"color": MUTED, "width": 1, "dash": "dot"}, row=1, col=2)
    figure.update_yaxes(tickmode="array", tickvals=places, ticktext=names, range=[len(rows) - 0.5, -0.5])
    figure.update_xaxes(title_text="% of Σ|φ| over features", rangemode="tozero", row=1, col=1)
    figure.update_xaxes(title_text="φ, logit", row=1, col=2)
    finish(figure, 150 + 24 * len(rows))
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top"})
    return figure
