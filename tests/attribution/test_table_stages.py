"""The stages of a table's attribution: which files they write, and that these hang together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from msgspec import structs
from table_worlds import GROUPS, planted, table_of

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.artifacts.predictions import load_predictions, load_scores
from cfdna_interp.attribution.dominance import run_dominance
from cfdna_interp.attribution.refit import run_refit
from cfdna_interp.attribution.route import subsets_of
from cfdna_interp.attribution.train import run_train
from cfdna_interp.config.settings import Attribution, Config, Features
from cfdna_interp.config.table_settings import FeatureTable, GroupColumns
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.measure import families
from cfdna_interp.records.base import load_record
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.model import TableModel
from cfdna_interp.records.values import Interval
from cfdna_interp.stats.roc import auroc

LENGTH = GROUPS[0]
SETTINGS = Attribution(bootstrap=20, permutations=19, chunks=2)
# The file isn't read: these stages start at the matrices.
TABLE = Features(table=FeatureTable(path="", groups={LENGTH: GroupColumns(prefix=LENGTH)}))


def write(table: Table, path: Path, *, labels: bool) -> None:
    """Write a table as the matrix stage does."""
    obs = table.obs.assign(subject=list(table.subjects), site="")
    if labels:
        obs["label"] = table.labels
    var = pd.DataFrame({"group": table.groups, "unit": "", "definition": ""}, index=list(table.names))
    data = anndata.AnnData(table.X, obs=obs, var=var)
    data.uns.update(
        simulated=True, study_groups=list(table.study_groups), model_groups=list(table.model_groups)
    )
    data.write_h5ad(path)


def cohort(folder: Path, *, scored: bool = False, noise: float = 0.0) -> Config:
    """Write both roles of a cohort whose lengths carry the label; a score is their sum, and noise."""
    folder.mkdir()
    config = Config(features=TABLE, outdir=str(folder), attribution=SETTINGS)
    for number, role in enumerate(("discovery", "heldout")):
        rng = np.random.default_rng([9, number])
        table = planted("length", 80, rng)
        table.X[rng.random(table.X.shape) < 0.01] = np.nan
        if scored:
            score = np.nanmean(table.X[:, :10], axis=1) - 1 + noise * rng.normal(size=80)
            table = replace(table, obs=table.obs.assign(score=score))
        write(table, Layout.of(folder).matrix(role), labels=role == "discovery")
    return config


def run(config: Config) -> Layout:
    run_train(config)
    for chunk in range(config.attribution.chunks):
        run_refit(config, chunk)
    run_dominance(config)
    return Layout.of(config.outdir)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return run(cohort(tmp_path_factory.mktemp("table") / "run"))


def test_the_planted_group_is_named_and_the_record_is_complete(finished: Layout) -> None:
    record = load_record(Dominance, finished.file("dominance.json"))
    assert (record.outcome, record.group) == ("dominant", LENGTH)
    assert (record.bootstrap, record.permutations, record.subjects) == (20, 19, 80)
    margin = record.margin
    assert (margin.group, margin.needed, margin.excluded) == (LENGTH, 0.1, False)
    assert margin.low is not None and margin.high is not None
    assert margin.needed < margin.low < margin.high
    assert set(record.within_class_correlation) == set(record.interactions)
    assert record.cross_fitted_fidelity is record.leave_out_r2 is None
    assert record.fidelity is record.gradients is record.matching is None
    shares = [entry.share.value for entry in record.groups.values()]
    assert sum(shares) == pytest.approx(1)
    assert [len(entry.groups) for entry in record.removal.deletion] == [3, 2, 1, 0]
    assert record.removal.deletion[1].groups == tuple(group for group in GROUPS if group != LENGTH)
    assert record.interactions == {
        f"{a}:{b}": 0.0 for a, b in ((GROUPS[0], GROUPS[1]), (GROUPS[0], GROUPS[2]), (GROUPS[1], GROUPS[2]))
    }
    cost = record.leave_out_cost[LENGTH]
    without = record.cross_fitted_auroc[f"model_without_{LENGTH}"]
    assert cost == pytest.approx(record.cross_fitted_auroc["model"] - without)


def test_what_groups_contribute_adds_up_to_the_loss_of_chance(finished: Layout) -> None:
    record = load_record(Dominance, finished.file("dominance.json"))
    rows = load_predictions(finished.file("predictions.discovery.parquet"))
    y, f = np.array([row.label for row in rows]), np.array([row.logit for row in rows])
    values = pd.read_parquet(finished.file("coalitions.parquet"))
    none = values[values.coalition == "none"].value.to_numpy()
    loss = [np.logaddexp(0, logits) - y * logits for logits in (none, f)]
    total = sum(entry.value for entry in record.performance.values())
    assert total == pytest.approx(float(loss[0].mean() - loss[1].mean()), abs=1e-5)


def test_tables_tell_the_same_as_the_record(finished: Layout) -> None:
    record = load_record(Dominance, finished.file("dominance.json"))
    values = pd.read_parquet(finished.file("coalitions.parquet"))
    assert len(values) == 80 * 8
    wide = values.pivot(index="sample", columns="coalition", values="value")
    phi = wide["none"] + sum(wide[group] - wide["none"] for group in GROUPS)
    np.testing.assert_allclose(phi, wide["+".join(GROUPS)], atol=1e-9)
    logits = {
        row.sample: row.logit for row in load_predictions(finished.file("predictions.discovery.parquet"))
    }
    np.testing.assert_allclose(phi, [logits[sample] for sample in phi.index], atol=1e-9)
    sizes = np.array([(wide[group] - wide["none"]).abs().sum() for group in GROUPS])
    stated = [record.groups[group].share.value for group in GROUPS]
    np.testing.assert_allclose(sizes / sizes.sum(), stated)
    shares = pd.read_parquet(finished.file("shares.parquet"))
    assert set(shares.kind) == {"share", "covariance_share", "share of fixed heads"}
    assert (shares.low <= shares.value).all() and (shares.value <= shares.high).all()
    features = pd.read_parquet(finished.file("feature_shares.parquet"))
    assert list(features) == ["feature", "group", "mean_abs_phi", "share", "difference", "low", "high"]
    # Cases less controls of a group is the sum over its features.
    entry = record.groups[LENGTH]
    difference = features[features.group == LENGTH].difference.sum()
    assert difference == pytest.approx(entry.mean_phi_case.value - entry.mean_phi_control.value)


def test_frozen_scores_are_of_every_subset_and_what_is_missing_is_told(finished: Layout) -> None:
    rows = load_scores(finished.scores("model"))
    names = dict.fromkeys(row.score for row in rows)
    assert list(names) == list(subsets_of(GROUPS))
    assert len(rows) == 80 * len(names)
    context = {row.value for row in rows if row.score == "model_only_context"}
    assert len(context) == 1  # nobody is told from anybody
    model = load_record(TableModel, finished.file("model.json"))
    assert (model.kind, model.consumes, model.folds) == ("logistic", GROUPS, 5)
    group = model.groups[LENGTH]
    assert group.features == 10
    assert group.components == (10,) * 5
    assert 0 < group.missing["discovery"] < 0.03 > group.missing["heldout"] > 0


def test_chunks_and_repeats_change_nothing(finished: Layout, tmp_path: Path) -> None:
    config = cohort(tmp_path / "run")
    other = run(structs.replace(config, attribution=structs.replace(SETTINGS, chunks=3)))
    for name in ("dominance.json", "retraining.json", "model.json"):
        first, second = read_json(finished.file(name)), read_json(other.file(name))
        # How many refits are solved at once moves rounding.
        pd.testing.assert_frame_equal(pd.json_normalize(first), pd.json_normalize(second), atol=1e-6)


def test_a_foreign_score_is_the_model_and_its_surrogate_says_what_groups_are_worth(tmp_path: Path) -> None:
    config = cohort(tmp_path / "run", scored=True, noise=0.1)
    layout = run(config)
    record = load_record(Dominance, layout.file("dominance.json"))
    assert (record.outcome, record.group) == ("dominant", LENGTH)
    assert record.fidelity.low > 0.9
    assert record.fidelity.saturated == 0
    assert record.fidelity.judged_low == record.fidelity.low
    assert {group: entry.role for group, entry in record.groups.items()} == {
        LENGTH: "carrier",
        GROUPS[1]: "unused",
        GROUPS[2]: "unused",
    }
    followed = record.cross_fitted_fidelity
    assert set(followed) == set(subsets_of(GROUPS))
    whole, without = (followed[name].judged for name in ("model", f"model_without_{LENGTH}"))
    assert record.leave_out_r2[LENGTH] == pytest.approx(whole**2 - max(without, 0) ** 2)
    assert record.leave_out_r2[LENGTH] > 0.8
    assert load_record(TableModel, layout.file("model.json")).kind == "scores"
    for role, said in (
        ("discovery", [row.logit for row in load_predictions(layout.file("predictions.discovery.parquet"))]),
        ("heldout", [row.value for row in load_scores(layout.scores("model")) if row.score == "model"]),
    ):
        np.testing.assert_allclose(said, anndata.read_h5ad(layout.matrix(role)).obs["score"])


def test_without_the_only_group_a_foreign_score_rests_on_chance_is_left_and_not_less(tmp_path: Path) -> None:
    # The score is the mean of the length features, so the label is told by these alone. Subsets without
    # them know nothing: AUROC .5, give or take the error of 40 against 40, (81 / (12 * 1600))**.5 = .065.
    config = cohort(tmp_path / "run", scored=True, noise=0.1)
    run_train(config)
    scores: dict[str, list[float]] = {}
    for row in load_scores(Layout.of(config.outdir).scores("model")):
        scores.setdefault(row.score, []).append(row.value)
    labels = np.repeat([0, 1], 40)
    found = {name: auroc(labels, np.array(values)) for name, values in scores.items()}
    assert found["model_only_context"] == 0.5
    for name in (f"model_without_{LENGTH}", f"model_only_{GROUPS[1]}", f"model_only_{GROUPS[2]}"):
        assert abs(found[name] - 0.5) < 2.5 * 0.065, name
    for name in ("surrogate", f"model_only_{LENGTH}"):
        assert found[name] == pytest.approx(found["model"], abs=0.02), name
    (row,) = [pair for pair in families(list(found), LENGTH)[0] if pair[1] == f"model_without_{LENGTH}"]
    assert row[0] == "surrogate"


def test_a_foreign_score_that_the_table_does_not_tell_names_nothing(tmp_path: Path) -> None:
    layout = run(cohort(tmp_path / "run", scored=True, noise=3.0))
    record = load_record(Dominance, layout.file("dominance.json"))
    assert (record.outcome, record.group) == ("can't tell", None)
    assert "surrogate" in record.reason


def test_a_score_that_says_the_same_of_everybody_names_its_setting(tmp_path: Path) -> None:
    config = cohort(tmp_path / "made", scored=True)
    path = Layout.of(config.outdir).matrix("discovery")
    matrix = anndata.read_h5ad(path)
    matrix.obs["score"] = 1.0
    matrix.write_h5ad(path)
    with pytest.raises(
        InputError, match=r"all the same.*check the column in features\.table\.columns\.score"
    ):
        run_train(config)


def test_a_matrix_without_labels_is_refused(tmp_path: Path) -> None:
    config = cohort(tmp_path / "run")
    layout = Layout.of(config.outdir)
    layout.matrix("heldout").replace(layout.matrix("discovery"))
    with pytest.raises(InputError, match="no labels; run the matrix stage again"):
        run_refit(config, 0)


def test_more_groups_than_coalitions_can_be_listed_for_and_one_that_never_varies(tmp_path: Path) -> None:
    # Nine groups have 512 coalitions: losses are divided by sampled orders, values stay sums.
    rng = np.random.default_rng(5)
    labels = np.arange(60) % 2
    blocks = {f"group_{letter}": rng.normal(size=(60, 2)) for letter in "abcdefgh"}
    blocks["group_c"] += 2.5 * labels[:, None]
    blocks["group_z"] = np.ones((60, 1))
    config = Config(features=TABLE, outdir=str(tmp_path), attribution=SETTINGS)
    for role in ("discovery", "heldout"):
        write(table_of(blocks, labels), Layout.of(tmp_path).matrix(role), labels=role == "discovery")
    layout = run(config)
    record = load_record(Dominance, layout.file("dominance.json"))
    assert (record.outcome, record.group) == ("dominant", "group_c")
    assert record.groups["group_z"].share == Interval(value=0.0, low=0.0, high=0.0)
    assert record.cross_fitted_auroc["model_only_group_z"] == 0.5
    values = pd.read_parquet(layout.file("coalitions.parquet"))
    assert set(values.coalition) == {"none", *blocks}
    assert record.performance["group_c"].value > 0.2
