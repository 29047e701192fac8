"""Predicted beside observed probability on the held-out cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from scipy.special import expit

from cfdna_interp.records.validation import MAIN, HeldoutCalibration, SmoothCurve, ValidationResult
from cfdna_interp.report.figures.heldout import MAIN_COLOURS, shown_scores
from cfdna_interp.report.figures.style import MUTED, finish, translucent
from cfdna_interp.report.words import score_name
from cfdna_interp.stats.calibration import wilson


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


def calibration_figure(validation: ValidationResult, scores: pd.DataFrame) -> go.Figure:
    """Draw predicted against observed probability of being a case, for the model and the proxy.

    Points are bins of equally many subjects with Wilson 95 % intervals; lines the smooth curves of
    ``validation.json`` with their pointwise 95 % bands, or, where there is no such curve, the logistic
    recalibration with the slope and intercept. On the diagonal a prediction of 70 % comes true in 70 of
    100 subjects with the case share of this cohort.
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
        curve = validation.calibration_curve[name]
        if curve.predicted:
            _add_curve(figure, curve, MAIN_COLOURS[name])
        else:
            _add_recalibration(
                figure, validation.scores[name].calibration, measured[name], MAIN_COLOURS[name]
            )
        _add_bins(figure, name, measured)
    figure.update_xaxes(title_text="Predicted probability", range=[-0.02, 1.02], constrain="domain")
    figure.update_yaxes(title_text="Observed share of cases", range=[-0.02, 1.02], scaleanchor="x")
    finish(figure, 480)
    figure.update_layout(margin={"t": 12}, legend={"x": 0.02, "y": 0.98, "yanchor": "top"})
    return figure


def _add_curve(figure: go.Figure, curve: SmoothCurve, colour: str) -> None:
    predicted = list(curve.predicted)
    figure.add_scatter(
        x=[*predicted, *predicted[::-1]],
        y=[*curve.high, *curve.low[::-1]],
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=translucent(colour, 0.13),
        showlegend=False,
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=predicted,
        y=curve.observed,
        mode="lines",
        line={"color": colour, "width": 2},
        showlegend=False,
        hoverinfo="skip",
    )


def _add_recalibration(
    figure: go.Figure, calibration: HeldoutCalibration, logits: pd.Series, colour: str
) -> None:
    slope, intercept = calibration.slope.value, calibration.intercept.value
    if slope is None or intercept is None:
        return
    line = np.linspace(logits.min(), logits.max(), 101)
    figure.add_scatter(
        x=expit(line),
        y=expit(intercept + slope * line),
        mode="lines",
        line={"color": colour, "width": 2, "dash": "dash"},
        showlegend=False,
        hoverinfo="skip",
    )


def _add_bins(figure: go.Figure, name: str, measured: pd.DataFrame) -> None:
    bins = calibration_bins(measured["label"].to_numpy(), measured[name].to_numpy())
    figure.add_scatter(
        x=bins["predicted"],
        y=bins["observed"],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": bins["high"] - bins["observed"],
            "arrayminus": bins["observed"] - bins["low"],
            "color": MAIN_COLOURS[name],
            "thickness": 1.2,
            "width": 4,
        },
        mode="markers",
        marker={
            "size": 9,
            "color": MAIN_COLOURS[name],
            "symbol": "circle" if name == "model" else "square",
        },
        name=score_name(name),
        customdata=bins["n"],
        hovertemplate="predicted %{x:.2f}, observed %{y:.2f}, n = %{customdata}",
    )
