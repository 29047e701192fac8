"""Scoring the rows of a new table with the proxy of a run from a table."""

import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from frozen_table import TableWorld, finished_table_run, make_table
from scipy.special import expit
from stored import write_json

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.predictions import load_scores
from cfdna_interp.cli import cli
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.score_alignments import samples_of, score_alignments
from cfdna_interp.proxy.score_table import score_table


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    return Layout.of(finished_table_run(TableWorld(), tmp_path_factory.getbasetemp()).outdir)


@pytest.fixture(scope="module")
def path(layout):
    return layout.file("proxy.json")


@pytest.fixture
def new():
    """The held-out half of the run's own table, without labels and roles."""
    table = make_table(TableWorld())
    return table[table["cohort"] == "test"].drop(columns=["status", "cohort", "latent"])


def test_rows_get_the_frozen_scores_in_any_format_and_order(layout, path, new, tmp_path):
    frozen = {row.sample: row.value for row in load_scores(layout.scores("proxy")) if row.score == "proxy"}
    new = new.iloc[::-1, ::-1]
    new.to_csv(tmp_path / "new.csv", index=False)
    new.to_parquet(tmp_path / "new.parquet")
    for name in ("new.csv", "new.parquet"):
        got = score_table(tmp_path / name, path)
        assert [row.name for row in got] == list(new["id"])
        np.testing.assert_allclose([row.logit for row in got], [frozen[row.name] for row in got], atol=1e-9)
    result = CliRunner().invoke(cli, ["score", "--proxy", str(path), "--table", str(tmp_path / "new.csv")])
    assert result.exit_code == 0, result.output
    first = result.stdout.splitlines()[1].split("\t")
    assert float(first[1]) == pytest.approx(expit(frozen[first[0]]), abs=1e-6)
    assert first[4].endswith("simulated: proxy")


def test_what_training_did_not_have_is_named(path, new, tmp_path):
    new = new.head(3).reset_index(drop=True)
    new["kit"] = ["A", "C", "B"]
    new.loc[2, "input_ng"] = 900.0
    new.loc[2, "size_3"] = np.nan
    new.to_csv(tmp_path / "new.csv", index=False)
    plain, kit, far = score_table(tmp_path / "new.csv", path)
    assert "kit C, in training A or B" in kit.warnings
    assert not any(warning.startswith("kit") for warning in (*plain.warnings, *far.warnings))
    assert far.warnings[0] == "1 of 8 features missing, first size_3"
    assert any(warning.startswith("input_ng 900 outside") for warning in far.warnings)


def test_the_proxy_says_which_columns_hold_codes(layout, new, tmp_path):
    # In training the kit was a code (1, 2 or x), the input a number: new cells are read as these are.
    record = read_json(layout.file("proxy.json"))
    record["training_levels"]["kit"] = ["1", "2", "x"]
    path = tmp_path / "proxy.json"
    write_json(path, record)
    new = new.head(4).astype({"input_ng": object}).reset_index(drop=True)
    new["kit"] = ["1", "2", "3", ""]
    new.loc[0, "input_ng"] = "much"
    new.loc[1, "input_ng"] = 900.0
    new.to_csv(tmp_path / "new.csv", index=False)
    told = [
        [text for text in row.warnings if text.startswith(("kit", "input"))]
        for row in score_table(tmp_path / "new.csv", path)
    ]
    assert [len(row) for row in told] == [1, 1, 1, 0]
    assert told[0][0].startswith("input_ng 'much' is not a number, training range ")
    assert told[1][0].startswith("input_ng 900 outside the training range ")
    assert told[2] == ["kit 3, in training 1 or 2 or x"]


def test_many_levels_are_counted(layout, new, tmp_path):
    record = read_json(layout.file("proxy.json"))
    record["training_levels"]["kit"] = [f"p{i:02d}" for i in range(60)]
    path = tmp_path / "proxy.json"
    write_json(path, record)
    new = new.head(1).assign(kit="new")
    new.to_csv(tmp_path / "new.csv", index=False)
    (row,) = score_table(tmp_path / "new.csv", path)
    assert "kit new, in training p00 or p01 or p02 or p03 or p04 or 55 more" in row.warnings


def test_where_nothing_can_be_written_nothing_is_scored(path, tmp_path):
    (tmp_path / "file").write_text("")
    options = ["score", "--proxy", str(path), "--table", str(tmp_path / "none.csv")]
    result = CliRunner().invoke(cli, [*options, "--out", str(tmp_path / "file" / "scores.tsv")])
    assert isinstance(result.exception, InputError)
    assert re.search(r"--out .*scores\.tsv cannot be written.*give another path", str(result.exception))
    result = CliRunner().invoke(cli, options)
    assert str(result.exception).endswith("none.csv does not exist; correct --table")


def test_a_row_that_lacks_too_much_stops_or_is_left_out(path, new, tmp_path):
    new.loc[new.index[1], ["size_0", "size_1"]] = np.nan  # a quarter of 8
    file = tmp_path / "new.csv"
    new.to_csv(file, index=False)
    name = new["id"].iloc[1]
    with pytest.raises(InputError, match=f"sample {name}: 2 of 8 features missing"):
        score_table(file, path)
    rows = score_table(file, path, on_bad_sample="exclude")
    assert [row.name for row in rows if row.reason] == [name]


def test_a_row_with_a_cell_that_is_no_number_stops_or_is_left_out(path, new, tmp_path):
    file = tmp_path / "new.csv"
    new.to_csv(file, index=False)
    good = {row.name: row.logit for row in score_table(file, path)}
    new = new.astype({"size_2": object, "size_3": object})
    new.loc[new.index[0], "size_2"] = "high"
    new.loc[new.index[2], "size_3"] = 1e200
    new.to_csv(file, index=False)
    first, _, third = new["id"].iloc[:3]
    with pytest.raises(InputError, match=f"sample {first}: .*row 1, column 'size_2': 'high'"):
        score_table(file, path)
    rows = score_table(file, path, on_bad_sample="exclude")
    assert {row.name: row.logit for row in rows if not row.reason} == {
        name: logit for name, logit in good.items() if name not in (first, third)
    }
    assert [row.name for row in rows if row.reason] == [first, third]
    assert "row 1, column 'size_2': 'high' is no finite number" in rows[0].reason


@pytest.mark.parametrize("taken", ["table", "proxy"])
def test_the_result_takes_no_inputs_place(path, new, tmp_path, taken):
    files = {"table": tmp_path / "new.csv", "proxy": tmp_path / "proxy.json"}
    new.to_csv(files["table"], index=False)
    files["proxy"].write_bytes(path.read_bytes())
    before = files[taken].read_bytes()
    options = [option for name, file in files.items() for option in (f"--{name}", str(file))]
    (tmp_path / "folder").mkdir()
    out = tmp_path / "folder" / ".." / files[taken].name
    result = CliRunner().invoke(cli, ["score", *options, "--out", str(out)])
    assert isinstance(result.exception, InputError)
    assert str(result.exception).endswith("is one of the files to read; give another path")
    assert files[taken].read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.rename(columns={"id": "ids"}), r"no column 'id'; did you mean 'ids'\?"),
        (lambda t: t[["id", "mark_0"]], r"none of the proxy's 8 features is a column, the first is 'size_0'"),
        (lambda t: t.assign(size_2="high"), r"column 'size_2': 'high' is no finite number"),
        (lambda t: t.assign(id="A"), r"sample A: .*row 2: also on row 1"),
        (lambda t: t.assign(id=""), r"row 1, column 'id': the name is empty"),
    ],
)
def test_a_table_that_cannot_be_scored_is_one_line(path, new, tmp_path, change, said):
    change(new).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(InputError, match=said):
        score_table(tmp_path / "new.csv", path)


def test_the_proxy_of_a_table_reads_no_alignments_and_names_no_folder(path):
    with pytest.raises(InputError, match="fitted on a table of features; give the new samples with --table"):
        score_alignments(samples_of(["x.bam"], {}), path)
    assert read_json(path)["settings"]["features"]["table"]["path"] == "cohort.parquet"


def test_the_proxy_of_alignments_reads_no_table(finished, tmp_path):
    pd.DataFrame({"sample": ["a"], "length_mode": [1]}).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(InputError, match="fitted on alignments"):
        score_table(tmp_path / "new.csv", Layout.of(finished.outdir).file("proxy.json"))
