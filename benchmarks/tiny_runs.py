"""The smallest runs that go through all stages: what is studied is the run, and not its verdict."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cfdna_interp.simulation.cohort import simulate
from cfdna_interp.simulation.worlds import load_world

FEW = {
    "attribution": {"bootstrap": 20, "permutations": 19, "chunks": 1},
    "validation": {"permutations": 499, "bootstrap": 200},
}


def write_table_run(folder: Path, outdir: str = "results") -> Path:
    """Write a table of 48 people, three groups of three features each, and the settings of its run.

    Returns
    -------
    The config.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    label = np.tile([0, 1], 24)
    columns: dict[str, Any] = {
        "sample": [f"S{i:03d}" for i in range(48)],
        "role": ["discovery"] * 24 + ["heldout"] * 24,
        "label": label,
        "site": np.where(rng.random(48) < 0.5, "A", "B"),
    }
    for group, effect in (("length", 2.0), ("methylation", 0.0), ("motif", 0.0)):
        common = effect * label + rng.normal(size=48)
        columns |= {f"{group}_{i}": common + rng.normal(size=48) for i in range(3)}
    pd.DataFrame(columns).to_csv(folder / "cohort.csv", index=False)
    groups = {"fragment_length": "length_", "methylation": "methylation_", "end_motif": "motif_"}
    table = {
        "path": str(folder / "cohort.csv"),
        "columns": {"site": "site"},
        "groups": {name: {"prefix": prefix} for name, prefix in groups.items()},
        "simulated": True,
    }
    return _write(folder, outdir, {"features": {"table": table}, **FEW})


def write_alignment_run(folder: Path, outdir: str = "results") -> Path:
    """Write 14 BAM files of 1,300 fragments each of world ``length``, and the settings of their run.

    Returns
    -------
    The config.
    """
    cohort = folder / "cohort"
    if not (cohort / "sheet.tsv").is_file():
        simulate(replace(load_world("length"), fragments=1_300, discovery=10, heldout=4), cohort, seed=1)
    settings: dict[str, Any] = {
        "sheet": str(cohort / "sheet.tsv"),
        "atlas": str(cohort / "atlas.tsv"),
        "seed": 3,
        "reference": {"build": str(cohort / "build.tsv")},
        "extract": {"fragments_per_sample": 1_000, "min_fragments": 300},
        "features": {"window": 200_000},
        "model": {
            "dim": 8, "bag_size": 100, "pretrain_fragments": 4_000, "pretrain_epochs": 1, "folds": 3,
            "ensemble": 1,
        },
        "representation": {"parts": ["probes"], "fragments": 10_000, "resamples": 100},
    }  # fmt: skip
    return _write(folder, outdir, {**settings, **FEW})


def environment() -> dict[str, str]:
    """Return the environment of a run of this checkout, with its commands first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    root = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "PATH": path, "PYTHONPATH": root}


def command(*words: str | Path) -> list[str]:
    """Return the command line of ``cfdna-interp`` with these words."""
    return [sys.executable, "-m", "cfdna_interp.cli", *map(str, words)]


def _write(folder: Path, outdir: str, settings: dict[str, Any]) -> Path:
    path = folder / f"{outdir}.yaml"
    path.write_text(yaml.safe_dump({**settings, "outdir": outdir}))
    return path
