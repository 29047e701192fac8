"""Shares of reads lost to each filter, a mark a sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cfdna_interp.report.figures.style import BATCH_COLOURS, INK, finish
from cfdna_interp.report.losses import FilterRow, SampleLosses
from cfdna_interp.report.words import ROLE_NAMES, plotly_text

_ROW = 0.36  # of the distance between two filters: where the second role's marks lie
_JITTER = 0.1


def losses_figure(losses: Sequence[SampleLosses], rows: Sequence[FilterRow]) -> go.Figure:
    """Draw the share of primary reads that each filter takes of every sample, in %.

    A filter has a line for each role. Lines across are the medians of the role's analysed samples, open marks
    are samples that were left out.
    """
    figure = go.Figure()
    for place, (role, title) in enumerate(ROLE_NAMES.items()):
        members = [one for one in losses if one.role == role]
        if not members:
            continue
        colour = BATCH_COLOURS[place]
        # Marks of equal shares would hide one another. Their height says nothing.
        height = _JITTER * np.cos(np.arange(len(members)))
        line = [row - _ROW / 2 + place * _ROW for row in range(len(rows))]
        figure.add_scatter(
            x=[round(100 * one.lost[row.filter], 3) for row in rows for one in members],
            y=np.concatenate([middle + height for middle in line]).round(3) if line else [],
            mode="markers",
            marker={
                "color": colour,
                "size": 5,
                "symbol": ["circle-open" if one.excluded else "circle" for _ in rows for one in members],
            },
            text=[plotly_text(one.sample) for _ in rows for one in members],
            hovertemplate="%{text}: %{x} %<extra></extra>",
            name=title,
        )
        for middle, row in zip(line, rows, strict=True):
            if role in row.spread:
                figure.add_scatter(
                    x=[round(100 * row.spread[role][0], 3)] * 2,
                    y=[middle - _ROW / 2, middle + _ROW / 2],
                    mode="lines",
                    line={"color": INK, "width": 2},
                    hoverinfo="skip",
                    showlegend=False,
                )
    figure.update_xaxes(title_text="Primary reads lost, %", rangemode="tozero")
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[row.filter.replace("_", " ") for row in rows],
        range=[len(rows) - 0.5, -0.5],
    )
    return finish(figure, 110 + 46 * len(rows))
