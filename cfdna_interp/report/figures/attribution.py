"""What the prediction rests on: shares beside their null, contributions by label, cost of leaving out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cfdna_interp.attribution.judge import CONTEXT_LIMIT
from cfdna_interp.records.dominance import Dominance, GroupAttribution
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.values import Interval
from cfdna_interp.report.figures.style import (
    INK,
    LABEL_COLOURS,
    LABEL_NAMES,
    MUTED,
    NULL_BAND,
    finish,
    group_colours,
)
from cfdna_interp.report.words import group_name, group_rank

CONTEXT = "Context and joint"


def attribution_figure(
    dominance: Dominance, validation: ValidationResult, *, context: bool = True
) -> go.Figure:
    """Draw three answers to "does the model need this group?" side by side, a row per group.

    Parameters
    ----------
    dominance
        What the model relies on.
    validation
        What the held-out labels say; its pairs of the model (or its surrogate) with the same
        retrained without a group give the third column.
    context
        Whether something may lie with context and joint dependence; nothing of a linear model does.

    Returns
    -------
    Left: share of the prediction (% of the summed absolute contributions) with its 95 % interval over
    bootstrap refits; a grey bar reaches to the 95 % quantile of the share under permuted labels, a
    vertical tick marks the 95 % quantile of the largest share of any group. Middle: mean contribution
    (logit) of cases and controls. Right: AUROC lost by retraining without the group, on discovery
    subjects (cross-fitted, diamond) and on held-out subjects (dot with a paired 95 % interval).
    """
    groups = sorted(dominance.groups, key=group_rank)
    figure = make_subplots(
        rows=1,
        cols=3,
        shared_yaxes=True,
        column_widths=[0.44, 0.28, 0.28],
        horizontal_spacing=0.045,
        column_titles=["Share of the prediction", "Mean contribution", "Lost without it"],
    )
    _add_shares(figure, groups, dominance.groups)
    if context:
        _add_context(figure, dominance.context_and_joint)
    _add_contributions(figure, groups, dominance.groups)
    _add_costs(figure, groups, dominance.leave_out_cost, validation)
    rows = [group_name(group) for group in groups] + [CONTEXT] * context
    # An explicit range keeps the order of the rule's groups from top to bottom in all three columns.
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=rows, range=[len(rows) - 0.5, -0.5]
    )
    figure.update_xaxes(title_text="% of Σ|φ|", range=[0, 100], row=1, col=1)
    figure.update_xaxes(title_text="φ, logit", row=1, col=2)
    figure.update_xaxes(title_text="Drop of AUROC", row=1, col=3)
    for column in (2, 3):
        figure.add_vline(x=0, line={"color": MUTED, "width": 1, "dash": "dot"}, row=1, col=column)
    finish(figure, 160 + 52 * len(rows))
    for column, name in enumerate(("legend", "legend2", "legend3"), start=1):
        left = figure.get_subplot(1, column).xaxis.domain[0]
        place = {"x": left, "xanchor": "left", "y": -0.24, "yanchor": "top", "font": {"size": 12}}
        figure.update_layout({name: place})
    return figure


def _add_shares(figure: go.Figure, groups: list[str], attributed: Mapping[str, GroupAttribution]) -> None:
    names = [group_name(group) for group in groups]
    records = [attributed[group] for group in groups]
    figure.add_bar(
        x=[percentage(record.null_share_high) for record in records],
        y=names,
        orientation="h",
        width=0.5,
        marker={"color": NULL_BAND},
        name="95 % of permuted labels",
        hovertemplate="null of this group: up to %{x:.0f} %<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=[percentage(record.null_max_high) for record in records],
        y=names,
        mode="markers",
        marker={"symbol": "line-ns", "size": 24, "line": {"width": 2, "color": MUTED}},
        name="95 % of the largest share, permuted",
        hovertemplate="null of the largest share: up to %{x:.0f} %<extra></extra>",
        row=1,
        col=1,
    )
    colours = group_colours(groups)
    for group, name, record in zip(groups, names, records, strict=True):
        _add_share(figure, name, record.share, colours[group])


def _add_context(figure: go.Figure, share: Interval) -> None:
    _add_share(figure, CONTEXT, share, MUTED)
    figure.add_scatter(
        x=[percentage(CONTEXT_LIMIT)],
        y=[CONTEXT],
        mode="markers",
        marker={"symbol": "line-ns", "size": 24, "line": {"width": 2, "color": MUTED}},
        showlegend=False,
        hovertemplate="more than this: can't tell<extra></extra>",
        row=1,
        col=1,
    )


def _add_share(figure: go.Figure, name: str, share: Interval, colour: str) -> None:
    figure.add_scatter(
        x=[percentage(share.value)],
        y=[name],
        error_x=whiskers([share], 100.0, colour),
        mode="markers",
        marker={"size": 12, "color": colour, "line": {"width": 1, "color": "white"}},
        showlegend=False,
        hovertemplate=f"{name}: %{{x:.0f}} %<extra></extra>",
        row=1,
        col=1,
    )


def _add_contributions(
    figure: go.Figure, groups: list[str], attributed: Mapping[str, GroupAttribution]
) -> None:
    cases = [attributed[group].mean_phi_case for group in groups]
    controls = [attributed[group].mean_phi_control for group in groups]
    for label, means, symbol in ((1, cases, "circle"), (0, controls, "square")):
        figure.add_scatter(
            x=[mean.value for mean in means],
            y=[group_name(group) for group in groups],
            error_x=whiskers(means, 1.0, LABEL_COLOURS[label]),
            mode="markers",
            marker={"size": 11, "symbol": symbol, "color": LABEL_COLOURS[label]},
            name=LABEL_NAMES[label],
            hovertemplate=f"{LABEL_NAMES[label]}: %{{x:.2f}}<extra></extra>",
            legend="legend2",
            row=1,
            col=2,
        )


def _add_costs(
    figure: go.Figure, groups: list[str], costs: Mapping[str, float], validation: ValidationResult
) -> None:
    pairs = {pair.b: pair for pair in validation.paired}
    held = [group for group in groups if f"model_without_{group}" in pairs]
    points = [pairs[f"model_without_{group}"] for group in held]
    figure.add_scatter(
        x=[point.value for point in points],
        y=[group_name(group) for group in held],
        error_x=whiskers(points, 1.0, INK),
        mode="markers",
        marker={"size": 10, "color": INK},
        name="Held-out, 95 %",
        hovertemplate="held-out: %{x:.3f}<extra></extra>",
        legend="legend3",
        row=1,
        col=3,
    )
    figure.add_scatter(
        x=[costs[group] for group in groups],
        y=[group_name(group) for group in groups],
        mode="markers",
        marker={"size": 10, "symbol": "diamond-open", "color": INK, "line": {"width": 1.6}},
        name="Discovery, cross-fitted",
        hovertemplate="discovery: %{x:.3f}<extra></extra>",
        legend="legend3",
        row=1,
        col=3,
    )


def percentage(value: float | None) -> float | None:
    """Return a share in %; None where there is none."""
    return None if value is None else 100 * value


def whiskers(points: Sequence[Interval], factor: float, colour: str) -> dict[str, Any]:
    """Return plotly's error bars of intervals, lengths from the value."""

    def length(upper: float | None, lower: float | None) -> float | None:
        return None if upper is None or lower is None else factor * (upper - lower)

    return {
        "type": "data",
        "symmetric": False,
        "array": [length(point.high, point.value) for point in points],
        "arrayminus": [length(point.value, point.low) for point in points],
        "color": colour,
        "thickness": 2,
        "width": 5,
    }
