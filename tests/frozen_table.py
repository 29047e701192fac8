"""A made-up run of a cohort that came as a table: up to `dominance`, and the same taken on to the verdict."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from made_dominance import around, dominance_record, group_attribution

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.predictions import Prediction, Score, save_predictions, save_scores
from cfdna_interp.audit.audit import run_audit
from cfdna_interp.cohort.source import save_source
from cfdna_interp.cohort.split import split
from cfdna_interp.config import Config, load_config
from cfdna_interp.features.matrix import write_matrices
from cfdna_interp.proxy.proxy import run_proxy
from cfdna_interp.proxy.validate import run_validate
from cfdna_interp.records.base import save_record
from cfdna_interp.records.dominance import Dominance, Margin
from cfdna_interp.verdict.verdict import run_verdict

GROUPS = {"sizes": "size_", "marks": "mark_", "copy_number": "cn_"}


@dataclass(frozen=True)
class TableWorld:
    """What is planted: `effect` SD between the classes in the latent that all features of `sizes` follow.

    A `bare` table has samples, labels, roles and features, and nothing else.
    """

    effect: float = 2.0
    per_class: int = 40
    per_group: tuple[int, ...] = (8, 5, 4)
    dominant: bool = True
    bare: bool = False


def make_table(world: TableWorld, seed: int = 1) -> pd.DataFrame:
    """Return the table: both roles, two sites, a covariate, two technical columns, three groups."""
    rng = np.random.default_rng(seed)
    n = 4 * world.per_class
    label = np.tile([1, 0], n // 2)
    latent = rng.normal(size=n) + world.effect * (label - 0.5)
    columns = {
        "id": [f"S{i:04d}" for i in range(n)],
        "status": np.where(label == 1, "cancer", "healthy"),
        "cohort": np.repeat(["train", "test"], n // 2),
        "site": [f"site{i}" for i in rng.integers(0, 2, n)],
        "age": rng.integers(40, 80, n),
        "sex": np.where(rng.random(n) < 0.5, "F", "M"),
        "smoking": rng.integers(0, 40, n),
        "input_ng": rng.normal(20, 4, n),
        "kit": np.where(rng.random(n) < 0.5, "A", "B"),
        "latent": latent,
    }
    for (group, prefix), count in zip(GROUPS.items(), world.per_group, strict=True):
        shared = latent if group == "sizes" else rng.normal(size=n)
        columns |= {f"{prefix}{i}": shared + 0.5 * rng.normal(size=n) for i in range(count)}
    return pd.DataFrame(columns)


def make_table_run(folder: Path, world: TableWorld, seed: int = 1) -> Config:
    """Write the table and what the stages up to `dominance` make of it, and return its settings."""
    table = make_table(world, seed)
    latent = table.pop("latent").to_numpy()
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "cohort.parquet")
    known = {} if world.bare else {"site": "site", "age": "age", "sex": "sex"}
    settings = {
        "outdir": "results",
        "seed": 7,
        "validation": {"permutations": 499, "bootstrap": 300},
        "features": {
            "table": {
                "path": "cohort.parquet",
                "columns": {"sample": "id", "label": "status", "role": "cohort", **known},
                "roles": {"discovery": "train", "heldout": "test"},
                "labels": {"case": "cancer", "control": "healthy"},
                "groups": {group: {"prefix": prefix} for group, prefix in GROUPS.items()},
                "covariates": [] if world.bare else ["smoking"],
                "technical": [] if world.bare else ["input_ng", "kit"],
                "simulated": True,
            }
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    config = load_config(folder / "config.yaml")
    split(config)
    save_source(config)
    write_matrices(config)
    layout = Layout.of(config.outdir)
    names, labels = table["id"], (table["status"] == "cancer").astype(int)
    train = (table["cohort"] == "train").to_numpy()
    save_predictions(
        [
            Prediction(names[i], names[i], int(labels[i]), i // 2 % 5, float(latent[i]), 0.0)
            for i in np.flatnonzero(train)
        ],
        layout.file("predictions.discovery.parquet"),
    )
    noise = np.random.default_rng(seed).normal(size=len(table))
    scores = {"model": latent}
    for group in GROUPS:
        scores[f"model_without_{group}"] = noise if group == "sizes" else latent + 0.05 * noise
        scores[f"model_only_{group}"] = latent + 0.05 * noise if group == "sizes" else noise
    save_scores(
        [
            Score(names[i], names[i], name, float(values[i]))
            for name, values in scores.items()
            for i in np.flatnonzero(~train)
        ],
        layout.scores("model"),
    )
    share, rest = around(0.9, 0.1, 0.05), around(0.05, 0.05, 0.05)
    costs = {name: 0.42 if name == "sizes" else 0.0 for name in GROUPS}
    record = dominance_record(
        {name: group_attribution(share if name == "sizes" else rest, "carrier") for name in GROUPS},
        outcome="dominant" if world.dominant else "none",
        group="sizes" if world.dominant else None,
        margin=Margin(group="sizes", value=0.1, low=0.0, high=0.3, needed=0.1, excluded=False),
        cross_fitted_auroc={
            "model": 0.92,
            **{f"model_only_{name}": 0.92 if name == "sizes" else 0.5 for name in GROUPS},
            **{f"model_without_{name}": 0.92 - cost for name, cost in costs.items()},
            "model_only_context": 0.5,
        },
        leave_out_cost=costs,
    )
    save_record(record, layout.file(Dominance.FILE))
    return config


@cache
def finished_table_run(world: TableWorld, root: Path) -> Config:
    """Return a run taken through all stages from `proxy` to `verdict`; made once, to be read only."""
    config = make_table_run(Path(tempfile.mkdtemp(dir=root)), world)
    for stage in (run_proxy, run_validate, run_audit, run_verdict):
        stage(config)
    return config
