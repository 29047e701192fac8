"""Decodable beside used: how well each concept is read off the embeddings, what erasing it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cfdna_interp.records.probes import ConceptProbe, Erasure, Metric
from cfdna_interp.records.values import Interval
from cfdna_interp.report.figures.attribution import whiskers
from cfdna_interp.report.figures.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    NULL_BAND,
    ORANGE,
    finish,
)
from cfdna_interp.report.representation import concept_name
from cfdna_interp.report.words import plotly_text

# Beside the probe's own score, each with a mark of its own: shape tells them apart without colour.
BESIDE: tuple[tuple[Callable[[ConceptProbe], float | None], str, str, str], ...] = (
    (lambda probe: probe.control, "Control task", "x-thin-open", MUTED),
    (lambda probe: probe.untrained, "Encoder with weights drawn anew", "square-open", BLUE),
    (lambda probe: probe.raw, "Other inputs as they are", "triangle-up-open", ORANGE),
    (lambda probe: probe.after_erasure, "After erasure", "circle-open", INK),
)


def probe_figure(rows: Sequence[ConceptProbe]) -> go.Figure:
    """Draw score and cost of each concept, a row each; concepts of fragments first, then of samples.

    Parameters
    ----------
    rows
        The concepts of ``probes.json``.

    Returns
    -------
    Left: the cross-fitted score above chance with its 95 % interval over subjects, and beside it the control
    task, the encoder with weights drawn anew, the other inputs as they are, and the same probe after
    erasure. R² is shown as it is, AUROC as 2 AUROC − 1, so that chance is 0 and perfection 1 for both.
    Right: the AUROC that the head loses when the concept is erased, with its 95 % interval; grey reaches to
    the largest loss among draws of as many random directions. The status stands under each name.
    """
    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        column_widths=[0.56, 0.44],
        horizontal_spacing=0.05,
        column_titles=["Decodable: score above chance", "Used: AUROC lost when erased"],
    )
    places = list(range(len(rows)))
    _add_scores(figure, rows, places)
    _add_costs(figure, [row.erasure for row in rows], places)
    labels = [f"{plotly_text(concept_name(row.concept))}<br><i>{row.status}</i>" for row in rows]
    figure.update_yaxes(
        tickmode="array", tickvals=places, ticktext=labels, range=[len(rows) - 0.5, -0.5], tickfont_size=11.5
    )
    figure.update_xaxes(title_text="R², or 2 AUROC − 1", row=1, col=1)
    figure.update_xaxes(title_text="Drop of AUROC", row=1, col=2)
    for column in (1, 2):
        figure.add_vline(x=0, line={"color": MUTED, "width": 1, "dash": "dot"}, row=1, col=column)
    finish(figure, 170 + 44 * len(rows))
    for column, name in enumerate(("legend", "legend2"), start=1):
        left = figure.get_subplot(1, column).xaxis.domain[0]
        place = {"x": left, "xanchor": "left", "y": -90 / (44 * len(rows) + 78), "yanchor": "top"}
        figure.update_layout({name: {**place, "font": {"size": 12}}})
    return figure


def above_chance(metric: Metric, value: float | None) -> float | None:
    """Return a score on the scale where chance is 0 and perfection 1; None where there is none."""
    if value is None:
        return None
    return 2 * value - 1 if metric == "AUROC" else value


def _add_scores(figure: go.Figure, rows: Sequence[ConceptProbe], places: list[int]) -> None:
    for score_of, name, symbol, colour in BESIDE:
        held = [place for place, row in zip(places, rows, strict=True) if score_of(row) is not None]
        figure.add_scatter(
            x=[above_chance(rows[place].metric, score_of(rows[place])) for place in held],
            y=held,
            mode="markers",
            marker={"size": 9, "symbol": symbol, "color": colour, "line": {"width": 1.6, "color": colour}},
            name=name,
            hovertemplate=f"{name.lower()}: %{{x:.2f}}<extra></extra>",
            row=1,
            col=1,
        )
    points = [
        Interval(
            value=above_chance(row.metric, row.score.value),
            low=above_chance(row.metric, row.score.low),
            high=above_chance(row.metric, row.score.high),
        )
        for row in rows
    ]
    figure.add_scatter(
        x=[point.value for point in points],
        y=places,
        error_x=whiskers(points, 1.0, GREEN),
        mode="markers",
        marker={"size": 11, "color": GREEN},
        name="Probe, 95 %",
        hovertemplate="probe: %{x:.2f}<extra></extra>",
        row=1,
        col=1,
    )


def _add_costs(figure: go.Figure, erasures: Sequence[Erasure], places: list[int]) -> None:
    figure.add_bar(
        x=[erasure.null_high for erasure in erasures],
        y=places,
        orientation="h",
        width=0.6,
        marker={"color": NULL_BAND},
        name="Random directions, at most",
        hovertemplate="random directions: up to %{x:.3f}<extra></extra>",
        legend="legend2",
        row=1,
        col=2,
    )
    whole = [erasure.cost for erasure in erasures]
    partial = [erasure.partial_cost for erasure in erasures]
    for costs, name, symbol, shift in (
        (whole, "All of it, 95 %", "circle", -0.12),
        (partial, "What the others don't explain, 95 %", "diamond-open", 0.16),
    ):
        held = [(place, cost) for place, cost in zip(places, costs, strict=True) if cost is not None]
        figure.add_scatter(
            x=[cost.value for _, cost in held],
            y=[place + shift for place, _ in held],
            error_x=whiskers([cost for _, cost in held], 1.0, INK),
            mode="markers",
            marker={"size": 10, "symbol": symbol, "color": INK, "line": {"width": 1.6, "color": INK}},
            name=name,
            hovertemplate=f"{name.lower().removesuffix(', 95 %')}: %{{x:.3f}}<extra></extra>",
            legend="legend2",
            row=1,
            col=2,
        )
