"""Scoring what the proxy never saw: the frozen numbers, the interval, the warnings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from frozen_run import World, dominance, make_run
from scipy.special import expit

from cfdna_interp.artifacts.files import write_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import load_table
from cfdna_interp.artifacts.predictions import Score, load_scores, save_predictions, save_scores
from cfdna_interp.artifacts.proxy import load_proxy
from cfdna_interp.cli import cli
from cfdna_interp.cohort.split import split
from cfdna_interp.config import load_config
from cfdna_interp.errors import InputError
from cfdna_interp.features.matrix import write_matrices
from cfdna_interp.features.sample import extract_sample
from cfdna_interp.proxy.freeze import run_proxy
from cfdna_interp.proxy.score import score_alignment, score_features

QC = {"technical": {"fragments": 10_000}, "simulated": False}


@pytest.fixture(scope="module")
def proxy(finished):
    return load_proxy(Layout.of(finished.outdir).file("proxy.json"))


@pytest.fixture(scope="module")
def heldout(finished):
    return load_table(Layout.of(finished.outdir).matrix("heldout"))


def test_features_of_a_held_out_sample_get_its_frozen_score(finished, proxy, heldout):
    rows = load_scores(Layout.of(finished.outdir).scores("proxy"))
    frozen = {row.sample: row.value for row in rows if row.score == "proxy"}
    for i in (0, 7):
        features = dict(zip(heldout.names, heldout.X[i], strict=True))
        got = score_features("x.bam", proxy, features, QC)
        assert got.probability == pytest.approx(expit(frozen[heldout.samples[i]]), abs=1e-12)
        assert 0 <= got.low <= got.probability <= got.high <= 1


def test_the_interval_is_the_middle_95_percent_of_the_draws(proxy, heldout):
    features = dict(zip(heldout.names, heldout.X[0], strict=True))
    got = score_features("x.bam", proxy, features, QC)
    linear = proxy.linear
    z = (np.array([features[name] for name in linear.names]) - linear.mean) / linear.scale
    logits = sorted(draw[0] + draw[1:] @ z for draw in linear.draws)
    # 100 draws: at most 2.5 lie outside on each side.
    assert sum(expit(value) < got.low for value in logits) <= 3
    assert sum(expit(value) > got.high for value in logits) <= 3


def test_a_sample_unlike_the_training_cohort_is_warned_about(proxy, heldout):
    features = dict(zip(heldout.names, heldout.X[0], strict=True))
    features["length_mode"] = 500.0
    del features["length_bin_100_105"]
    got = score_features("x.bam", proxy, features, {"technical": {"fragments": 12}, "simulated": True})
    assert [warning.split()[0] for warning in got.warnings] == ["1", "fragments", "length_mode", "simulated:"]
    assert got.warnings[0] == "1 of 12 features missing, first length_bin_100_105"
    assert got.warnings[3] == "simulated: proxy and sample"


def test_a_run_without_a_dominant_group_has_nothing_to_score_with(tmp_path):
    config = make_run(tmp_path, World(outcome="redundant", per_class=6))
    run_proxy(config)
    with pytest.raises(InputError, match="holds no proxy"):
        score_alignment("x.bam", Layout.of(config.outdir).file("proxy.json"))


def test_a_bam_is_scored_as_the_workflow_would_and_settings_travel(simulated_cohort, tmp_path):
    config = replace(load_config(simulated_cohort / "config.yaml"), outdir=str(tmp_path / "results"))
    roles = split(config)
    for sample in (*roles["discovery"], *roles["heldout"]):
        extract_sample(sample, config)
    write_matrices(config)
    layout = Layout.of(config.outdir)
    heldout = roles["heldout"]
    save_scores([Score(s.sample, s.subject, "model", 0.0) for s in heldout], layout.scores("model"))
    save_predictions([], layout.file("predictions.discovery.parquet"))
    write_json(layout.file("dominance.json"), dominance())
    run_proxy(config)
    frozen = {row.sample: row.value for row in load_scores(layout.scores("proxy")) if row.score == "proxy"}
    chosen = heldout[:2]
    result = CliRunner().invoke(
        cli, ["score", "--proxy", str(layout.file("proxy.json")), *(sample.bam for sample in chosen)]
    )
    assert result.exit_code == 0, result.output
    header, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert header == ["bam", "probability", "low", "high", "warnings"]
    for sample, row in zip(chosen, rows, strict=True):
        assert row[0] == sample.bam
        assert float(row[1]) == pytest.approx(expit(frozen[sample.sample]), abs=1e-6)
        assert "simulated: proxy and sample" in row[4]
    # What a sheet would say reaches the reading.
    path = str(layout.file("proxy.json"))
    refused = CliRunner().invoke(cli, ["score", "--proxy", path, "--reads", "single", chosen[0].bam])
    assert isinstance(refused.exception, InputError)
    assert "is paired-end, but the sheet says reads: single" in str(refused.exception)


def test_a_missing_bam_is_one_line(finished, tmp_path):
    path = Layout.of(finished.outdir).file("proxy.json")
    with pytest.raises(InputError, match=r"none\.bam"):
        score_alignment(str(Path(tmp_path) / "none.bam"), path)
