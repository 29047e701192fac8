"""Residuals of the samples' mixtures of cell types."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cfdna_interp.report.figures.style import LABEL_COLOURS, LABEL_NAMES, finish
from cfdna_interp.report.tissue import CLASSES, SampleTissue
from cfdna_interp.report.words import ROLE_NAMES, plotly_text

_WIDTH = 0.7  # of the place that a role and class has on the axis


def residual_figure(tissues: Sequence[SampleTissue]) -> go.Figure:
    """Draw the residual of every sample by role and class, on a scale of ratios.

    Full marks are samples that the atlas explains, open ones those that it doesn't. Samples stand side by
    side in the order of their residuals.
    """
    figure = go.Figure()
    places = [(role, label) for role in ROLE_NAMES for label in CLASSES]
    for place, (role, label) in enumerate(places):
        members = sorted(
            (
                (one.tissue.residual.value, one)
                for one in tissues
                if (one.role, one.label) == (role, label) and one.tissue.residual.value is not None
            ),
            key=lambda pair: (pair[0], pair[1].sample),
        )
        if not members:
            continue
        step = _WIDTH / max(len(members) - 1, 1)
        figure.add_scatter(
            x=[place + (row * step - _WIDTH / 2 if len(members) > 1 else 0) for row in range(len(members))],
            y=[round(value, 3) for value, _ in members],
            mode="markers",
            marker={
                "color": LABEL_COLOURS[label],
                "size": 6,
                "symbol": [
                    "circle" if one.tissue.residual.explained else "circle-open" for _, one in members
                ],
            },
            text=[plotly_text(one.sample) for _, one in members],
            hovertemplate="%{text}: %{y}<extra></extra>",
            name=f"{ROLE_NAMES[role]}, {LABEL_NAMES[label].lower()}",
            showlegend=False,
        )
    figure.update_xaxes(
        tickvals=list(range(len(places))),
        ticktext=[f"{ROLE_NAMES[role]},<br>{LABEL_NAMES[label].lower()}" for role, label in places],
        range=[-0.5, len(places) - 0.5],
    )
    figure.update_yaxes(type="log", title_text="Squared residuals<br>over binomial ones")
    return finish(figure, 320)
