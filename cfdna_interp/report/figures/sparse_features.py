"""Sparse features: how many are left at each step of the funnel, and what the survivors follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cfdna_interp.report.figures.style import (
    GREEN,
    GROUP_COLOURS,
    INK,
    MUTED,
    NULL_BAND,
    finish,
)
from cfdna_interp.report.maps import MONO
from cfdna_interp.report.representation import family_name
from cfdna_interp.report.words import plotly_text

Record = Mapping[str, Any]

SHOWN = 4  # features with their profiles, those of the largest contrast
PROFILES = (("length", "Fragment length, bp"), ("level", "Methylation level"), ("locus", "Locus"))
TICKS = (0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)


def funnel_figure(funnel: Record) -> go.Figure:
    """Draw how many features are left at each step, beside how many of permuted labels are.

    Counts are on a scale of log(1 + count), so that 0 has a place. Grey reaches to the 95 % quantile over
    heads with permuted labels, the tick stands at their mean.
    """
    steps = funnel["funnel"]
    names = [_stage(step) for step in steps]
    counts = [int(step["count"]) for step in steps]
    figure = go.Figure()
    null = [step for step in steps if step.get("null_high") is not None]
    figure.add_bar(
        x=_scale([step["null_high"] for step in null]),
        y=[_stage(step) for step in null],
        customdata=[step["null_high"] for step in null],
        orientation="h",
        width=0.72,
        marker={"color": NULL_BAND},
        name="Permuted labels, 95 %",
        hovertemplate="permuted labels: at most %{customdata:.3g} in 95 %<extra></extra>",
    )
    figure.add_bar(
        x=_scale(counts),
        y=names,
        customdata=counts,
        orientation="h",
        width=0.4,
        marker={"color": GREEN},
        text=[f"{count:,}" for count in counts],
        textposition="outside",
        cliponaxis=False,
        name="Features",
        hovertemplate="%{y}: %{customdata:,}<extra></extra>",
    )
    figure.add_scatter(
        x=_scale([step["null_mean"] for step in null]),
        y=[_stage(step) for step in null],
        customdata=[step["null_mean"] for step in null],
        mode="markers",
        marker={"symbol": "line-ns", "size": 24, "line": {"width": 2, "color": MUTED}},
        name="Permuted labels, mean",
        hovertemplate="permuted labels: %{customdata:.3g} on average<extra></extra>",
    )
    top = max(counts)
    ticks = [tick for tick in TICKS if tick <= top]
    figure.update_xaxes(
        title_text="Features (scale of log(1 + count))",
        tickmode="array",
        tickvals=_scale(ticks),
        ticktext=[f"{tick:,}" for tick in ticks],
        range=[0, 1.1 * _scale([top])[0]],
    )
    figure.update_yaxes(categoryorder="array", categoryarray=names, range=[len(names) - 0.5, -0.5])
    figure.update_layout(barmode="overlay")
    finish(figure, 150 + 46 * len(names))
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.14, "xanchor": "left"})
    return figure


def profile_figure(survivors: Sequence[Record]) -> go.Figure:
    """Draw the mean activation of the strongest surviving features, a row a feature.

    Columns are fragment length (dashed: 167 bp), methylation level outside atlas blocks and class of locus.
    """
    chosen = strongest(survivors)
    figure = make_subplots(
        rows=len(chosen),
        cols=len(PROFILES),
        shared_yaxes="rows",
        horizontal_spacing=0.04,
        vertical_spacing=min(0.12, 0.3 / len(chosen)),
        column_titles=[title for _, title in PROFILES],
    )
    for row, feature in enumerate(chosen, start=1):
        colour = GROUP_COLOURS.get(feature["family"], INK)
        for column, (name, _) in enumerate(PROFILES, start=1):
            points = feature["profile"].get(name) or []
            classes = name == "locus"
            figure.add_scatter(
                x=[plotly_text(str(point[0])) if classes else point[0] for point in points],
                y=[point[1] for point in points],
                mode="markers" if classes else "lines",
                line={"color": colour, "width": 2},
                marker={"color": colour, "size": 9},
                showlegend=False,
                name=f"Feature {feature['feature']}",
                hovertemplate="%{x}: %{y:.3g}",
                row=row,
                col=column,
            )
        figure.add_vline(x=MONO, line={"color": MUTED, "width": 1.2, "dash": "dash"}, row=row, col=1)
        title = f"Feature {feature['feature']}<br>{family_name(feature['family'])}"
        figure.update_yaxes(title_text=title, rangemode="tozero", row=row, col=1)
    figure.update_xaxes(range=[-0.02, 1.02], col=2)
    figure.update_xaxes(type="category", col=3)
    return finish(figure, 110 + 150 * len(chosen))


def strongest(survivors: Sequence[Record]) -> list[Record]:
    """Return the survivors whose profiles are drawn: the largest contrasts first, at most ``SHOWN``."""
    return sorted(survivors, key=lambda feature: (-abs(feature["t"]), feature["feature"]))[:SHOWN]


def _stage(step: Record) -> str:
    return plotly_text(str(step["stage"])[:1].upper() + str(step["stage"])[1:])


def _scale(counts: Sequence[float]) -> list[float]:
    return [float(value) for value in np.log10(1 + np.asarray(counts, dtype=np.float64))]
