"""Scoring what the proxy never saw: the frozen numbers, the interval, the warnings."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from frozen_run import World, dominance, make_run
from msgspec import structs
from scipy.special import expit
from stored import stored

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import load_table
from cfdna_interp.artifacts.predictions import Prediction, Score, load_scores, save_predictions, save_scores
from cfdna_interp.cli import cli
from cfdna_interp.cohort.split import split
from cfdna_interp.config import load_config
from cfdna_interp.errors import InputError
from cfdna_interp.features.extract import extract_sample
from cfdna_interp.features.matrix import write_matrices
from cfdna_interp.proxy.proxy import run_proxy
from cfdna_interp.proxy.score import Measured, Scored, as_table, load_scorer, score_features
from cfdna_interp.proxy.score_alignments import samples_of, score_alignments
from cfdna_interp.records.base import save_record
from cfdna_interp.records.proxy import Proxy

HEADER = ["probability", "low", "high", "warnings", "logit", "reason"]


def measured(features, technical=None, library=None, *, simulated=False):
    return Measured(features, technical or {"fragments": 10_000}, library or {}, simulated)


@pytest.fixture(scope="module")
def scorer(finished):
    return load_scorer(Layout.of(finished.outdir).file("proxy.json"), table=False)


@pytest.fixture(scope="module")
def heldout(finished):
    return load_table(Layout.of(finished.outdir).matrix("heldout"))


def test_features_of_a_held_out_sample_get_its_frozen_score(finished, scorer, heldout):
    rows = load_scores(Layout.of(finished.outdir).scores("proxy"))
    frozen = {row.sample: row.value for row in rows if row.score == "proxy"}
    for i in (0, 7):
        features = dict(zip(heldout.names, heldout.X[i], strict=True))
        got = score_features("x.bam", scorer, measured(features))
        assert got.logit == pytest.approx(frozen[heldout.samples[i]], abs=1e-12)
        assert got.probability == pytest.approx(expit(got.logit), abs=1e-12)
        assert 0 <= got.low <= got.probability <= got.high <= 1


def test_the_interval_is_the_middle_95_percent_of_the_draws(scorer, heldout):
    features = dict(zip(heldout.names, heldout.X[0], strict=True))
    got = score_features("x.bam", scorer, measured(features))
    linear = scorer.linear
    z = (np.array([features[name] for name in linear.names]) - linear.mean) / linear.scale
    logits = sorted(draw[0] + draw[1:] @ z for draw in linear.draws)
    # 100 draws: at most 2.5 lie outside on each side.
    assert sum(expit(value) < got.low for value in logits) <= 3
    assert sum(expit(value) > got.high for value in logits) <= 3


def test_a_sample_unlike_the_training_cohort_is_warned_about(scorer, heldout):
    features = dict(zip(heldout.names, heldout.X[0], strict=True))
    features["length_mode"] = 500.0
    del features["length_bin_100_105"]
    sample = measured(features, {"fragments": 12, "tube": "tube7"}, simulated=True)
    got = score_features("x.bam", scorer, sample)
    assert [warning.split()[0] for warning in got.warnings] == [
        "1", "fragments", "length_mode", "tube", "features", "simulated:",
    ]  # fmt: skip
    assert got.warnings[0] == "1 of 12 features missing, first length_bin_100_105"
    assert got.warnings[3] == "tube tube7, in training tube0 or tube1"
    assert got.warnings[5] == "simulated: proxy and sample"


def test_a_held_out_sample_is_like_training(scorer, heldout):
    # Same law: a warning of distance has one chance in a hundred, one of the length mode one in 40.
    told = []
    for row in heldout.X[:40]:
        features = dict(zip(heldout.names, row, strict=True))
        told += score_features("x", scorer, measured(features, {"tube": "tube1"})).warnings
    assert sum(not warning.startswith("simulated") for warning in told) <= 6


def test_library_types_that_training_did_not_have_are_named(scorer, heldout):
    levels = {"dialect": ("xm",), "chemistry": ("bisulfite", "em-seq")}
    known = replace(scorer, proxy=structs.replace(scorer.proxy, training_levels=levels))
    features = dict(zip(heldout.names, heldout.X[0], strict=True))
    told = score_features("x", known, measured(features, {}, {"dialect": "mm", "chemistry": "taps"})).warnings
    assert "dialect mm, in training xm" in told
    assert "chemistry taps, in training bisulfite or em-seq" in told
    # What isn't known is no difference.
    told = score_features("x", known, measured(features, {}, {"dialect": "xm", "chemistry": ""})).warnings
    assert not any(line.startswith(("dialect", "chemistry")) for line in told)


def test_a_score_of_medians_is_no_score(scorer, heldout):
    features = dict(zip(heldout.names, heldout.X[0], strict=True))
    for name in scorer.linear.names[:3]:  # of 12: a quarter
        del features[name]
    with pytest.raises(InputError, match=r"sample S7: 3 of 12 features missing.*more than 20%"):
        score_features("S7", scorer, measured(features))


def test_the_table_has_blank_numbers_where_there_is_a_reason():
    rows = [
        Scored("a", 0.5, 0.25, 0.75, ("one", "two"), 0.0),
        Scored("b", np.nan, np.nan, np.nan, reason="no"),
    ]
    assert as_table("bam", rows).splitlines() == [
        "bam\tprobability\tlow\thigh\twarnings\tlogit\treason",
        "a\t0.500000\t0.250000\t0.750000\tone; two\t0.000000\t",
        "b\t\t\t\t\t\tno",
    ]


def test_scores_of_a_signed_address_show_no_signature(tmp_path, monkeypatch):
    address = "https://me:s3cret@example.org/run/x.bam?signature=s3cret/abc"
    (sample,) = samples_of([address], {})
    assert (sample.sample, sample.bam) == ("x.bam", address)

    def score(samples, *_, **__):
        return [Scored(each.sample, 0.5, 0.25, 0.75, (), 0.0) for each in samples]

    monkeypatch.setattr("cfdna_interp.proxy.score_alignments.score_alignments", score)
    (tmp_path / "proxy.json").write_text("{}")
    done = CliRunner().invoke(cli, ["score", "--proxy", str(tmp_path / "proxy.json"), address])
    assert done.output.splitlines()[1].startswith("https://example.org/run/x.bam\t0.5")
    assert "s3cret" not in done.output


def test_a_run_without_a_dominant_group_has_nothing_to_score_with(tmp_path):
    config = make_run(tmp_path, World(outcome="redundant", per_class=6))
    run_proxy(config)
    with pytest.raises(InputError, match="holds no proxy"):
        score_alignments(samples_of(["x.bam"], {}), Layout.of(config.outdir).file("proxy.json"))


def test_bams_and_sheets_are_scored_as_the_workflow_would_and_settings_travel(simulated_cohort, tmp_path):
    config = structs.replace(load_config(simulated_cohort / "config.yaml"), outdir=str(tmp_path / "results"))
    roles = split(config)
    for sample in (*roles["discovery"], *roles["heldout"]):
        extract_sample(sample, config)
    write_matrices(config)
    layout = Layout.of(config.outdir)
    heldout = roles["heldout"]
    save_scores([Score(s.sample, s.subject, "model", 0.0) for s in heldout], layout.scores("model"))
    save_predictions(
        [
            Prediction(s.sample, s.subject, s.label, i % 2, float(i), 0.0)
            for i, s in enumerate(sorted(roles["discovery"], key=lambda s: (s.label, s.sample)))
        ],
        layout.file("predictions.discovery.parquet"),
    )
    save_record(dominance(), layout.file("dominance.json"))
    run_proxy(config)
    proxy = stored(Proxy, config)
    assert proxy.training_levels["dialect"] == ("xm",)
    assert proxy.training_levels["reads"] == ("paired",)
    frozen = {row.sample: row.value for row in load_scores(layout.scores("proxy")) if row.score == "proxy"}
    chosen = heldout[:2]

    def score(*arguments):
        return CliRunner().invoke(cli, ["score", "--proxy", str(layout.file("proxy.json")), *arguments])

    result = score(*(sample.bam for sample in chosen))
    assert result.exit_code == 0, result.output
    header, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert header == ["bam", *HEADER]
    for sample, row in zip(chosen, rows, strict=True):
        assert row[0] == sample.bam
        assert float(row[1]) == pytest.approx(expit(frozen[sample.sample]), abs=1e-6)
        assert float(row[5]) == pytest.approx(frozen[sample.sample], abs=1e-6)
        assert "simulated: proxy and sample" in row[4]
    # What a sheet would say reaches the reading.
    refused = score("--reads", "single", chosen[0].bam)
    assert isinstance(refused.exception, InputError)
    assert "is paired-end, but the sheet says reads: single" in str(refused.exception)
    # A sheet without labels; its second sample is no alignment.
    (tmp_path / "no.bam").write_bytes(b"")
    sheet, out = tmp_path / "new.tsv", tmp_path / "scores.tsv"
    sheet.write_text(f"sample\tbam\ttube\nN1\t{chosen[0].bam}\tpaper\nN2\tno.bam\tpaper\n")
    stopped = score("--sheet", str(sheet), "--out", str(out))
    assert isinstance(stopped.exception, InputError)
    assert "sample N2" in str(stopped.exception) and "0 bytes" in str(stopped.exception)
    assert not out.exists()
    taken = score("--sheet", str(sheet), "--out", str(tmp_path / "no.bam"))
    assert str(taken.exception).endswith("no.bam is one of the files to read; give another path")
    assert score("--sheet", str(sheet), "--out", str(out), "--on-bad-sample", "exclude").exit_code == 0
    header, first, second = [line.split("\t") for line in out.read_text().splitlines()]
    assert header == ["sample", *HEADER]
    assert (first[0], first[1], first[6]) == ("N1", rows[0][1], "")
    assert "tube paper" in first[4]
    assert (second[0], second[1:6]) == ("N2", [""] * 5)
    assert "0 bytes" in second[6]


def test_a_missing_bam_is_one_line(finished, tmp_path):
    path = Layout.of(finished.outdir).file("proxy.json")
    with pytest.raises(InputError, match=r"none\.bam"):
        score_alignments(samples_of([str(tmp_path / "none.bam")], {}), path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give BAM files, or --sheet, or --table"),
        (["--sheet", "a.tsv", "a.bam"], "give BAM files, or --sheet, or --table"),
        (["--sheet", "a.tsv", "--reads", "single"], "--reads is for BAM files"),
        (["--table", "a.tsv", "--config", "c.yaml"], "a table needs none of them"),
    ],
)
def test_options_that_do_not_go_together(arguments, said):
    result = CliRunner().invoke(cli, ["score", "--proxy", "proxy.json", *arguments])
    assert result.exit_code == 2
    assert said in result.output
