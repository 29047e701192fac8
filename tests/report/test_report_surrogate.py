"""A model that is known by its scores: what retraining costs is its surrogate's, and is called so."""

from __future__ import annotations

from cfdna_interp.report.figures.attribution import attribution_figure
from cfdna_interp.report.figures.heldout import score_colours
from cfdna_interp.report.heldout import paired_sentences
from cfdna_interp.report.words import score_rank

PAIR = {
    "a": "surrogate",
    "b": "model_without_methylation",
    "difference": 0.1,
    "low": 0.05,
    "high": 0.2,
    "p_holm": 0.01,
    "detectable": 0.08,
}


def test_the_cost_of_retraining_is_told_and_drawn_of_the_surrogate() -> None:
    validation = {"paired": [PAIR], "scores": {"model": {}, "surrogate": {}}}
    assert paired_sentences(validation)[0].startswith(
        "What the surrogate's AUROC loses when it is retrained without a group: methylation 0.100"
    )
    entry = {
        "share": {"value": 1.0, "low": 1.0, "high": 1.0},
        "null_share_high": 0.5,
        "null_max_high": 0.6,
        "mean_phi_case": 1.0,
        "mean_phi_control": -1.0,
    }
    dominance = {
        "groups": {"methylation": entry},
        "leave_out_cost": {"methylation": 0.1},
        "context_and_joint": {"value": 0.0, "low": 0.0, "high": 0.0},
    }
    figure = attribution_figure(dominance, validation)
    (drawn,) = [trace for trace in figure.data if trace.name == "Held-out, 95 %"]
    assert list(drawn.x) == [0.1]


def test_the_surrogate_stands_after_model_and_proxy_in_a_colour_of_no_group() -> None:
    names = ["baseline_all", "model_only_methylation", "surrogate", "proxy", "model"]
    assert sorted(names, key=score_rank) == ["model", "proxy", "surrogate", *names[1::-1]]
    colours = score_colours(names)
    assert colours["surrogate"] == score_colours(["baseline_technical"])["baseline_technical"]
