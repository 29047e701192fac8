"""Forest plots: a row per estimate with its interval, against a line of no effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cfdna_interp.records.values import Interval
from cfdna_interp.report.figures.style import INK, MUTED, finish
from cfdna_interp.report.words import interval, plotly_text


@dataclass(frozen=True)
class Row:
    """One estimate of a forest plot.

    Attributes
    ----------
    name
        What is estimated; the axis label, plain text.
    value, low, high
        The estimate and its 95 % interval; the bounds are None where there is no interval.
    colour
        Of the marker, ``#RRGGBB``.
    note
        Plain text beside the name, e.g. ``n = 40 + 40``.
    filled
        A main result; others are drawn hollow.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    colour: str = INK
    note: str = ""
    filled: bool = True


def forest(
    rows: Sequence[Row], axis: str, null: float, reference: float | None = None, digits: int = 2
) -> go.Figure:
    """Draw estimates from top to bottom.

    Parameters
    ----------
    rows
        In the order shown.
    axis
        Name and unit of the horizontal axis.
    null
        Value of no effect, a dotted line.
    reference
        A value to compare with, a dashed line, e.g. the crude AUROC.
    digits
        Decimals of the printed estimates.
    """
    figure = go.Figure()
    widest = 0
    # Positions are numbers, not names: two rows may carry the same name.
    for place, row in enumerate(rows):
        bounded = row.low is not None and row.high is not None
        text = interval(Interval(value=row.value, low=row.low, high=row.high), digits)
        widest = max(widest, len(text))
        figure.add_scatter(
            x=[row.value],
            y=[place],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [row.high - row.value if row.high is not None else 0],
                "arrayminus": [row.value - row.low if row.low is not None else 0],
                "color": row.colour,
                "thickness": 2,
                "width": 4,
                "visible": bounded,
            },
            mode="markers",
            marker={
                "size": 11 if row.filled else 9,
                "symbol": "circle" if row.filled else "circle-open",
                "color": row.colour,
                "line": {"width": 2, "color": row.colour},
            },
            name=plotly_text(row.name),
            showlegend=False,
            hovertemplate=f"{plotly_text(row.name)}: {text}<extra></extra>",
        )
        figure.add_annotation(
            x=1.01, xref="paper", xanchor="left", y=place, text=text, showarrow=False, align="left"
        )
    figure.add_vline(x=null, line={"color": MUTED, "width": 1, "dash": "dot"})
    if reference is not None:
        figure.add_vline(x=reference, line={"color": MUTED, "width": 1.4, "dash": "dash"})
    labels = [
        plotly_text(row.name) + (f"<br><span style='font-size:11px'>{plotly_text(row.note)}</span>")
        if row.note
        else plotly_text(row.name)
        for row in rows
    ]
    figure.update_yaxes(
        tickmode="array", tickvals=list(range(len(rows))), ticktext=labels, range=[len(rows) - 0.5, -0.5]
    )
    figure.update_xaxes(title_text=axis)
    finish(figure, 84 + 34 * len(rows))
    # Plotly reserves no room for annotations outside the axes; about 7.5 px a character are needed.
    figure.update_layout(margin={"t": 12, "r": int(16 + 7.5 * widest)})
    figure.update_yaxes(showgrid=False, ticks="", showline=False)
    return figure
