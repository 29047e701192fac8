"""Held-out discrimination and calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from scipy.special import expit
from sklearn.metrics import roc_curve

from cfdna_interp.report.figures.forest import Row, forest
from cfdna_interp.report.figures.style import BLUE, GROUP_COLOURS, INK, MUTED, VERMILLION, finish
from cfdna_interp.report.words import interval, score_name, score_rank
from cfdna_interp.stats.calibration import wilson

MAIN = ("model", "proxy")
MAIN_COLOURS = {"model": INK, "proxy": VERMILLION}


def shown_scores(validation: Mapping[str, Any], scores: pd.DataFrame) -> list[str]:
    """Return the model, the proxy and the baselines, as far as they were scored, in this order."""
    present = [name for name in validation["scores"] if name in scores.columns]
    return [name for name in sorted(present, key=score_rank) if name in MAIN or name.startswith("baseline_")]


def roc_figure(validation: Mapping[str, Any], scores: pd.DataFrame) -> go.Figure:
    """Draw receiver operating characteristics, one score per held-out subject.

    Parameters
    ----------
    validation
        The content of ``validation.json``, for the intervals in the legend.
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
    for name in shown_scores(validation, scores):
        measured = scores[["label", name]].dropna()
        rate, hit, _ = roc_curve(measured["label"], measured[name])
        text = interval(validation["scores"][name]["auroc"])
        figure.add_scatter(
            x=rate,
            y=hit,
            mode="lines",
            line={"color": _colour(name), "width": 3 if name in MAIN else 1.3, "dash": _dash(name)},
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


def calibration_bins(labels: np.ndarray, logits: np.ndarray) -> pd.DataFrame:
    """Compare predicted with observed case shares in bins of equally many subjects.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control.
    logits
        (subjects,) scores as logits.

    Returns
    -------
    A row per bin (about 15 subjects each, 3 to 10 bins): ``predicted`` mean probability, ``observed``
    share of cases, ``low`` and ``high`` Wilson 95 % interval, ``n`` subjects.
    """
    order = np.argsort(logits, kind="stable")
    bins = np.array_split(order, int(np.clip(len(order) // 15, 3, 10)))
    rows = []
    for members in bins:
        cases = int(labels[members].sum())
        share = wilson(cases, len(members))
        rows.append((expit(logits[members]).mean(), share.value, share.low, share.high, len(members)))
    return pd.DataFrame(rows, columns=["predicted", "observed", "low", "high", "n"])


def calibration_figure(validation: Mapping[str, Any], scores: pd.DataFrame) -> go.Figure:
    """Draw predicted against observed probability of being a case, for the model and the proxy.

    Points are bins of equally many subjects with Wilson 95 % intervals; the line is the logistic
    recalibration with the slope and intercept of ``validation.json``. On the diagonal a prediction of
    70 % comes true in 70 of 100 subjects with the case share of this cohort.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": MUTED, "width": 1, "dash": "dot"},
        showlegend=False,
        hoverinfo="skip",
    )
    for name in (name for name in MAIN if name in shown_scores(validation, scores)):
        measured = scores[["label", name]].dropna()
        bins = calibration_bins(measured["label"].to_numpy(), measured[name].to_numpy())
        record, colour = validation["scores"][name], MAIN_COLOURS[name]
        slope, intercept = record.get("calibration_slope"), record.get("calibration_intercept")
        if slope is not None and intercept is not None:
            logits = np.linspace(measured[name].min(), measured[name].max(), 101)
            figure.add_scatter(
                x=expit(logits),
                y=expit(intercept + slope * logits),
                mode="lines",
                line={"color": colour, "width": 2, "dash": _dash(name)},
                showlegend=False,
                hoverinfo="skip",
            )
        figure.add_scatter(
            x=bins["predicted"],
            y=bins["observed"],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": bins["high"] - bins["observed"],
                "arrayminus": bins["observed"] - bins["low"],
                "color": colour,
                "thickness": 1.2,
                "width": 4,
            },
            mode="markers",
            marker={"size": 9, "color": colour, "symbol": "circle" if name == "model" else "square"},
            name=score_name(name),
            customdata=bins["n"],
            hovertemplate="predicted %{x:.2f}, observed %{y:.2f}, n = %{customdata}",
        )
    figure.update_xaxes(title_text="Predicted probability", range=[-0.02, 1.02], constrain="domain")
    figure.update_yaxes(title_text="Observed share of cases", range=[-0.02, 1.02], scaleanchor="x")
    finish(figure, 480)
    figure.update_layout(margin={"t": 12}, legend={"x": 0.02, "y": 0.98, "yanchor": "top"})
    return figure


def auroc_forest(validation: Mapping[str, Any]) -> go.Figure:
    """Draw the AUROC of every held-out score with its 95 % interval; .5 is chance."""
    names = sorted(validation["scores"], key=score_rank)
    rows = [
        Row(
            name=score_name(name),
            value=validation["scores"][name]["auroc"]["value"],
            low=validation["scores"][name]["auroc"]["low"],
            high=validation["scores"][name]["auroc"]["high"],
            colour=_colour(name),
            filled=name in MAIN,
        )
        for name in names
    ]
    return forest(rows, "Held-out AUROC", null=0.5)


def _group(name: str) -> str:
    for prefix in ("model_without_", "model_only_", "baseline_"):
        name = name.removeprefix(prefix)
    return name


def _colour(name: str) -> str:
    return MAIN_COLOURS.get(name) or GROUP_COLOURS.get(_group(name)) or (BLUE if "all" in name else MUTED)


def _dash(name: str) -> str:
    if name == "baseline_technical":
        return "dash"
    if name == "baseline_covariates":
        return "dashdot"
    return "solid"
