"""A column that a class lacks is no baseline to beat: it is left out, named with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from frozen_table import TableWorld, make_table_run
from stored import stored

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import load_table
from cfdna_interp.config.settings import Corrected
from cfdna_interp.proxy.baselines import baselines, fit_all, seldom_measured
from cfdna_interp.proxy.proxy import run_proxy
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.protocol import ColumnKnown, FrozenProtocol


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_table_run(tmp_path_factory.mktemp("seldom"), TableWorld())


def roles(config):
    return [load_table(Layout.of(config.outdir).matrix(role)) for role in ("discovery", "heldout")]


def emptied(table, column, rows):
    cells = table.obs[column].astype(object).to_numpy(copy=True)
    cells[rows] = np.nan if table.obs[column].dtype.kind == "f" else ""
    return replace(table, obs=table.obs.assign(**{column: cells}))


def test_complete_columns_all_stay(made):
    discovery, heldout = roles(made)
    assert seldom_measured(discovery, heldout) == {}
    assert "covariate_smoking" in baselines(discovery)[-2].columns


def test_a_column_that_one_class_or_the_held_out_people_lack_is_left_out(made):
    discovery, heldout = roles(made)
    cases = np.flatnonzero(discovery.labels == 1)
    assert len(cases) == 40
    # 32 of 40 are 80 %: enough. One less is not.
    assert seldom_measured(emptied(discovery, "covariate_smoking", cases[:8]), heldout) == {}
    seldom = seldom_measured(emptied(discovery, "covariate_smoking", cases[:9]), heldout)
    assert seldom == {"covariate_smoking": ColumnKnown(who="discovery cases", known=31, of=40)}
    assert "covariate_smoking" not in baselines(discovery, seldom)[-2].columns
    assert seldom_measured(discovery, emptied(heldout, "technical_kit", np.arange(17))) == {
        "technical_kit": ColumnKnown(who="held-out subjects", known=63, of=80)
    }


def test_a_column_that_tells_the_label_by_its_gaps_alone_is_compared_with_nobody(made):
    discovery, heldout = roles(made)
    cases = np.flatnonzero(discovery.labels == 1)
    discovery = emptied(discovery, "covariate_smoking", cases)
    # Without age and sex smoking is the only covariate: no baseline is left, and it is said why.
    alone = replace(discovery, obs=discovery.obs.drop(columns=["age", "sex"]))
    fitted, absent = fit_all(made, alone, "sizes", seldom_measured(alone, heldout))
    assert "baseline_covariates" not in fitted
    assert absent["baseline_covariates"] == Missing(why=Cause.SELDOM_MEASURED, names=("covariate_smoking",))


def test_the_protocol_says_what_was_left_out_and_how_values_were_corrected(made):
    run_proxy(made)
    protocol = stored(FrozenProtocol, made)
    assert protocol.left_out == {}
    assert protocol.corrected == Corrected(how="unknown", by="", over="both roles")
