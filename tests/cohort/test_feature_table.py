"""A cohort as one table: the same from every format, mistakes named, held-out labels kept apart."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from made_table import config, frame, settings, write
from msgspec import structs

from cfdna_interp.artifacts.exclusions import load_exclusions
from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import load_table
from cfdna_interp.artifacts.sheet import load_samples
from cfdna_interp.cohort.read import read_cohort
from cfdna_interp.cohort.split import split
from cfdna_interp.cohort.table import read_table
from cfdna_interp.cohort.table_check import check_table
from cfdna_interp.config.table_settings import GroupColumns, LabelCells, RoleCells, TableColumns
from cfdna_interp.errors import InputError
from cfdna_interp.features.matrix import write_matrices
from cfdna_interp.records.base import load_record
from cfdna_interp.records.manifest import TableFile
from cfdna_interp.records.table import EmptiestColumn, TableSource
from cfdna_interp.report.manifest import build_manifest

NOTHING = "0.0% of discovery cases, 0.0% of discovery controls, 0.0% of held-out samples"


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "parquet", "h5ad"])
def test_every_format_holds_the_same_cohort(tmp_path, suffix) -> None:
    table = frame()
    cohort = read_table(settings(write(table, tmp_path / f"a.{suffix}")))
    assert [sample.sample for sample in cohort.samples] == table["sample"].tolist()
    first, last = cohort.samples[1], cohort.samples[15]
    assert (first.subject, first.label, first.role, first.batch) == ("001", 1, "discovery", "A")
    assert (last.age, last.sex, last.technical, last.label) == (65.0, "M", {"tube": "K2"}, 1)
    assert cohort.groups == {"len_0": "fragment_length", "len_1": "fragment_length",
                             "len_2": "fragment_length", "m0": "own", "m1": "own"}  # fmt: skip
    # Text of a double is its shortest exact form in pandas as in Arrow.
    assert np.array_equal(cohort.X, table[list(cohort.groups)].to_numpy())
    assert cohort.covariates == {"bmi": table["bmi"].tolist()}
    assert cohort.unused == ("note",)
    assert cohort.digest == digest_file(tmp_path / f"a.{suffix}")


def test_held_out_labels_are_in_no_file_before_validate(tmp_path) -> None:
    made = config(write(frame(), tmp_path / "a.csv"))
    split(made)
    write_matrices(made)
    layout = Layout.of(made.outdir)
    assert [row.label for row in load_samples(layout.samples("heldout"))] == [None] * 8
    assert [row.label for row in load_samples(layout.samples("discovery"))] == [0, 1] * 4
    discovery, heldout = (load_table(layout.matrix(role)) for role in ("discovery", "heldout"))
    assert heldout.labels is None
    assert "label" not in anndata.read_h5ad(layout.matrix("heldout")).obs
    assert discovery.labels is not None
    assert discovery.labels.tolist() == [0, 1] * 4
    # `validate` asks the table itself.
    assert [row.label for row in read_cohort(made)] == [0, 1] * 8


def test_matrices_hold_what_the_table_says(tmp_path) -> None:
    table = frame()
    table.loc[3, "len_1"] = np.nan
    table["score"] = np.linspace(0, 1, 16)
    made = config(
        write(table, tmp_path / "a.csv"),
        columns=TableColumns(age="years", score="score"),
        simulated=True,
    )
    write_matrices(made)
    layout = Layout.of(made.outdir)
    matrix = load_table(layout.matrix("discovery"))
    assert matrix.study_groups == matrix.model_groups == ("fragment_length", "own")
    assert matrix.simulated
    assert np.isnan(matrix.X[3, 1]) and np.isnan(matrix.X).sum() == 1
    assert matrix.technical_columns() == ["technical_tube"]
    # Nothing is known of sites and sexes, so that there are no such columns.
    assert set(matrix.obs) == {"subject", "age", "technical_tube", "covariate_bmi", "score"}
    assert matrix.definitions[0] == "column len_0 of a.csv"
    # 0 is held at 1e-6: log(1e-6 / (1 - 1e-6)) = -13.8155; then 1/15: log(1/14) = -2.6391.
    assert matrix.obs["score"].iloc[:2].round(4).tolist() == [-13.8155, -2.6391]
    record = anndata.read_h5ad(layout.matrix("heldout")).uns["table"]
    assert (record["source"], record["digest"]) == ("a.csv", digest_file(tmp_path / "a.csv"))
    source = load_record(TableSource, layout.file("table.json"))
    assert source.digest == record["digest"]
    # One of 8 x 3 cells.
    group = source.groups["fragment_length"]
    assert group.missing == {"discovery": 1 / 24, "heldout": 0}
    assert group.worst == EmptiestColumn(feature="len_1", missing=1 / 8)
    manifest = build_manifest(made, layout)
    assert manifest.table == TableFile(source="a.csv", digest=record["digest"])
    assert manifest.config["features"]["table"]["path"] == "a.csv"
    assert "table.json" in manifest.files


def test_a_damaged_matrix_is_named(tmp_path) -> None:
    (tmp_path / "features.discovery.h5ad").write_text("no matrix")
    with pytest.raises(InputError, match=r"is not a feature matrix .*run the matrix stage again"):
        load_table(tmp_path / "features.discovery.h5ad")


def test_codes_of_roles_and_labels_and_samples_of_one_person(tmp_path) -> None:
    table = frame()
    table["role"] = table["role"].map({"discovery": "train", "heldout": "test"})
    table["label"] = table["label"].map({0: "healthy", 1: "cancer"})
    table["person"] = [f"P{i // 2 * 2 + i % 2 if i < 4 else i}" for i in range(16)]
    table.loc[2, "person"] = "P0"  # label 0, discovery, as row 0
    cohort = read_table(
        settings(
            write(table, tmp_path / "a.csv"),
            columns=TableColumns(subject="person"),
            roles=RoleCells("train", "test"),
            labels=LabelCells("cancer", "healthy"),
        )
    )
    assert [row.label for row in cohort.samples] == [0, 1] * 8
    assert cohort.samples[0].subject == cohort.samples[2].subject == "P0"


def test_codes_with_an_underscore_are_categories(tmp_path) -> None:
    table = frame().assign(tube="2024_01", bmi=[f"{i % 2}_0" for i in range(16)])
    cohort = read_table(settings(write(table, tmp_path / "a.csv")))
    assert cohort.samples[0].technical == {"tube": "2024_01"}
    assert cohort.covariates["bmi"] == ["0_0", "1_0"] * 8


@pytest.mark.parametrize("cells", [("0", "1"), ("0.0", "1.0"), ("0", "1.00")])
@pytest.mark.parametrize("codes", [LabelCells("1", "0"), LabelCells("1.0", "0.0")])
def test_whole_numbers_are_one_code_with_and_without_a_point(tmp_path, cells, codes) -> None:
    table = frame().assign(label=cells * 8, role=["v1.0"] * 8 + ["v1"] * 8)
    path = write(table, tmp_path / "a.csv")
    cohort = read_table(settings(path, labels=codes, roles=RoleCells("v1.0", "v1")))
    assert [row.label for row in cohort.samples] == [0, 1] * 8
    assert [row.role for row in cohort.samples] == ["discovery"] * 8 + ["heldout"] * 8


@pytest.mark.parametrize("label", [0, 1, 7])
def test_rows_without_a_role_are_listed_without_their_label(tmp_path, label) -> None:
    table = frame()
    table.loc[5, "role"] = ""
    table.loc[5, "label"] = label
    made = config(write(table, tmp_path / "a.csv"))
    write_matrices(made)
    rows = load_exclusions(Layout.of(made.outdir).file("exclusions.tsv"))
    assert [(row["sample"], row["label"], row["reason"]) for row in rows] == [
        ("005", "", "its role is blank in the table")
    ]
    assert "005" not in load_table(Layout.of(made.outdir).matrix("discovery")).samples


NOTHING = "0.0% of discovery cases, 0.0% of discovery controls, 0.0% of held-out samples"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_of_rows_without_a_role_nothing_else_is_read(tmp_path, suffix) -> None:
    table = frame()
    spoilt = table.iloc[[0, 1, 2, 3]].assign(
        role="", label="?", years="old", sex="X", tube="?", bmi="?", len_0="?"
    )
    spoilt["sample"] = ["000", "", "a b", "new"]
    path = tmp_path / f"a.{suffix}"
    # Rows 1-4 have no role; to Parquet a column with words is text.
    write(pd.concat([spoilt, table]).astype({name: str for name in spoilt}), path)
    cohort = read_table(settings(path))
    assert [sample.sample for sample in cohort.left_out] == ["row 1", "row 2", "row 3", "new"]
    assert [sample.sample for sample in cohort.samples] == table["sample"].tolist()
    assert np.array_equal(cohort.X, table[list(cohort.groups)].to_numpy())
    assert cohort.covariates == {"bmi": table["bmi"].tolist()}


def change(**cells):
    def made(table: pd.DataFrame) -> pd.DataFrame:
        for name, (row, value) in cells.items():
            table[name] = table[name].astype(object)
            table.loc[row, name] = value
        return table

    return made


@pytest.mark.parametrize(
    ("edit", "options", "words"),
    [
        (lambda t: t.drop(columns="label"), {}, ["no column 'label'", "(set features.table.columns.label)"]),
        (lambda t: t.rename(columns={"place": "plaice"}), {}, ["no column 'place'; did you mean 'plaice'?"]),
        (lambda t: t.drop(columns="bmi"), {}, ["no column 'bmi'", "features.table.covariates"]),
        (change(sample=(4, "a/b")), {}, ["row 5, column 'sample'", "'a/b' is not allowed", "letters"]),
        (change(sample=(4, "S" * 201)), {}, ["row 5, column 'sample'", "is not allowed", "at most 200"]),
        (change(sample=(4, "")), {}, ["row 5", "the name is empty"]),
        (change(sample=(4, "001")), {}, ["sample 001", "row 5: stands on row 2 already"]),
        (
            change(role=(4, "valid")), {},
            ["row 5, column 'role'", "'valid' is neither 'discovery' nor 'heldout'",
             "holds discovery, heldout, valid", "features.table.roles"],
        ),
        (
            change(label=(4, "2")), {},
            ["'2' is neither '1' nor '0'", "holds 0, 1, 2", "features.table.labels"],
        ),
        (change(label=(9, "")), {}, ["row 10, column 'label'", "'an empty cell'"]),
        (lambda t: t.assign(role="discovery"), {}, ["no subject has role heldout"]),
        (
            lambda t: t.assign(label=[0, 1] * 4 + [1] * 8), {},
            ["all subjects with role heldout have label 1", "needs cases"],
        ),
        (change(sex=(2, "X")), {}, ["sample 002", "column 'sex': 'X' is not allowed; give F, M"]),
        (change(years=(2, "old")), {}, ["sample 002", "column 'years': 'old' is no finite number"]),
        (change(bmi=(2, "inf")), {}, ["sample 002", "column 'bmi': 'inf' is no finite number"]),
        (change(len_1=(2, "1,5")), {}, ["sample 002", "row 3, column 'len_1': '1,5' is no finite number"]),
        (
            lambda t: t, {"columns": TableColumns(subject="place")},
            ["subject A has label 1 here and 0 on row 1"],
        ),
        (
            lambda t: t, {"groups": {"a": GroupColumns("len_"), "b": GroupColumns(pattern="len.*|m0")}},
            ["column 'len_0' is in the group a and in the group b too"],
        ),
        (
            lambda t: t, {"groups": {"a": GroupColumns("len_"), "b": GroupColumns(columns=("bmi",))}},
            ["column 'bmi' is a covariate and in the group b too"],
        ),
        (
            lambda t: t, {"groups": {"a": GroupColumns("len_"), "b": GroupColumns(prefix="meth")}},
            ["no column begins with 'meth'", "correct features.table.groups.b"],
        ),
        (
            lambda t: t, {"groups": {"a": GroupColumns("len_"), "b": GroupColumns(columns=("note", "nota"))}},
            ["no column 'nota'; did you mean 'note'?"],
        ),
        (lambda t: t.assign(m0=1.0, m1=2.0), {}, ["no feature of the group own varies in discovery"]),
        (
            lambda t: t.assign(m1=[*t.m1[:12], *[np.nan] * 4]), {},
            # 4 of 8 x 2 held-out cells; of discovery none.
            ["25% of the cells of the group own are missing in heldout, more than 20%", "'m1', 50% missing"],
        ),
        (
            lambda t: t.assign(s=[.5] * 15 + [1.2]), {"columns": TableColumns(score="s")},
            ["sample 015", "1.2 is no probability; set features.table.score_is: logit"],
        ),
        (
            lambda t: t.assign(s=[.5] * 15 + [np.nan]), {"columns": TableColumns(score="s")},
            ["sample 015", "the score is missing; give one of every sample"],
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named_and_nothing_is_written(tmp_path, edit, options, words) -> None:
    path = write(edit(frame()), tmp_path / "a.csv")
    made = config(path, **options)
    with pytest.raises(InputError) as caught:
        write_matrices(made)
    message = str(caught.value)
    assert str(path) in message
    assert not any("\n" in mistake for mistake in caught.value.mistakes)
    for word in words:
        assert word in message
    assert not Layout.of(made.outdir).root.exists()


def test_four_of_twenty_missing_cells_are_allowed(tmp_path) -> None:
    # Discovery has 8 x 2 cells of `own`; 3 are 18.75 %, 4 would be 25 %.
    table = frame()
    table.loc[[0, 1, 2], "m0"] = np.nan
    cohort = read_table(settings(write(table, tmp_path / "a.csv")))
    assert cohort.missing("discovery", "own").tolist() == [3 / 8, 0]


def test_the_check_tells_what_a_person_wants_to_know(tmp_path) -> None:
    made = config(write(frame(), tmp_path / "a.csv"), simulated=True)
    made = structs.replace(made, model=structs.replace(made.model, folds=4))
    assert check_table(made, made.features.table).lines() == [
        "simulated",
        "discovery: 8 samples of 8 subjects, 4 cases and 4 controls",
        "heldout: 8 samples of 8 subjects, 4 cases and 4 controls",
        f"fragment_length: 3 features, missing {NOTHING}",
        f"own: 2 features, missing {NOTHING}",
        "site: A (8), B (8)",
        "batch: A (8), B (8)",
        "covariate bmi: numbers",
        "technical tube: 2 categories",
        "model under study: logistic regression on all groups",
        "columns without a use: 1 (note)",
    ]
    # Labels are 0, 1, 0, 1: cases of discovery are rows 1, 3, 5 and 7.
    gaps = frame()
    gaps.loc[[1, 3, 5, 7], "bmi"] = np.nan
    gaps.loc[[0, 8, 9], "tube"] = ""
    gaps.loc[1, "m0"] = np.nan
    holes = config(write(gaps, tmp_path / "b.csv"), simulated=True)
    lines = check_table(structs.replace(holes, model=made.model), holes.features.table).lines()
    told = "missing 100.0% of discovery cases, 0.0% of discovery controls, 0.0% of held-out samples"
    assert f"bmi: {told}" in lines
    # Two of eight held-out samples: their labels are not asked.
    assert (
        "tube: missing 0.0% of discovery cases, 25.0% of discovery controls, 25.0% of held-out samples"
        in lines
    )
    # One of 4 x 2 cells.
    assert f"own: 2 features, missing {NOTHING.replace('0.0', '12.5', 1)}" in lines
    with pytest.raises(InputError, match="4 discovery subjects are cases, too few for 5 folds"):
        check_table(structs.replace(made, model=structs.replace(made.model, folds=5)), made.features.table)
