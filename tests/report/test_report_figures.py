"""Figures against closed forms and scikit-learn: what is drawn is what was measured."""

from __future__ import annotations

import made_audit
import made_proxy
import made_validation as made
import numpy as np
import pandas as pd
import pytest
from made_dominance import around, dominance_record, group_attribution
from msgspec import structs
from scipy.special import expit
from sklearn.metrics import auc, roc_auc_score, roc_curve

from cfdna_interp.proxy.linear import Linear
from cfdna_interp.records.dominance import Dominance, GroupAttribution
from cfdna_interp.records.validation import HeldoutCalibration, ValidationResult
from cfdna_interp.records.values import Interval
from cfdna_interp.report.figures.attribution import attribution_figure
from cfdna_interp.report.figures.audit import coefficient_figure, handling_forest
from cfdna_interp.report.figures.calibration import calibration_bins, calibration_figure
from cfdna_interp.report.figures.forest import Row, forest
from cfdna_interp.report.figures.heldout import auroc_forest, roc_figure


def line(slope: float | None, intercept: float | None) -> HeldoutCalibration:
    return HeldoutCalibration(
        slope=made.by(slope, None, None),
        intercept=made.by(intercept, None, None),
        in_the_large=made.by(0.0, None, None),
    )


def validation(names: list[str], calibration: HeldoutCalibration | None = None) -> ValidationResult:
    area, drawn = made.auroc(0.8, 0.75, 0.85, "DeLong"), calibration or line(1.0, 0.0)
    return made.validation(
        n=made.counts(50, 50),
        scores={name: made.score(area, calibration=drawn) for name in names},
        paired=(made.pair("model", "model_without_methylation", 0.1, 0.05, 0.2),),
    )


def cohort(n: int = 200, effect: float = 1.5) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    labels = np.arange(n) % 2
    return pd.DataFrame(
        {
            "label": labels,
            "model": rng.normal(effect * labels),
            # Rounded to one decimal: ties, which a curve drawn point by point gets wrong.
            "baseline_methylation": np.round(rng.normal(size=n), 1),
        }
    )


def test_roc_curves_are_those_of_scikit_learn() -> None:
    scores = cohort()
    figure = roc_figure(validation(["model", "baseline_methylation"]), scores)
    drawn = {trace.name.split(" 0.")[0]: trace for trace in figure.data}
    for title, name in (("Model", "model"), ("Methylation (logistic)", "baseline_methylation")):
        rate, hit, _ = roc_curve(scores.label, scores[name])
        np.testing.assert_array_equal(drawn[title].x, rate)
        np.testing.assert_array_equal(drawn[title].y, hit)
        assert auc(drawn[title].x, drawn[title].y) == pytest.approx(roc_auc_score(scores.label, scores[name]))


def test_subjects_without_a_score_are_left_out_of_its_curve_only() -> None:
    scores = cohort()
    scores.loc[:9, "baseline_methylation"] = np.nan
    figure = roc_figure(validation(["model", "baseline_methylation"]), scores)
    rate, _, _ = roc_curve(scores.label[10:], scores.baseline_methylation[10:])
    np.testing.assert_array_equal(figure.data[2].x, rate)


def test_calibration_bins_hold_every_subject_once() -> None:
    scores = cohort(160)
    bins = calibration_bins(scores.label.to_numpy(), scores.model.to_numpy())
    # 160 // 15 = 10 bins.
    assert bins.n.tolist() == [16] * 10
    assert (bins.observed * bins.n).sum() == pytest.approx(80)
    assert (bins.predicted * bins.n).sum() == pytest.approx(expit(scores.model).sum())
    assert bins.predicted.is_monotonic_increasing


def test_wilson_interval_of_a_bin_by_hand() -> None:
    # 45 subjects in 3 bins of 15; the lowest bin has no case. Wilson for 0 of 15: the upper end is
    # z² / (n + z²) with z = 1.959964: 3.841459 / 18.841459 = .203883, the lower end 0.
    labels = np.r_[np.zeros(15, int), np.tile([0, 1], 15)]
    bins = calibration_bins(labels, np.arange(45.0))
    assert bins.observed[0] == 0
    assert bins.low[0] == pytest.approx(0, abs=1e-12)
    assert bins.high[0] == pytest.approx(0.203883, abs=1e-6)


def test_calibrated_predictions_lie_on_the_diagonal_and_overconfident_ones_do_not() -> None:
    rng = np.random.default_rng(11)
    logits = rng.normal(0, 1.5, 3_000)
    labels = (rng.random(3_000) < expit(logits)).astype(int)
    honest, bold = calibration_bins(labels, logits), calibration_bins(labels, 4 * logits)
    inside = ((honest.low <= honest.predicted) & (honest.predicted <= honest.high)).sum()
    # Ten intervals of 95 %: fewer than 7 inside has a probability below .001.
    assert inside >= 7
    assert ((bold.low > bold.predicted) | (bold.predicted > bold.high)).sum() >= 5


def test_recalibration_line_follows_slope_and_intercept() -> None:
    scores = cohort()
    record = validation(["model"], line(2.0, -1.0))
    drawn = calibration_figure(record, scores).data[1]
    # A prediction of logit x is drawn at 2 x - 1.
    np.testing.assert_allclose(
        np.log(drawn.y / (1 - drawn.y)), 2 * np.log(drawn.x / (1 - drawn.x)) - 1, atol=1e-9
    )


def test_no_line_where_the_classes_are_separated() -> None:
    record = validation(["model"], line(None, None))
    assert len(calibration_figure(record, cohort()).data) == 2


def test_forest_whiskers_end_at_the_bounds() -> None:
    figure = forest([Row("a", 0.7, 0.6, 0.9), Row("<a>", 0.4)], "AUROC", null=0.5)
    first, second = figure.data
    assert first.x[0] + first.error_x.array[0] == pytest.approx(0.9)
    assert first.x[0] - first.error_x.arrayminus[0] == pytest.approx(0.6)
    assert second.error_x.visible is False
    assert list(figure.layout.yaxis.ticktext) == ["a", "&lt;a&gt;"]


def test_every_score_has_a_row_the_model_first() -> None:
    names = ["baseline_coverage", "model_only_methylation", "proxy", "model", "baseline_methylation"]
    figure = auroc_forest(validation(names))
    assert [trace.name for trace in figure.data] == [
        "Model",
        "Proxy",
        "Model on methylation only",
        "Methylation (logistic)",
        "Coverage (logistic)",
    ]


def dominance() -> Dominance:
    def group(share: float) -> GroupAttribution:
        return group_attribution(around(share, 0.05, 0.05), null_share_high=0.4, null_max_high=0.5)

    return dominance_record(
        {"methylation": group(0.7), "fragment_length": group(0.3)},
        context_and_joint=around(0.1, 0.05, 0.05),
        leave_out_cost={"methylation": 0.3, "fragment_length": 0.0},
    )


def test_shares_stand_beside_their_null() -> None:
    figure = attribution_figure(dominance(), validation(["model"]))
    null, ceiling = figure.data[0], figure.data[1]
    assert list(null.y) == ["Fragment length", "Methylation"]
    assert list(null.x) == [40, 40]
    assert list(ceiling.x) == [50, 50]
    points = {trace.y[0]: trace for trace in figure.data[2:5]}
    assert points["Methylation"].x[0] == 70
    assert points["Methylation"].error_x.array[0] == pytest.approx(5)
    assert points["Context and joint"].x[0] == 10


def test_of_a_linear_model_nothing_can_lie_with_context() -> None:
    figure = attribution_figure(dominance(), validation(["model"]), context=False)
    assert list(figure.layout.yaxis.categoryarray) == ["Fragment length", "Methylation"]
    assert not any("Context and joint" in trace.y for trace in figure.data)
    # The limit of the rule, a fifth, is drawn where there is a row for it.
    (limit,) = [t for t in attribution_figure(dominance(), validation(["model"])).data if list(t.x) == [20]]
    assert list(limit.y) == ["Context and joint"]


def test_costs_pair_the_model_with_itself_retrained() -> None:
    figure = attribution_figure(dominance(), validation(["model"]))
    held, discovery = figure.data[-2:]
    # Only methylation has a held-out pair; .1 [.05, .2] has whiskers of .05 and .1.
    assert list(held.y) == ["Methylation"]
    assert held.error_x.array[0] == pytest.approx(0.1)
    assert held.error_x.arrayminus[0] == pytest.approx(0.05)
    assert list(discovery.x) == [0.0, 0.3]


def test_handling_forest_with_and_without_measures() -> None:
    record = validation(["model"])
    claim = made_audit.claim(score="model")
    audit = made_audit.audit(
        handling=claim,
        person=claim,
        technical=made_audit.baseline(
            made_audit.auroc(0.25), directionless=Interval(value=0.75, low=0.7, high=0.8)
        ),
        covariates=made_audit.baseline(None, made_audit.NO_INPUT),
        overlap_weighted=made_audit.weights(missing=made_audit.NO_INPUT),
    )
    names = [trace.name for trace in handling_forest(audit, record).data]
    assert names == [
        "Model, all subjects (crude)",
        "Within batches and sites",
        "Batches, sites and technical columns held (L4)",
        "Age, sex and further covariates held (L5)",
        "Matched in depth",
        "Technical columns only",
    ]
    # Columns tell the label whichever way they point.
    assert handling_forest(audit, record).data[-1].x[0] == 0.75
    audit = structs.replace(audit, within_strata=None, handling=made_audit.claim(score="model", measure=None))
    names = [trace.name for trace in handling_forest(audit, record).data]
    assert names[1] == "Age, sex and further covariates held (L5)"
    # Weights that there is enough overlap for are drawn too.
    audit = structs.replace(audit, overlap_weighted=made_audit.weights())
    names = [trace.name for trace in handling_forest(audit, record).data]
    assert "Weighted for overlap in technical columns and site" in names


def test_largest_coefficients_are_chosen_by_size_and_sorted_by_value() -> None:
    values = np.array([0.01] * 30 + [-5.0, 4.0])
    names, one = tuple(f"f{i}" for i in range(len(values))), np.ones(len(values))
    draws = np.column_stack([np.zeros(2), values + np.array([[-1], [1]])])
    linear = Linear(names, one, one, one, values, 0.0, 1.0, draws)
    figure = coefficient_figure(made_proxy.regression(linear, "methylation"))
    names = [trace.name for trace in figure.data]
    assert (names[0], names[-1], len(names)) == ("f31", "f30", 16)
