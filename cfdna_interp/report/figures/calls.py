"""Methylation along the reads: what most samples show, and the samples that differ at their ends."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cfdna_interp.report.calls import MATES, CallTable
from cfdna_interp.report.figures.style import BATCH_COLOURS, BATCH_DASHES, INK, finish, translucent
from cfdna_interp.report.words import plotly_text

NAMES = {"read1": "First mates", "read2": "Second mates"}
SHOWN = 6  # samples drawn by themselves: those with the most bases to leave out


def m_bias_figure(table: CallTable) -> go.Figure:
    """Draw the methylated share of CpG calls by position along the read, a column per mate.

    The line is the median over samples, the band holds nine of ten. Samples with ends to leave out stand by
    themselves, at most six. Levels in %, positions from 1 in the direction of sequencing.
    """
    figure = make_subplots(
        rows=1,
        cols=len(MATES),
        shared_yaxes=True,
        horizontal_spacing=0.05,
        column_titles=[NAMES[mate] for mate in MATES],
    )
    order = np.argsort(-table.ends, kind="stable")
    chosen = [int(row) for row in order[:SHOWN] if table.ends[row] > 0]
    for column, mate in enumerate(MATES, start=1):
        levels = 100 * table.levels[mate]
        places = np.flatnonzero(np.isfinite(levels).any(axis=0))
        if len(places) == 0:
            continue
        low, middle, high = np.nanquantile(levels[:, places], [0.05, 0.5, 0.95], axis=0).round(2)
        x = places + 1
        figure.add_scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([high, low[::-1]]),
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=translucent(INK, 0.14),
            showlegend=False,
            hoverinfo="skip",
            row=1,
            col=column,
        )
        _add(figure, x, middle, f"Median of {len(levels)} samples", INK, "solid", 2, column)
        for place, row in enumerate(chosen):
            colour, dash = BATCH_COLOURS[place % len(BATCH_COLOURS)], BATCH_DASHES[1]
            _add(figure, x, levels[row, places].round(2), table.samples[row], colour, dash, 1, column)
    figure.update_xaxes(title_text="Position along the read, bases")
    figure.update_yaxes(title_text="CpG calls methylated, %", col=1)
    return finish(figure, 340)


def _add(
    figure: go.Figure,
    x: np.ndarray,
    y: np.ndarray,
    name: str,
    colour: str,
    dash: str,
    width: int,
    column: int,
) -> None:
    figure.add_scatter(
        x=x,
        y=[None if np.isnan(value) else float(value) for value in y],
        mode="lines",
        line={"color": colour, "width": width, "dash": dash},
        name=plotly_text(name),
        legendgroup=name,
        showlegend=column == 1,
        hovertemplate="base %{x}: %{y:.1f} %",
        row=1,
        col=column,
    )
