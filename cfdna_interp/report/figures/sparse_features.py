"""Sparse features: how many are left at each step of the funnel, and what the survivors follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cfdna_interp.records.funnel import FunnelStep, Survivor
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

SHOWN = 4  # features with their profiles, those of the largest contrast
PROFILES = ("Fragment length, bp", "Methylation level", "Locus")
TICKS = (0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)


def funnel_figure(steps: Sequence[FunnelStep]) -> go.Figure:
    """Draw how many features are left at each step, beside how many of permuted labels are.

    Counts are on a scale of log(1 + count), so that 0 has a place. Grey reaches to the 95 % quantile over
    heads with permuted labels, the tick stands at their mean.
    """
    names = [_stage(step) for step in steps]
    counts = [step.count for step in steps]
    figure = go.Figure()
    null = [
        (_stage(step), step.null_mean, step.null_high)
        for step in steps
        if step.null_mean is not None and step.null_high is not None
    ]
    figure.add_bar(
        x=_scale([high for _, _, high in null]),
        y=[name for name, _, _ in null],
        customdata=[high for _, _, high in null],
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
        x=_scale([mean for _, mean, _ in null]),
        y=[name for name, _, _ in null],
        customdata=[mean for _, mean, _ in null],
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


def profile_figure(survivors: Sequence[Survivor]) -> go.Figure:
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
        column_titles=list(PROFILES),
    )
    for row, feature in enumerate(chosen, start=1):
        colour = GROUP_COLOURS.get(feature.family, INK)
        profile = feature.profile
        for column, (points, mode) in enumerate(
            ((profile.length, "lines"), (profile.level, "lines"), (profile.locus, "markers")), start=1
        ):
            figure.add_scatter(
                x=[plotly_text(at) if isinstance(at, str) else at for at, _ in points],
                y=[activation for _, activation in points],
                mode=mode,
                line={"color": colour, "width": 2},
                marker={"color": colour, "size": 9},
                showlegend=False,
                name=f"Feature {feature.feature}",
                hovertemplate="%{x}: %{y:.3g}",
                row=row,
                col=column,
            )
        figure.add_vline(x=MONO, line={"color": MUTED, "width": 1.2, "dash": "dash"}, row=row, col=1)
        title = f"Feature {feature.feature}<br>{family_name(feature.family)}"
        figure.update_yaxes(title_text=title, rangemode="tozero", row=row, col=1)
    figure.update_xaxes(range=[-0.02, 1.02], col=2)
    figure.update_xaxes(type="category", col=3)
    return finish(figure, 110 + 150 * len(chosen))


def strongest(survivors: Sequence[Survivor]) -> list[Survivor]:
    """Return the survivors whose profiles are drawn: the largest contrasts first, at most ``SHOWN``."""
    return sorted(survivors, key=lambda feature: (-abs(feature.t), feature.feature))[:SHOWN]


def _stage(step: FunnelStep) -> str:
    name = step.stage if step.family is None else f"differ with {family_name(step.family)}"
    return plotly_text(name[:1].upper() + name[1:])


def _scale(counts: Sequence[float]) -> list[float]:
    return [float(value) for value in np.log10(1 + np.asarray(counts, dtype=np.float64))]
