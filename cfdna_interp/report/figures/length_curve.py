"""The mean embedding by fragment length: the curve it traces among its principal components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cfdna_interp.report.figures.curvature import Marks
from cfdna_interp.report.figures.style import BLUE, INK, ORANGE, VERMILLION, finish, translucent
from cfdna_interp.report.words import number

COLOURS = "Cividis"  # one lightness scale, the same for the common colour-vision deficiencies
LENGTH = 0  # stands for the length itself where a curve has a single component


def length_curve_figure(curve: pd.DataFrame, explained: Sequence[float], marks: Marks) -> go.Figure:
    """Draw mean embeddings by length among their first three principal components.

    Parameters
    ----------
    curve
        The content of ``length_curve.parquet``.
    explained
        Share of the curve's variance along each component.
    marks
        The bend, and the lengths to mark.

    Returns
    -------
    A dot a length, coloured by bp, and the fitted curve: first against second and first against third
    component with equal scales on both axes, or against length where there is one component. Marked are the
    cohort's modal length, 167 bp and, where a bend is claimed, its place with the interval as a thick piece
    of the curve.
    """
    panels = {1: [(LENGTH, 1)], 2: [(1, 2)]}.get(len(explained), [(1, 2), (1, 3)])
    names = ["Fragment length, bp", *(f"PC{i} ({100 * x:.0f} %)" for i, x in enumerate(explained, start=1))]
    figure = make_subplots(rows=1, cols=len(panels), horizontal_spacing=0.1)
    lengths = curve["length"].to_numpy()
    for column, (first, second) in enumerate(panels, start=1):
        show = column == 1
        figure.add_scatter(
            x=_values(curve, "centroid", first),
            y=_values(curve, "centroid", second),
            customdata=np.column_stack([lengths, curve["count"]]),
            mode="markers",
            marker={
                "size": 5,
                "color": lengths,
                "colorscale": COLOURS,
                "showscale": show,
                "colorbar": {"title": {"text": "bp", "side": "right"}, "thickness": 12, "len": 0.9},
            },
            name="Mean embedding",
            showlegend=False,
            hovertemplate="%{customdata[0]} bp, %{customdata[1]:,} fragments<extra></extra>",
            row=1,
            col=column,
        )
        figure.add_scatter(
            x=_values(curve, "curve", first),
            y=_values(curve, "curve", second),
            mode="lines",
            line={"color": INK, "width": 1.2},
            name="Fitted curve",
            hoverinfo="skip",
            showlegend=show,
            row=1,
            col=column,
        )
        _mark(figure, curve, marks, (first, second), column)
        figure.update_xaxes(title_text=names[first], row=1, col=column)
        figure.update_yaxes(title_text=names[second], row=1, col=column)
        if first != LENGTH:
            # Bends are angles: they look right only where both axes have one scale.
            figure.update_yaxes(scaleanchor="x" if show else f"x{column}", scaleratio=1, row=1, col=column)
    finish(figure, 440)
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.12, "xanchor": "left"})
    return figure


def _values(curve: pd.DataFrame, kind: str, component: int) -> np.ndarray:
    column = "length" if component == LENGTH else f"{kind}_pc{component}"
    # Half the digits say as much in half the bytes.
    return curve[column].to_numpy(dtype=np.float32)


def _mark(
    figure: go.Figure, curve: pd.DataFrame, marks: Marks, components: tuple[int, int], column: int
) -> None:
    places: list[tuple[str, float | None, str, str]] = [
        (f"Modal length, {marks.mode} bp", marks.mode, "square", BLUE),
        (f"{marks.nucleosome} bp", marks.nucleosome, "diamond", ORANGE),
    ]
    at = marks.bend.at
    if marks.bend.claimed and at is not None:
        inside = curve[curve["length"].between(at.low, at.high)]
        x, y = (_values(inside, "curve", component) for component in components)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": translucent(VERMILLION, 0.55), "width": 9},
            hoverinfo="skip",
            showlegend=False,
            row=1,
            col=column,
        )
        name = f"Bend, {number(at.value, 0)} bp [{number(at.low, 0)}, {number(at.high, 0)}]"
        places.append((name, at.value, "star", VERMILLION))
    for name, length, symbol, colour in places:
        here = curve[curve["length"] == length]
        x, y = (_values(here, "curve", component) for component in components)
        figure.add_scatter(
            x=x,
            y=y,
            mode="markers",
            marker={"size": 14, "symbol": symbol, "color": colour, "line": {"width": 1.5, "color": "white"}},
            name=name,
            legendgroup=name,
            showlegend=column == 1,
            hovertemplate=f"{name}<extra></extra>",
            row=1,
            col=column,
        )
