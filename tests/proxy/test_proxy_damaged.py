"""A proxy.json that was damaged, or changed by hand, scores nobody: one error names it and what to run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cfdna_interp.artifacts.proxy import Linear, Proxy, load_proxy, save_proxy
from cfdna_interp.artifacts.training import TrainingDistance
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Features
from cfdna_interp.config.table import FeatureTable, GroupColumns
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.freeze import portable_settings
from cfdna_interp.proxy.score import usable_proxy
from cfdna_interp.proxy.score_alignments import extraction_config
from cfdna_interp.proxy.score_table import score_table

DROP = object()


@pytest.fixture
def path(tmp_path):
    """A proxy of two columns of a table, a and b."""
    table = FeatureTable(path=str(tmp_path / "t.csv"), groups={"one": GroupColumns("a")}, technical=("kit",))
    config = Config(sheet="", outdir=str(tmp_path), features=Features(table=table))
    one = np.ones(2)
    linear = Linear(("a", "b"), 0 * one, 0 * one, one, one, 0.5, 1.0, np.ones((3, 3)))
    proxy = Proxy(
        "one",
        linear,
        {"case": 20, "control": 20},
        training_range={"hours": (1.0, 2.0)},
        settings=portable_settings(config, tmp_path),
        training_levels={"kit": ("k1",)},
        training_distance=TrainingDistance(one, one, np.array([[1.0, 0.0]]), np.ones(1), 1.0, 3.0),
    )
    save_proxy(proxy, tmp_path / "proxy.json")
    (tmp_path / "new.csv").write_text("sample,a,b,kit\nS1,1,2,k1\n")
    return tmp_path / "proxy.json"


def change(path, at, value):
    """Put a value into the file, or take the key out."""
    record = json.loads(path.read_text())
    inner = record
    for key in at[:-1]:
        inner = inner[key]
    if value is DROP:
        del inner[at[-1]]
    else:
        inner[at[-1]] = value
    path.write_text(json.dumps(record))


def test_whole_it_scores(path):
    (row,) = score_table(path.with_name("new.csv"), path)
    assert row.logit == pytest.approx(0.5 + 1 + 2)
    assert not row.warnings


@pytest.mark.parametrize(
    ("at", "value", "key"),
    [
        (("settings",), {}, "settings.features"),
        (("settings",), None, "settings"),
        (("settings", "features"), {}, "settings.features.table"),
        (("settings", "features", "window"), 10, "settings.features.window"),
        (("settings", "features", "table", "technical"), DROP, "settings.features.table.technical"),
        (("settings", "features", "table", "columns"), DROP, "settings.features.table.columns"),
        (("settings", "features", "table", "columns", "sample"), 3, "settings.features.table.columns.sample"),
        (("training_levels",), None, "training_levels"),
        (("training_levels",), {"kit": "k1"}, "training_levels"),
        (("training_range", "hours"), ["few", "many"], "training_range.hours"),
        (("training_range", "hours"), [1.0, None], "training_range.hours"),
        (("training_range", "hours"), [1.0], "training_range.hours"),
        (("features", 0, "coefficient"), None, "features.coefficient"),
        (("features", 0, "scale"), 0, "features.scale"),
        (("features", 1, "scale"), -1.0, "features.scale"),
        (("features", 1, "mean"), "1", "features.mean"),
        (("features", 1, "impute"), DROP, "features.1.impute"),
        (("features", 1, "name"), "a", "features"),
        (("features",), [], "features"),
        (("intercept",), None, "intercept"),
        (("draws", 0, 0), None, "draws"),
        (("draws",), [[1.0, 2.0]], "draws"),
        (("draws",), [[1.0, 2.0, 3.0], [1.0]], "draws"),
        (("compositions",), [{"inputs": [0], "total": 0, "pseudo": 0.1, "log_mean": [0]}], "compositions"),
        (("compositions",), [{"inputs": [2], "total": 1, "pseudo": 0.1, "log_mean": [0]}], "compositions"),
    ],
)
def test_damage_is_named(path, at, value, key):
    change(path, at, value)
    with pytest.raises(InputError) as caught:
        score_table(path.with_name("new.csv"), path)
    message = str(caught.value)
    assert message.startswith(f"{path} has no usable '{key}'") and message.endswith(
        "run the proxy stage again"
    )
    assert "\n" not in message


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("training_distance", "noise"), 0),
        (("training_distance", "scale", 0), None),
        (("training_distance", "limit"), None),
        (("recipe", "patience"), 1),
        (("cv", "repeats"), [[{"auroc": 1}]]),
    ],
)
def test_other_damage_names_the_file(path, at, value):
    change(path, at, value)
    with pytest.raises(InputError, match=r"proxy\.json is no proxy .*; run the proxy stage again$"):
        load_proxy(path)


def test_settings_of_extraction_are_not_made_up(path):
    change(path, ("settings", "features", "table"), None)
    assert extraction_config(usable_proxy(path, table=False), path, "out").extract.min_mapq == 20
    change(path, ("settings", "extract", "min_mapq"), DROP)
    with pytest.raises(
        InputError, match=r"no usable 'settings\.extract\.min_mapq'.* run the proxy stage again"
    ):
        extraction_config(usable_proxy(path, table=False), path, "out")
    change(path, ("settings", "extract", "min_mapq"), "much")
    with pytest.raises(InputError, match=r"no usable 'settings\.extract\.min_mapq'"):
        usable_proxy(path, table=False)
