"""Where the length curve bends: curvature by bp with its band, beside curves that turn evenly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cfdna_interp.records.geometry import CurveBend
from cfdna_interp.report.figures.style import (
    BLUE,
    GREEN,
    MUTED,
    NULL_BAND,
    ORANGE,
    VERMILLION,
    finish,
    translucent,
)
from cfdna_interp.report.words import number


@dataclass(frozen=True)
class Marks:
    """What is marked on a length curve.

    Attributes
    ----------
    bend
        Its sharpest bend; marked where it is claimed.
    mode, nucleosome
        The cohort's modal length and that of a nucleosome, in bp.
    """

    bend: CurveBend
    mode: int
    nucleosome: int


def curvature_figure(curve: pd.DataFrame, marks: Marks) -> go.Figure:
    """Draw the curvature of the curve of mean embeddings against fragment length.

    Parameters
    ----------
    curve
        The content of ``length_curve.parquet``.
    marks
        The bend, and the lengths to mark.

    Returns
    -------
    Curvature with its 95 % band over bootstraps of subjects; the grey area reaches to the 95 % quantile of
    curves that turn evenly, with the same pace and noise. Dashed lines are at the cohort's modal length and
    at 167 bp; where a bend is claimed, a shaded column is its interval.
    """
    bend = marks.bend
    shown = curve[np.isfinite(curve["curvature"])]
    x = shown["length"].to_numpy()
    value, low, high, null = (
        shown[name].to_numpy(dtype=np.float32) for name in ("curvature", "low", "high", "null_high")
    )
    figure = go.Figure()
    figure.add_scatter(
        x=x,
        y=null,
        mode="lines",
        line={"width": 0},
        fill="tozeroy",
        fillcolor=NULL_BAND,
        name="Evenly turning, 95 %",
        hovertemplate="evenly turning curves: up to %{y:.3g}<extra></extra>",
    )
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=translucent(GREEN, 0.22),
        hoverinfo="skip",
        name="95 % over subjects",
    )
    figure.add_scatter(
        x=x,
        y=value,
        mode="lines",
        line={"color": GREEN, "width": 2},
        name="Curvature",
        hovertemplate="%{x} bp: %{y:.3g}<extra></extra>",
    )
    if bend.claimed and bend.at is not None:
        shade = {"fillcolor": translucent(VERMILLION, 0.15), "line_width": 0, "layer": "below"}
        figure.add_vrect(x0=bend.at.low, x1=bend.at.high, **shade)
        figure.add_vline(
            x=bend.at.value,
            line={"color": VERMILLION, "width": 1.6},
            annotation={"text": f"bend, {number(bend.at.value, 0)} bp", "font": {"color": MUTED, "size": 12}},
            annotation_position="bottom right",
        )
    _mark(figure, marks.mode, marks.nucleosome)
    figure.update_xaxes(title_text="Fragment length, bp")
    figure.update_yaxes(title_text="Curvature, 1 / radius", rangemode="tozero")
    finish(figure, 340)
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.16, "xanchor": "left"})
    return figure


def _mark(figure: go.Figure, mode: int, mono: int) -> None:
    """Draw dashed lines at the modal length and a nucleosome's, names outwards, or one where both meet."""
    marks = [(mode, f"mode, {mode} bp", BLUE, "top left"), (mono, f"{mono} bp", ORANGE, "top right")]
    if mode == mono:
        marks = [(mode, f"mode, {mono} bp", BLUE, "top right")]
    elif mode > mono:
        marks = [(*marks[0][:3], "top right"), (*marks[1][:3], "top left")]
    for place, name, colour, side in marks:
        figure.add_vline(
            x=place,
            line={"color": colour, "width": 1.6, "dash": "dash"},
            annotation={"text": name, "font": {"color": MUTED, "size": 12}},
            annotation_position=side,
        )
