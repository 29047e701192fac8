"""A small simulated table, run through the stages themselves: length tells the label, the rest doesn't."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.dominance import run_dominance
from cfdna_interp.attribution.refit import run_refit
from cfdna_interp.attribution.train import run_train
from cfdna_interp.audit.audit import run_audit
from cfdna_interp.cohort.split import split
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Attribution, Features, Validation
from cfdna_interp.config.table_settings import FeatureTable, GroupColumns, TableColumns
from cfdna_interp.features.matrix import write_matrices
from cfdna_interp.proxy.proxy import run_proxy
from cfdna_interp.proxy.validate import run_validate
from cfdna_interp.verdict.verdict import run_verdict

FEATURES = 5  # of each group
HOSTILE = "<script>alert(1)</script>"


@dataclass(frozen=True)
class TableWorld:
    """``per_class`` subjects per label and role; whether the table calls itself ``simulated``."""

    per_class: int = 20
    simulated: bool = True


def make_table(path: Path, world: TableWorld) -> None:
    """Write a table of three groups, of which fragment_length follows the label, with a missing cell."""
    rng = np.random.default_rng(11)
    n = 4 * world.per_class
    label, role = np.arange(n) % 2, np.repeat(["discovery", "heldout"], n // 2)
    latent = rng.normal(size=n) + 2.0 * (label - 0.5)
    columns: dict[str, object] = {
        "sample": [f"S{i:03d}" for i in range(n)],
        "label": label,
        "role": role,
        "site": np.array(["Aarhus", "Bergen"])[np.arange(n) // 2 % 2],
        "age": rng.normal(60, 5, n).round(),
        HOSTILE: "not used",
    }
    for k in range(FEATURES):
        columns[f"fsd_{k}"] = latent + 0.7 * rng.normal(size=n)
        columns[f"mut_{k}"] = rng.normal(size=n)
        columns[f"copy_{HOSTILE}_{k}"] = rng.normal(size=n)
    table = pd.DataFrame(columns)
    table.loc[3, "mut_0"] = np.nan
    table.to_csv(path, index=False)


def make_table_run(folder: Path, world: TableWorld) -> tuple[Config, Layout]:
    """Run all stages before the report and return settings and layout."""
    folder.mkdir(parents=True, exist_ok=True)
    make_table(folder / "features.csv", world)
    table = FeatureTable(
        path=str(folder / "features.csv"),
        groups={
            "fragment_length": GroupColumns(prefix="fsd_"),
            "mutational_signature": GroupColumns(prefix="mut_"),
            "copy_number": GroupColumns(prefix="copy_"),
        },
        columns=TableColumns(site="site", age="age"),
        simulated=world.simulated,
    )
    config = Config(
        outdir=str(folder / "results"),
        title="A table",
        features=Features(table=table),
        attribution=Attribution(bootstrap=10, permutations=9, chunks=1),
        validation=Validation(permutations=199, bootstrap=200),
    )
    split(config)
    write_matrices(config)
    run_train(config)
    run_refit(config, 0)
    run_dominance(config)
    run_proxy(config)
    run_validate(config)
    run_audit(config)
    run_verdict(config)
    return config, Layout.of(config.outdir)
