"""Fragment lengths by label and by batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cfdna_interp.report.figures.style import (
    BATCH_COLOURS,
    BATCH_DASHES,
    INK,
    LABEL_COLOURS,
    LABEL_NAMES,
    finish,
    translucent,
)
from cfdna_interp.report.lengths import LengthTable
from cfdna_interp.report.words import ROLE_NAMES, plotly_text

SHOWN = (60, 460)  # bp; mono- and di-nucleosomal fragments


def length_by_label(tables: Sequence[LengthTable]) -> go.Figure:
    """Draw mean length shares of cases and controls, and their difference.

    Parameters
    ----------
    tables
        One per role; a column of the figure each.

    Returns
    -------
    Upper row: mean over subjects of the share of fragments at each length (% per bp), with a band from
    the lower to the upper quartile of subjects. Lower row: cases minus controls (percentage points per
    bp) with a pointwise 95 % band, 1.96 standard errors of the difference of two means.
    """
    figure = make_subplots(
        rows=2,
        cols=len(tables),
        shared_xaxes=True,
        row_heights=[0.66, 0.34],
        vertical_spacing=0.07,
        horizontal_spacing=0.08,
        column_titles=[ROLE_NAMES[table.role] for table in tables],
    )
    for column, table in enumerate(tables, start=1):
        groups = {label: table.by_label(label) for label in (1, 0)}
        for label, shares in groups.items():
            if len(shares):
                name = f"{LABEL_NAMES[label]}, n = {len(shares)}"
                _add_profile(figure, table, shares, name, LABEL_COLOURS[label], "solid", 1, column)
        if min(len(shares) for shares in groups.values()) > 1:
            _add_difference(figure, table, groups[1], groups[0], column)
    figure.update_yaxes(title_text="Cases − controls,<br>% points per bp", row=2, col=1)
    figure.update_yaxes(range=_span(figure, "y", "y2"), row=1)
    figure.update_yaxes(range=_span(figure, "y3", "y4"), row=2)
    figure.update_yaxes(title_text="Fragments, % per bp", row=1, col=1)
    figure.update_xaxes(range=SHOWN)
    figure.update_xaxes(title_text="Fragment length, bp", row=2)
    return _place_legends(finish(figure, 520), len(tables))


def length_by_batch(tables: Sequence[LengthTable]) -> go.Figure:
    """Draw mean length shares of each batch, one column per role, with quartile bands of subjects.

    Shares are in % per bp. A spread between batches as large as that between labels means that handling
    alone could look like the disease.
    """
    figure = make_subplots(
        rows=1,
        cols=len(tables),
        horizontal_spacing=0.08,
        column_titles=[ROLE_NAMES[table.role] for table in tables],
    )
    order = sorted({str(batch) for table in tables for batch in table.batches})
    for column, table in enumerate(tables, start=1):
        for place, batch in enumerate(order):
            shares = table.by_batch(batch)
            if len(shares):
                colour = BATCH_COLOURS[place % len(BATCH_COLOURS)]
                dash = BATCH_DASHES[place // len(BATCH_COLOURS) % len(BATCH_DASHES)]
                name = f"{plotly_text(batch) or 'no batch'}, n = {len(shares)}"
                _add_profile(figure, table, shares, name, colour, dash, 1, column)
    figure.update_yaxes(range=_span(figure, "y", "y2"))
    figure.update_yaxes(title_text="Fragments, % per bp", row=1, col=1)
    figure.update_xaxes(range=SHOWN, title_text="Fragment length, bp")
    return _place_legends(finish(figure, 360), len(tables))


def _add_profile(
    figure: go.Figure,
    table: LengthTable,
    shares: np.ndarray,
    name: str,
    colour: str,
    dash: str,
    row: int,
    column: int,
) -> None:
    lower, upper = 100 * np.quantile(shares, [0.25, 0.75], axis=0)
    legend = {"legendgroup": name, "legend": _legend(column)}
    _add_band(figure, table.lengths, lower, upper, translucent(colour, 0.16), row, column, legend)
    figure.add_scatter(
        x=table.lengths,
        y=100 * shares.mean(axis=0),
        mode="lines",
        line={"color": colour, "width": 2, "dash": dash},
        name=name,
        hovertemplate="%{x} bp: %{y:.3f} % per bp",
        row=row,
        col=column,
        **legend,
    )


def _add_difference(
    figure: go.Figure, table: LengthTable, cases: np.ndarray, controls: np.ndarray, column: int
) -> None:
    difference = 100 * (cases.mean(axis=0) - controls.mean(axis=0))
    error = 100 * np.sqrt(
        cases.var(axis=0, ddof=1) / len(cases) + controls.var(axis=0, ddof=1) / len(controls)
    )
    lower, upper = difference - 1.96 * error, difference + 1.96 * error
    _add_band(figure, table.lengths, lower, upper, translucent(INK, 0.16), 2, column, {})
    figure.add_scatter(
        x=table.lengths,
        y=difference,
        mode="lines",
        line={"color": INK, "width": 1.6},
        name="Cases − controls",
        showlegend=False,
        hovertemplate="%{x} bp: %{y:+.3f} points per bp",
        row=2,
        col=column,
    )
    figure.add_hline(y=0, line={"color": INK, "width": 1, "dash": "dot"}, row=2, col=column)


def _add_band(
    figure: go.Figure,
    x: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    fill: str,
    row: int,
    column: int,
    options: dict[str, str],
) -> None:
    """Add a filled band between two curves, as one closed outline."""
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([upper, lower[::-1]]),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=fill,
        showlegend=False,
        hoverinfo="skip",
        row=row,
        col=column,
        **options,
    )


def _span(figure: go.Figure, *axes: str) -> list[float]:
    """Return one range that holds all curves on the given axes, so that columns can be compared."""
    values = np.concatenate([[0.0], *(trace.y for trace in figure.data if trace.yaxis in axes)])
    margin = 0.05 * (values.max() - values.min())
    return [float(values.min() - margin), float(values.max() + margin)]


def _legend(column: int) -> str:
    return "legend" if column == 1 else f"legend{column}"


def _place_legends(figure: go.Figure, columns: int) -> go.Figure:
    """Put a legend into the upper right corner of each column: counts differ between roles."""
    for column in range(1, columns + 1):
        right = figure.get_subplot(1, column).xaxis.domain[1]
        style = {"bgcolor": "rgba(255,255,255,0)", "font": {"size": 12}}
        place = {"x": right, "xanchor": "right", "y": 0.99, "yanchor": "top"}
        figure.update_layout({_legend(column): style | place})
    return figure
