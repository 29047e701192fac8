"""What a chunk of refits leaves: shares, and the heads of permuted labels with their labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from toy_run import write_cohort

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.dataset import load_cohort
from cfdna_interp.attribution.embed import run_embed
from cfdna_interp.attribution.head_refits import permuted_heads, refit_heads
from cfdna_interp.attribution.refit import run_refit
from cfdna_interp.attribution.refit_plan import Refit
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Attribution, Model
from cfdna_interp.errors import InputError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("run")
    write_cohort(Layout.of(folder))
    config = Config(
        sheet="",
        outdir=str(folder),
        model=Model(dim=4, bag_size=64, folds=2),
        attribution=Attribution(bootstrap=3, permutations=3, chunks=2),
    )
    run_embed(config, "discovery")
    for chunk in range(2):
        run_refit(config, chunk)
    return config


def test_permuted_heads_come_back_as_they_were_fitted(run: Config) -> None:
    layout, cohort = Layout.of(run.outdir), load_cohort(run, "discovery")
    found = permuted_heads(layout, 2)
    # Of six refits 0, 2, 4 are chunk 0: permutation 1 lies there, 0 and 2 in chunk 1.
    assert [heads.number for heads in found] == [0, 1, 2]
    bags = cohort.versions[:, 0]
    for heads in found:
        again = refit_heads(cohort, Refit("permutation", heads.number), folds=2, seed=run.seed)
        assert np.array_equal(heads.labels, again.labels)
        assert heads.labels.dtype == np.int64 and heads.labels.sum() == cohort.labels.sum()
        assert np.array_equal(heads.fitted.fold, again.fitted.fold)
        assert np.array_equal(heads.fitted.logits(bags), again.fitted.logits(bags))
    assert any(not np.array_equal(heads.labels, cohort.labels) for heads in found)


def test_the_shares_of_a_chunk_are_those_of_its_heads(run: Config) -> None:
    tables = [pd.read_parquet(Layout.of(run.outdir).refits(chunk)) for chunk in range(2)]
    table = pd.concat(tables).set_index(["kind", "number"])
    assert sorted(set(table.index)) == [(k, n) for k in ("bootstrap", "permutation") for n in range(3)]
    assert table["share"].groupby(level=[0, 1]).sum().to_numpy() == pytest.approx(np.ones(6))


def test_permuted_heads_that_are_missing_or_damaged_are_an_input_error(run: Config) -> None:
    layout = Layout.of(run.outdir)
    with pytest.raises(InputError, match=r"2\.heads\.safetensors .* run the refit stage again"):
        permuted_heads(layout, 3)
    for tensors in ({"7/labels": torch.zeros(2)}, {"nameless": torch.zeros(2)}, {"7/fold": torch.zeros(2)}):
        save_file(tensors, layout.permuted_heads(2))
        with pytest.raises(InputError, match="run the refit stage again"):
            permuted_heads(layout, 3)
    layout.permuted_heads(2).write_bytes(b"")
    with pytest.raises(InputError, match="run the refit stage again"):
        permuted_heads(layout, 3)
