"""The page of a cohort that came as a table: true without fragments, for groups of any name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from fake_run import Built
from fake_table_run import FEATURES, HOSTILE
from made_dominance import rival, surrogate_fidelity
from msgspec import structs
from test_report_page import read

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.errors import InputError
from cfdna_interp.records.model import ModelGroup, TableModel
from cfdna_interp.records.retraining import Rival
from cfdna_interp.records.table import EmptiestColumn, TableGroup, TableSource
from cfdna_interp.report.collect import collect
from cfdna_interp.report.feature_table import (
    FeatureTableResults,
    feature_rows,
    load_feature_table,
)
from cfdna_interp.report.figures.style import GROUP_COLOURS, group_colours
from cfdna_interp.report.model import describe_model
from cfdna_interp.report.report import build_report, draw

GROUPS = {
    "few": TableGroup(
        features=30,
        missing={"discovery": 0.0, "heldout": 0.0},
        worst=EmptiestColumn(feature="few_0", missing=0.0),
    )
}
TABLE = FeatureTableResults(
    record=TableSource(
        source="x.csv",
        digest="ab",
        samples={"discovery": 80, "heldout": 80},
        left_out=0,
        unused=(),
        empty=(),
        groups=GROUPS,
    ),
    groups=GROUPS,
    shares=pd.DataFrame(),
)


def test_sections_of_fragments_are_left_out_and_it_is_said_why(table_run: Built) -> None:
    reader = read(table_run)
    assert not {"lengths", "calls", "representation"} & set(reader.sections)
    assert {"model", "attribution", "heldout", "proxy", "audit", "leakage"} <= set(reader.sections)
    assert "From a table of features, features.csv: there are no fragments" in reader.sections[""]
    assert "The table was made by a program" in reader.sections[""]


def test_nothing_on_the_page_speaks_of_what_a_table_has_not(table_run: Built) -> None:
    sections = read(table_run).sections
    for name in ("verdict", "ladder", "model", "attribution", "methods", "checklist"):
        assert not re.search(r"alignments|mapping quality|bags of|Raking", sections[name]), name


def test_the_attribution_speaks_of_a_linear_model_and_not_of_bags(table_run: Built) -> None:
    text = read(table_run).sections["attribution"]
    assert not re.search(r"heads|swapped|context only|Context and joint|By seed|Interaction of each", text)
    assert "With every group taken out the model reaches" in text
    assert "models that learnt nothing have large ones too" in text
    assert "the mean over all reference subjects is exact" in text
    assert (
        "AUROC (mean over folds, n = 40 discovery subjects) while groups are taken out, or put back" in text
    )
    # Three groups taken out one after the other leave none.
    assert re.search(r"3\s+no group\s+0\.\d\d\s+Fragment length, ", text)
    assert "the n = 40 discovery subjects divided into 5 folds; point" in text


def test_a_missing_record_of_the_model_sends_to_the_stage_that_writes_it(
    table_run: Built, tmp_path: Path
) -> None:
    from shutil import copytree

    from cfdna_interp.artifacts.layout import Layout

    layout = Layout.of(copytree(table_run.layout.root, tmp_path / "results"))
    layout.file("model.json").unlink()
    with pytest.raises(InputError, match=r"model\.json does not exist; run the train stage"):
        build_report(structs.replace(table_run.config, outdir=str(layout.root)), layout)


def test_the_model_that_was_made_here_says_so(table_run: Built) -> None:
    text = read(table_run).sections["model"]
    assert "No model was given, so the model under study is one made here: a logistic regression" in text
    # Three groups of five columns.
    assert (
        f"It reads {3 * FEATURES} features of fragment length, copy number and mutational signature" in text
    )
    assert "holds no interaction" in text


def table_model(**changed: object) -> TableModel:
    """The model of a table with two groups and two folds."""
    part = ModelGroup(
        features=5,
        weight=(1.0, 1.0),
        components=(5, 5),
        explained=(1.0, 1.0),
        missing={"discovery": 0.0, "heldout": 0.0},
    )
    record = TableModel(
        kind="logistic",
        consumes=("fragment_length", "methylation"),
        dim=10,
        folds=2,
        penalty=(0.1, 1.0),
        weighting=("equal", "equal"),
        basis=("linear", "linear"),
        groups={"fragment_length": part, "methylation": part},
    )
    return msgspec.structs.replace(record, **changed)


def told(rivals: tuple[Rival, ...] = (), **changed: object) -> str:
    return " ".join(describe_model(table_model(**changed), None, rivals).sentences)


def test_a_linear_model_says_that_a_u_shape_is_not_seen_and_a_bent_one_does_not_call_itself_linear() -> None:
    assert "The model is linear in every feature" in told()
    assert "A U-shape, cases at both ends of a feature, would not be seen" in told()
    bent = told(basis=("splines", "splines"))
    assert "In 2 of 2 folds features enter as natural cubic splines" in bent
    assert "linear" not in bent
    assert "isn't seen" not in bent
    mixed = told(basis=("linear", "splines"))
    assert "In 1 of 2 folds" in mixed
    assert "In the others a U-shape, cases at both ends of a feature, isn't seen." in mixed
    assert "The model is linear" not in mixed


def test_weightings_are_told_by_fold() -> None:
    assert "Chosen: the same variance for each group in 2 of 2 folds." in told()
    other = told(weighting=("by columns", "methylation"))
    assert "the same variance for each feature in 1 of 2 folds; methylation behind in 1 of 2 folds" in other
    assert "the same variance for each group" not in other


def test_a_better_rival_is_named_and_only_then() -> None:
    # The bound is .02 of AUROC, for the lower end of the interval.
    assert "Plainer models" not in told()
    close = told((rival("plain", 0.019), rival("model_only_methylation", -0.05)))
    assert "None is surely better by more than 0.02." in close
    assert "no model to explain" not in close
    beaten = told((rival("plain", 0.019), rival("model_only_methylation", 0.021)))
    assert "Methylation alone is better, so it isn't explained what this model relies on" in beaten
    assert "None is surely better" not in beaten
    assert "n = 80 discovery subjects" in beaten


def test_a_foreign_model_says_how_well_it_is_followed() -> None:
    encoder = table_model(kind="scores")
    fidelity = surrogate_fidelity(correlation=0.8, low=0.7, high=0.9, judged=0.8, judged_low=0.7)
    text = " ".join(describe_model(encoder, fidelity).sentences)
    assert "A foreign model of which only the scores are known" in text
    assert "so no group is named" in text


def test_the_penalty_is_told_as_it_is_chosen(table_run: Built) -> None:
    reader = read(table_run)
    for text in (reader.sections["model"], reader.sections["methods"]):
        assert "leave-one-out squared error" in text
        assert "values beyond the range of the training samples" in text
        assert "groups enter" in text
        assert "inner cross-validated loss" not in text


def test_groups_of_any_name_are_written_as_words(table_run: Built) -> None:
    sections = read(table_run).sections
    assert re.search(r"Mutational signature\s+5\s+1\.0 %\s+0\.0 %", sections["excluded"])
    for name in ("verdict", "ladder", "attribution", "heldout", "audit", "methods", "hypotheses"):
        assert "mutational_signature" not in sections[name].replace("baseline_", ""), name


def test_missing_values_and_unused_columns_are_reported(table_run: Built) -> None:
    text = read(table_run).sections["excluded"]
    # One cell of 20 cases x 5 columns is 1 %, of its column 5 %.
    told = (
        "mutational signature 1.0 % of discovery cases and 0.0 % of controls, 0.0 % of held-out cases and "
        "0.0 % of controls"
    )
    assert told in text
    assert "differs most in mut_0: 5.0 % of cases, 0.0 % of controls" in text
    # The checklist and the methods say the same.
    assert told in read(table_run).sections["checklist"] and told in read(table_run).sections["methods"]
    assert f"Columns that were not used: {HOSTILE}." in text


def test_names_of_columns_cannot_run(table_run: Built) -> None:
    page = table_run.page.read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert not any("alert(1)" in script and "{" not in script for script in read(table_run).scripts)


def test_features_of_each_group_stand_side_by_side(table_run: Built) -> None:
    table = load_feature_table(table_run.layout)
    rows = feature_rows(table)
    # 24 places over three groups are eight each; each has five.
    assert len(rows) == 3 * FEATURES
    assert rows[0].group == "fragment_length"
    assert [row.share for row in rows[:FEATURES]] == sorted(
        (row.share for row in rows[:FEATURES]), reverse=True
    )
    assert sum(row.share for row in rows) == pytest.approx(1)
    # The planted group tells the classes apart; its features' intervals leave out 0.
    assert all(row.difference.low > 0 for row in rows[:FEATURES])


def test_the_figure_of_features_draws_what_the_table_says(table_run: Built) -> None:
    run = collect(table_run.config, table_run.layout)
    figure = draw(run)["feature-shares"]
    rows = feature_rows(run.table)
    bar, points = figure.data[0], figure.data[1]
    chosen = [place for place, row in enumerate(rows) if rows[bar.y[0]].group == row.group]
    assert list(bar.x) == pytest.approx([100 * rows[place].share for place in chosen])
    low = np.array(points.x) - np.array(points.error_x.arrayminus)
    assert low == pytest.approx([rows[place].difference.low for place in chosen])
    assert "<script>" not in "".join(figure.layout.yaxis.ticktext)


def test_a_group_of_many_small_features_is_not_crowded_out() -> None:
    def shares(group: str, count: int, share: float) -> pd.DataFrame:
        names = [f"{group}_{k:02d}" for k in range(count)]
        fixed = {"difference": 0.0, "low": 0.0, "high": 0.0}
        return pd.DataFrame(
            {"feature": names, "group": group, "mean_abs_phi": share, "share": share, **fixed}
        )

    table = replace(
        TABLE, shares=pd.concat([shares("few", 30, 0.01), shares("many", 70, 0.01)], ignore_index=True)
    )
    rows = feature_rows(table)
    # 24 places, two groups, twelve each; "many" holds .7 of all and comes first.
    assert [row.group for row in rows] == ["many"] * 12 + ["few"] * 12


def test_unknown_groups_have_colours_of_their_own() -> None:
    colours = group_colours(["zeta", "fragment_length", "alpha"])
    assert colours["fragment_length"] == GROUP_COLOURS["fragment_length"]
    assert len(set(colours.values())) == 3
    assert colours == group_colours(["alpha", "fragment_length", "zeta", "zeta"])


def test_a_missing_table_of_features_is_named(table_run: Built, tmp_path: Path) -> None:
    from shutil import copytree

    from cfdna_interp.artifacts.layout import Layout

    layout = Layout.of(copytree(table_run.layout.root, tmp_path / "results"))
    layout.file("feature_shares.parquet").unlink()
    with pytest.raises(InputError, match=r"feature_shares\.parquet does not exist; run the dominance stage"):
        build_report(structs.replace(table_run.config, outdir=str(layout.root)), layout)
    assert read_json(layout.file("manifest.json")) == read_json(table_run.layout.file("manifest.json"))
