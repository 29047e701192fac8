"""Shares of the groups under every intervention and reference, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cfdna_interp.attribution.judge import CONTEXT_LIMIT
from cfdna_interp.records.dominance import GroupAttribution
from cfdna_interp.records.values import Interval
from cfdna_interp.report.figures.attribution import CONTEXT, percentage, whiskers
from cfdna_interp.report.figures.style import MUTED, NULL_BAND, finish, group_colours
from cfdna_interp.report.interventions import Combination
from cfdna_interp.report.words import group_name, group_rank


def intervention_figure(found: Sequence[Combination], groups: Mapping[str, GroupAttribution]) -> go.Figure:
    """Draw the shares of all combinations, a row each and a column for each group.

    Parameters
    ----------
    found
        Combinations that apply.
    groups
        What each group is to the model; the nulls are those of its refits.

    Returns
    -------
    Share (% of the summed absolute contributions) with its 95 % interval over subjects; the grey area reaches
    to the 95 % quantile of the group's share under permuted labels, the line stands at that of the largest
    share of any group. The last column is context and joint dependence with the limit of the rule.
    """
    order = sorted(groups, key=group_rank)
    names = [*(group_name(group) for group in order), CONTEXT]
    figure = make_subplots(
        rows=1, cols=len(names), shared_yaxes=True, horizontal_spacing=0.05, column_titles=names
    )
    rows = [item.title for item in found]
    colours = group_colours(order)
    for column, group in enumerate(order, start=1):
        null = groups[group]
        points = [item.shares[group] for item in found]
        _add(figure, rows, points, colours[group], names[column - 1], column)
        # After the points: plotly leaves shapes out of empty subplots.
        reach, ceiling = percentage(null.null_share_high), percentage(null.null_max_high)
        if reach is not None and ceiling is not None:
            band = {"fillcolor": NULL_BAND, "line_width": 0, "layer": "below"}
            figure.add_vrect(x0=0, x1=reach, **band, row=1, col=column)
            figure.add_vline(x=ceiling, line={"color": MUTED, "width": 1.4}, row=1, col=column)
    _add(figure, rows, [item.context for item in found], MUTED, CONTEXT, len(names))
    figure.add_vline(x=percentage(CONTEXT_LIMIT), line={"color": MUTED, "width": 1.4}, row=1, col=len(names))
    labels = [f"{item.title}<br>n = {item.subjects}, {item.donors} donors" for item in found]
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=labels,
        range=[len(rows) - 0.5, -0.5],
        tickfont={"size": 11},
    )
    figure.update_xaxes(range=[0, 100], title_text="% of Σ|φ|")
    return finish(figure, 120 + 46 * len(rows))


def _add(
    figure: go.Figure,
    rows: Sequence[str],
    points: Sequence[Interval],
    colour: str,
    name: str,
    column: int,
) -> None:
    figure.add_scatter(
        x=[percentage(point.value) for point in points],
        # Positions are numbers, so that a name of two lines is one tick.
        y=list(range(len(rows))),
        error_x=whiskers(points, 100.0, colour),
        mode="markers",
        marker={"size": 10, "color": colour},
        text=list(rows),
        name=name,
        showlegend=False,
        hovertemplate="%{text}: %{x:.0f} %<extra></extra>",
        row=1,
        col=column,
    )
