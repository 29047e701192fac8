"""A proxy.json that was damaged, or changed by hand, scores nobody: one error names it and what to run."""

from __future__ import annotations

import json

import made_proxy
import numpy as np
import pytest
from msgspec import structs

from cfdna_interp.config import Config
from cfdna_interp.config.settings import Features
from cfdna_interp.config.table_settings import FeatureTable, GroupColumns
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.linear import Linear
from cfdna_interp.proxy.proxy import portable_settings
from cfdna_interp.proxy.score import load_scorer
from cfdna_interp.proxy.score_alignments import extraction_config
from cfdna_interp.proxy.score_table import score_table
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.proxy import Proxy

DROP = object()


@pytest.fixture
def path(tmp_path):
    """A proxy of two columns of a table, a and b."""
    table = FeatureTable(path=str(tmp_path / "t.csv"), groups={"one": GroupColumns("a")}, technical=("kit",))
    config = Config(sheet="", outdir=str(tmp_path), features=Features(table=table))
    one = np.ones(2)
    linear = Linear(("a", "b"), 0 * one, 0 * one, one, one, 0.5, 1.0, np.ones((3, 3)))
    proxy = structs.replace(
        made_proxy.proxy(linear, group="one"),
        training_range={"hours": (1.0, 2.0)},
        training_levels={"kit": ("k1",)},
        settings=portable_settings(config, tmp_path),
    )
    save_record(proxy, tmp_path / "proxy.json")
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


REGRESSION = ("regression",)
FEATURES = ("regression", "features")
WHOLE = {"inputs": [0], "total": 1, "pseudo": 0.1, "log_mean": [0]}
DISTANCE = ("regression", "training_distance")


@pytest.mark.parametrize(
    ("at", "value", "key"),
    [
        (("settings",), {}, "settings.seed"),
        (("settings",), None, "settings"),
        (("settings", "features"), {}, "settings.features.annotation"),
        (("settings", "features", "window"), 10, "settings.features.window"),
        (("settings", "features", "table", "technical"), DROP, "settings.features.table.technical"),
        (("settings", "features", "table", "columns"), DROP, "settings.features.table.columns"),
        (("settings", "features", "table", "columns", "sample"), 3, "settings.features.table.columns.sample"),
        (("settings", "extract", "patience"), 3, "settings.extract.patience"),
        (("training_levels",), None, "training_levels"),
        (("training_levels",), {"kit": "k1"}, "training_levels[...]"),
        (("training_range", "hours"), ["few", "many"], "training_range[...][0]"),
        (("training_range", "hours"), [1.0, None], "training_range[...][1]"),
        (("training_range", "hours"), [1.0], "training_range[...]"),
        ((*FEATURES, 0, "coefficient"), None, "regression.features[0].coefficient"),
        ((*FEATURES, 0, "scale"), 0, "regression.features[0].scale"),
        ((*FEATURES, 1, "scale"), -1.0, "regression.features[1].scale"),
        ((*FEATURES, 1, "mean"), "1", "regression.features[1].mean"),
        ((*FEATURES, 1, "mean"), True, "regression.features[1].mean"),
        ((*FEATURES, 1, "impute"), DROP, "regression.features[1].impute"),
        ((*FEATURES, 1, "name"), "a", "regression"),
        (FEATURES, [], "regression.features"),
        ((*REGRESSION, "intercept"), None, "regression.intercept"),
        ((*REGRESSION, "draws", 0, 0), None, "regression.draws[0][0]"),
        ((*REGRESSION, "draws"), [], "regression.draws"),
        ((*REGRESSION, "draws"), [[1.0, 2.0]], "regression"),
        ((*REGRESSION, "draws"), [[1.0, 2.0, 3.0], [1.0]], "regression"),
        ((*REGRESSION, "compositions"), [WHOLE | {"total": 0}], "regression.compositions[0].total"),
        ((*REGRESSION, "compositions"), [WHOLE | {"log_mean": []}], "regression.compositions[0]"),
        ((*REGRESSION, "compositions"), [WHOLE | {"inputs": [-1]}], "regression.compositions[0].inputs[0]"),
        ((*REGRESSION, "compositions"), [WHOLE | {"inputs": [2]}], "regression"),
        ((*DISTANCE, "noise"), 0, "regression.training_distance.noise"),
        ((*DISTANCE, "scale", 0), None, "regression.training_distance.scale[0]"),
        ((*DISTANCE, "scale"), [1.0], "regression.training_distance"),
        ((*DISTANCE, "variances"), [], "regression.training_distance"),
        ((*DISTANCE, "limit"), None, "regression.training_distance.limit"),
        ((*REGRESSION, "recipe", "patience"), 1, "regression.recipe.patience"),
        ((*REGRESSION, "cv", "repeats"), [[{"auroc": 1}]], "regression.cv.repeats[0][0].penalty"),
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


@pytest.mark.parametrize("number", ["1e999", "NaN", "Infinity"])
def test_no_number_is_beyond_all_bounds(path, number):
    path.write_text(path.read_text().replace('"intercept": 0.5', f'"intercept": {number}'))
    with pytest.raises(InputError, match=r"proxy\.json .*run the proxy stage again$"):
        load_record(Proxy, path)


def test_settings_of_extraction_are_not_made_up(path):
    change(path, ("settings", "features", "table"), None)
    settings = load_scorer(path, table=False).proxy.settings
    assert extraction_config(settings, path, "out").extract.min_mapq == 20
    change(path, ("settings", "extract", "min_mapq"), DROP)
    with pytest.raises(
        InputError, match=r"no usable 'settings\.extract\.min_mapq'.* run the proxy stage again"
    ):
        load_scorer(path, table=False)
    change(path, ("settings", "extract", "min_mapq"), "much")
    with pytest.raises(InputError, match=r"no usable 'settings\.extract\.min_mapq'"):
        load_scorer(path, table=False)
