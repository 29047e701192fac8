"""Time and memory of the whole workflow from one large table: ``python benchmarks/table_route.py``.

Writes a simulated cohort as Parquet (three groups of correlated features, one of which follows the label, two
sites, age, sex, one cell in fifty missing), runs ``cfdna-interp run --cores 2`` with the default refits, and
prints a row for each job and one for the run. The limits are 5 minutes and 4 GiB.
"""

from __future__ import annotations

import csv
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd
import yaml

from cfdna_interp.records.base import load_record
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.stats.resampling import stream

OUT = Path(__file__).parent / "out" / "table_route"
COMMAND = Path(sys.executable).with_name("cfdna-interp")
GROUPS = ("fragment_length", "methylation", "end_motif")
SHIFT = 1.5  # of cases in one latent of the first group, in SD
LATENTS = 20  # of a group: features are mixtures of them, half of their variance their own
MISSING = 0.02


def write_cohort(path: Path, samples: int, features: int, shift: float, seed: int) -> None:
    """Write a cohort of which half is held out."""
    rng = stream(seed, "table route")
    label = rng.permutation(np.arange(samples) % 2)
    columns = {
        "sample": [f"S{i:05d}" for i in range(samples)],
        "role": np.where(np.arange(samples) < samples // 2, "discovery", "heldout"),
        "label": label,
        "site": np.where(rng.random(samples) < 0.4 + 0.2 * label, "A", "B"),
        "age": rng.normal(65, 8, samples).round(1),
        "sex": np.where(rng.random(samples) < 0.5, "F", "M"),
        "depth": rng.normal(20, 3, samples),
    }
    for group in GROUPS:
        latent = rng.normal(size=(samples, LATENTS))
        if group == GROUPS[0]:
            latent[:, 0] += shift * label
        width = features // len(GROUPS)
        X = latent @ rng.normal(size=(LATENTS, width)) / np.sqrt(LATENTS) + rng.normal(size=(samples, width))
        X[rng.random(X.shape) < MISSING] = np.nan
        columns |= {f"{group}_{i}": X[:, i] for i in range(width)}
    pd.DataFrame(columns).to_parquet(path, index=False)


def write_settings(folder: Path, table: Path) -> Path:
    """Write the settings of a run with default refits."""
    mapping = {
        "path": str(table),
        "columns": {"site": "site", "age": "age", "sex": "sex"},
        "technical": ["depth"],
        "groups": {group: {"prefix": f"{group}_"} for group in GROUPS},
        "simulated": True,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"outdir": "results", "features": {"table": mapping}}))
    return path


def stages(results: Path) -> list[tuple[str, float, float, float]]:
    """Return (stage, wall seconds, CPU seconds, MiB) of each job, as Snakemake sampled them."""
    rows = []
    for path in sorted((results / "benchmarks").rglob("*.tsv")):
        with open(path, newline="") as handle:
            row = next(csv.DictReader(handle, delimiter="\t"))
        name = path.relative_to(results / "benchmarks").with_suffix("").as_posix()
        rows.append((name, float(row["s"]), float(row["cpu_time"]), float(row["max_rss"])))
    return rows


@click.command()
@click.option("--samples", default=5_000, show_default=True)
@click.option("--features", default=3_000, show_default=True)
@click.option("--shift", default=SHIFT, show_default=True, help="Of cases in the planted latent, in SD.")
@click.option("--seed", default=1, show_default=True)
def main(samples: int, features: int, shift: float, seed: int) -> None:
    """Run the whole workflow on a table of this size and print its tables."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    table = OUT / "cohort.parquet"
    write_cohort(table, samples, features, shift, seed)
    config = write_settings(OUT, table)
    start = time.perf_counter()
    arguments = [COMMAND, "run", "--config", config, "--cores", "2"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr[-2_000:])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    results = OUT / "results"
    print("| stage | wall s | CPU s | peak MiB |\n|---|---|---|---|")
    for name, *numbers in stages(results):
        print(f"| {name} | {' | '.join(f'{number:.0f}' for number in numbers)} |")
    # The largest process of all, not their sum: no two of the large ones run for long at the same time.
    print(f"| all | {wall:.0f} | {used.ru_utime + used.ru_stime:.0f} | {used.ru_maxrss / 1024:.0f} |")
    dominance = load_record(Dominance, results / Dominance.FILE)
    scores = load_record(ValidationResult, results / ValidationResult.FILE).scores
    proxy = scores["proxy"].auroc.value if "proxy" in scores else float("nan")
    print(
        f"\n{dominance.outcome}: {dominance.group}; held-out AUROC of the model "
        f"{scores['model'].auroc.value:.3f}, of the proxy {proxy:.3f}"
    )


if __name__ == "__main__":
    main()
