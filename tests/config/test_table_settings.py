"""Settings of a table: every column is told once, mistakes are named before the table is opened."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from cfdna_interp.config import load_config
from cfdna_interp.config.convert import encode
from cfdna_interp.config.resources import shipped
from cfdna_interp.config.settings import Attribution, Config, Model
from cfdna_interp.config.table_settings import FeatureTable, GroupColumns, LabelCells, RoleCells, TableColumns
from cfdna_interp.errors import InputError

GROUPS = {"fragment_length": {"prefix": "fsd_"}, "own": {"pattern": "x[0-9]+"}}


def write(folder, table: dict[str, Any], **other: Any):
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump({"outdir": "o", "features": {"table": table}, **other}))
    return path


def test_the_least_that_a_table_needs(tmp_path) -> None:
    config = load_config(write(tmp_path, {"path": "a.csv", "groups": GROUPS}))
    table = config.features.table
    assert (config.sheet, config.source) == ("", str(tmp_path / "a.csv"))
    assert table.columns == TableColumns("sample", None, "label", "role")
    assert table.groups == {"fragment_length": GroupColumns("fsd_"), "own": GroupColumns(pattern="x[0-9]+")}
    assert (table.roles, table.labels) == (RoleCells("discovery", "heldout"), LabelCells("1", "0"))


def test_codes_may_stand_without_quotes(tmp_path) -> None:
    given = {"path": "a.csv", "groups": GROUPS, "labels": {"case": 2, "control": 1}}
    assert load_config(write(tmp_path, given)).features.table.labels == LabelCells("2", "1")


def test_without_a_table_the_sheet_is_the_source() -> None:
    config = Config(sheet="s.tsv", outdir="o")
    assert config.source == "s.tsv"


def test_a_table_can_be_written_and_loaded_again(tmp_path) -> None:
    given = {"path": "a.csv", "groups": {**GROUPS, "few": {"columns": ["a", "b"]}}, "covariates": ["bmi"]}
    config = load_config(write(tmp_path, given, extract={"contigs": ["chr1"]}))
    again = tmp_path / "again.yaml"
    # YAML has no tuples.
    again.write_text(yaml.safe_dump(json.loads(json.dumps(encode(config)))))
    assert load_config(again) == config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"path": None}, ["features.table.path: None is not allowed; give a text that is not empty"]),
        ({"group": {}}, ["features.table.group: unknown key; did you mean 'groups'?"]),
        ({"columns": {"lable": "y"}}, ["features.table.columns.lable: unknown key; did you mean 'label'?"]),
        (
            {"groups": {"Own Group": {"prefix": "a"}}},
            ["features.table.groups.Own Group: ", "a name of lower-case letters"],
        ),
        ({"groups": {}}, ["features.table.groups: {} is not allowed", "at least 1"]),
        (
            {"groups": {**GROUPS, "c": "a_"}},
            ["features.table.groups.c: 'a_' ", "keys: prefix, pattern, columns"],
        ),
        ({"groups": {**GROUPS, "c": {"prefixx": "a"}}}, ["groups.c.prefixx: unknown", "mean 'prefix'?"]),
        ({"groups": {**GROUPS, "c": {"columns": ["a", "a"]}}}, ["groups.c.columns: 'a' occurs twice"]),
        ({"labels": {"case": ""}}, ["features.table.labels.case: '' is not allowed"]),
        ({"technical": [3]}, ["features.table.technical.0: 3 is not allowed"]),
        ({"groups": {"own": {"prefix": "a"}}}, ["names one group", "give two or more"]),
        ({"groups": {**GROUPS, "all": {"prefix": "a"}}}, ["groups.all", "rename the group"]),
        ({"groups": {**GROUPS, "proxy": {"prefix": "a"}}}, ["groups.proxy", "rename the group"]),
        ({"groups": {**GROUPS, "c": {}}}, ["groups.c gives no column", "one of prefix, pattern, columns"]),
        (
            {"groups": {**GROUPS, "c": {"prefix": "a", "pattern": "b"}}},
            ["groups.c gives prefix and pattern", "give one of"],
        ),
        ({"groups": {**GROUPS, "c": {"pattern": "a("}}}, ["pattern 'a('", "no regular expression"]),
        ({"labels": {"case": 1, "control": 1}}, ["features.table.labels are both '1'"]),
        ({"labels": {"case": 1.0, "control": 1}}, ["features.table.labels are both '1'"]),
        (
            {"labels": {"case": True}},
            ["features.table.labels.case: True is not allowed; give a text or a whole number"],
        ),
        ({"roles": {"discovery": "heldout"}}, ["features.table.roles are both 'heldout'"]),
        ({"covariates": ["kg/m2"]}, ["'kg/m2' has a / in its name"]),
        ({"covariates": ["bmi"], "technical": ["bmi"]}, ["'bmi' twice"]),
        ({"columns": {"score": "label"}}, ["'label' twice"]),
        ({"columns": {"site": "label"}}, ["'label' twice"]),
        ({"columns": {"age": "label"}}, ["'label' twice"]),
        ({"columns": {"label": "y", "subject": "y"}}, ["'y' twice"]),
        ({"columns": {"batch": "role"}}, ["'role' twice"]),
        ({"columns": {"sex": "role"}}, ["'role' twice"]),
        (
            {"score_is": "odds"},
            ["features.table.score_is: 'odds' is not allowed; give 'logit' or 'probability'"],
        ),
    ],
)
def test_mistakes_are_named(tmp_path, change, words) -> None:
    path = write(tmp_path, {"path": "a.csv", "groups": GROUPS} | change)
    with pytest.raises(InputError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(f"config {path}: ")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_sheet_beside_a_table_is_refused(tmp_path) -> None:
    path = write(tmp_path, {"path": "a.csv", "groups": GROUPS}, sheet="s.tsv")
    with pytest.raises(InputError, match=r"both sheet and features\.table say who is in the study"):
        load_config(path)


def test_a_model_beside_a_table_is_refused(tmp_path) -> None:
    path = write(tmp_path, {"path": "a.csv", "groups": GROUPS}, model={"encoder": "table", "checkpoint": "s"})
    with pytest.raises(InputError, match=r"model\.encoder: table .* name .* features\.table\.columns\.score"):
        load_config(path)


def test_the_example_names_every_key_and_loads() -> None:
    path = shipped("config", "table.yaml")
    named = yaml.safe_load(path.read_text())["features"]["table"]
    assert set(named) == set(FeatureTable.__struct_fields__)
    assert set(named["columns"]) == set(TableColumns.__struct_fields__)
    config = load_config(path)
    assert (config.model, config.attribution) == (Model(), Attribution())
