"""Held-out discrimination."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import plotly.graph_objects as go
from sklearn.metrics import roc_curve

from cfdna_interp.records.validation import MAIN, EitherWay, ValidationResult
from cfdna_interp.records.values import Auroc
from cfdna_interp.report.figures.forest import Row, forest
from cfdna_interp.report.figures.style import BLUE, INK, MUTED, VERMILLION, finish, group_colours
from cfdna_interp.report.words import interval, score_name, score_rank, whole_name

MAIN_COLOURS = {"model": INK, "proxy": VERMILLION}
ABOUT_NO_GROUP = ("model", "surrogate", "proxy", "all", "context", "covariates", "technical")


def shown_scores(validation: ValidationResult, scores: pd.DataFrame) -> list[str]:
    """Return the model, the proxy and the baselines, as far as they were scored, in this order."""
    present = [name for name in validation.scores if name in scores.columns]
    return [name for name in sorted(present, key=score_rank) if name in MAIN or name.startswith("baseline_")]


def roc_figure(validation: ValidationResult, scores: pd.DataFrame) -> go.Figure:
    """Draw receiver operating characteristics, one score per held-out subject.

    Parameters
    ----------
    validation
        What the held-out labels say, for the intervals in the legend.
    scores
        A row per subject: ``label`` and a column of logits per score.

    Returns
    -------
    False-positive rate against true-positive rate (shares of controls and of cases); subjects without
    a score, e.g. of unknown age, are left out of that curve.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": MUTED, "width": 1, "dash": "dot"},
        name="Chance",
        showlegend=False,
        hoverinfo="skip",
    )
    colours = score_colours(validation.scores)
    for name in shown_scores(validation, scores):
        measured = scores[["label", name]].dropna()
        rate, hit, _ = roc_curve(measured["label"], measured[name])
        text = interval(validation.scores[name].auroc)
        figure.add_scatter(
            x=rate,
            y=hit,
            mode="lines",
            line={"color": colours[name], "width": 3 if name in MAIN else 1.3, "dash": line_dash(name)},
            name=f"{score_name(name)} {text}",
            hovertemplate=f"{score_name(name)}<br>%{{x:.2f}} false, %{{y:.2f}} true<extra></extra>",
        )
    figure.update_xaxes(title_text="False-positive rate (controls)", range=[-0.01, 1.01], constrain="domain")
    figure.update_yaxes(title_text="True-positive rate (cases)", range=[-0.01, 1.01], scaleanchor="x")
    finish(figure, 690)
    figure.update_layout(
        margin={"t": 12, "b": 262},
        legend={"yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
    )
    return figure


def auroc_forest(validation: ValidationResult) -> go.Figure:
    """Draw the AUROC of every held-out score with its 95 % interval; .5 is chance."""
    names = sorted(validation.scores, key=score_rank)
    colours = score_colours(names)
    rows = []
    for name in names:
        score = validation.scores[name]
        shown: Auroc | EitherWay = score.auroc if score.directionless is None else score.directionless
        rows.append(
            Row(
                name=score_name(name, whole_name(validation)),
                value=shown.value,
                low=shown.low,
                high=shown.high,
                colour=colours[name],
                note="" if score.directionless is None else "whichever way they point",
                filled=name in MAIN,
            )
        )
    return forest(rows, "Held-out AUROC", null=0.5)


def score_colours(scores: Iterable[str]) -> dict[str, str]:
    """Return the colour of each score: that of the feature group it is about, grey where it is about none."""
    owners = {name: _group(name) for name in scores}
    groups = group_colours(group for group in owners.values() if group not in ABOUT_NO_GROUP)
    return {
        name: MAIN_COLOURS.get(name) or groups.get(group) or (BLUE if group == "all" else MUTED)
        for name, group in owners.items()
    }


def _group(name: str) -> str:
    for prefix in ("model_without_", "model_only_", "baseline_"):
        name = name.removeprefix(prefix)
    return name


def line_dash(name: str) -> str:
    """Return the dash of a score's line, so that greys can be told apart."""
    if name == "baseline_technical":
        return "dash"
    if name == "baseline_covariates":
        return "dashdot"
    return "solid"
