"""Verdicts on planted worlds as fragment tables: worlds × seeds, with Wilson intervals.

    python benchmarks/worlds_tables.py --jobs 2 --seeds 20

Every run goes from fragment tables through features, encoder, heads, attribution with bootstrap and
permuted labels, proxy, validation and audit to the verdict. Runs already in the output are not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

sys.path.insert(0, str(Path(__file__).parent))

OUT = Path(__file__).parent / "out" / "worlds_tables"
WORLDS = ("length", "methylation", "site-confounded", "age", "null")
# The group that the label moves; in `age` it follows the label by way of age alone.
PLANTED = {"length": "fragment_length", "methylation": "methylation", "age": "fragment_length"}
NO_GROUPS = ("all", "covariates", "technical")
HANDLING = {"handling", "attenuated"}
PERSON = {"confounded", "attenuated"}


def one_run(world_name: str, seed: int, fragments: int, out: Path, *, quick: bool) -> dict[str, object]:
    """Simulate one cohort as fragment tables, run all stages, return the outcome."""
    from table_run import run_stages, settings, write_extracted

    from cfdna_interp.simulation.fragment_tables import simulate_tables
    from cfdna_interp.simulation.noise import build_summaries
    from cfdna_interp.simulation.papers import atlas_text
    from cfdna_interp.simulation.worlds import load_world

    folder = out / f"{world_name}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started = time.monotonic()
    world = replace(load_world(world_name), fragments=fragments)
    cohort = simulate_tables(world, seed=seed)
    biology = build_summaries(world.genome).biology
    (folder / "atlas.tsv").write_text(atlas_text(biology))
    config = settings(folder, folder / "atlas.tsv", seed, fragments, quick=quick)
    write_extracted(cohort, config, biology.genome.lengths)
    outcome = run_stages(config)
    shutil.rmtree(folder)
    return {"world": world_name, "seed": seed, "seconds": time.monotonic() - started, **asdict(outcome)}


def expected(world: str, row: dict[str, object]) -> dict[str, bool]:
    """Return what the world's truth asks of a verdict, and whether this one gives it."""
    statuses, words = row["statuses"], row["words"]
    group = PLANTED.get(world)
    assert isinstance(statuses, dict) and isinstance(words, dict)
    if world == "age":
        return {
            "length named": row["dominant"] == group,
            "L4 earned": statuses["L4"] == "earned",
            "L5 earned": statuses["L5"] == "earned",
            "L5 confounded or attenuated": words["L5"] in PERSON,
        }
    if group:
        return {
            "planted group named": row["dominant"] == group,
            "L2 earned": statuses["L2"] == "earned",
            "ladder to L4 at least": row["headline"] in ("L4", "L5"),
            "ladder to L5": row["headline"] == "L5",
            "another group named": row["dominant"] not in (group, "none", "redundant", "can't tell"),
            "L4 earned": statuses["L4"] == "earned",
            "L4 handling or attenuated": words["L4"] in HANDLING,
            "L5 earned": statuses["L5"] == "earned",
            "L5 confounded or attenuated": words["L5"] in PERSON,
        }
    if world == "site-confounded":
        return {
            "L4 handling or attenuated": words["L4"] in HANDLING,
            "L4 earned": statuses["L4"] == "earned",
            "length named": row["dominant"] == "fragment_length",
        }
    return {
        "L0 earned": statuses["L0"] == "earned",
        "a group named": row["dominant"] not in ("none", "redundant", "can't tell"),
    }


def table(rows: list[dict[str, object]]) -> str:
    """Return the counts of every expectation with 95 % Wilson intervals, as Markdown."""
    from cfdna_interp.stats.calibration import wilson

    lines = ["| world | verdict | runs | share | 95 % interval |", "|---|---|---|---|---|"]
    for world in dict.fromkeys(str(row["world"]) for row in rows):
        mine = [row for row in rows if row["world"] == world]
        checks = [expected(world, row) for row in mine]
        for name in checks[0]:
            hits = sum(check[name] for check in checks)
            share = wilson(hits, len(mine))
            interval = f"{share.low:.2f}-{share.high:.2f}"
            lines.append(f"| {world} | {name} | {hits}/{len(mine)} | {share.value:.2f} | {interval} |")
    return "\n".join(lines)


def auroc_table(rows: list[dict[str, object]]) -> str:
    """Return held-out AUROCs, mean over seeds (lowest-highest), as Markdown."""
    lines = [
        "| world | model | proxy | covariates | best other group | without the planted group | within batch "
        "| technical columns held | covariates held |",
        "|---" * 9 + "|",
    ]
    for world in dict.fromkeys(str(row["world"]) for row in rows):
        mine = [row for row in rows if row["world"] == world]
        aurocs: list[dict[str, float]] = [row["auroc"] for row in mine]  # type: ignore[misc]
        group = PLANTED.get(world)
        left_out = {f"baseline_{name}" for name in (group or "fragment_length", *NO_GROUPS)}
        best = [
            max(
                value
                for name, value in scores.items()
                if name.startswith("baseline_") and name not in left_out
            )
            for scores in aurocs
        ]
        cells = [
            _spread([scores["model"] for scores in aurocs]),
            _spread([scores["proxy"] for scores in aurocs if "proxy" in scores]),
            _spread([scores["baseline_covariates"] for scores in aurocs if "baseline_covariates" in scores]),
            _spread(best),
            _spread([scores[f"model_without_{group}"] for scores in aurocs]) if group else "none planted",
            _spread([float(str(row["within"])) for row in mine]),
            *(_spread(held_aurocs(mine, rung)) for rung in ("L4", "L5")),
        ]
        lines.append(f"| {world} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def held_aurocs(rows: list[dict[str, object]], rung: str) -> list[float]:
    """Return the AUROCs that a rung was judged on, of the runs that have one."""
    figures: list[dict[str, float] | None] = [row["held"][rung]["auroc"] for row in rows]  # type: ignore[index]
    return [auroc["value"] for auroc in figures if auroc is not None]


def held_table(rows: list[dict[str, object]]) -> str:
    """Return in how many runs each column was held, or why it wasn't, and the obstacles, as Markdown."""
    lines = ["| world | rung | columns: runs | obstacles: runs |", "|---|---|---|---|"]
    for world in dict.fromkeys(str(row["world"]) for row in rows):
        for rung in ("L4", "L5"):
            held: list[dict[str, Any]] = [row["held"][rung] for row in rows if row["world"] == world]  # type: ignore[index]
            columns = Counter(f"{name} {what}" for each in held for name, what in each["columns"].items())
            obstacles = Counter(obstacle for each in held for obstacle in each["obstacles"])
            lines.append(f"| {world} | {rung} | {_counted(columns)} | {_counted(obstacles)} |")
    return "\n".join(lines)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {n}" for what, n in sorted(counts.items())) or "none"


def _spread(values: list[float]) -> str:
    if not values:
        return "none"
    return f"{sum(values) / len(values):.3f} ({min(values):.2f}-{max(values):.2f})"


def main() -> None:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--fragments", type=int, default=6_000)
    parser.add_argument(
        "--quick", action="store_true", help="few refits, one intervention: to judge L4 and L5 alone"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    store = arguments.out / f"outcomes-{arguments.fragments}{'-quick' if arguments.quick else ''}.jsonl"
    rows = [json.loads(line) for line in store.read_text().splitlines()] if store.exists() else []
    done = {(row["world"], row["seed"]) for row in rows}
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    wanted = [(world, seed) for seed in seeds for world in arguments.worlds]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        futures = [
            pool.submit(one_run, world, seed, arguments.fragments, arguments.out, quick=arguments.quick)
            for world, seed in wanted
            if (world, seed) not in done
        ]
        for future in as_completed(futures):
            row = future.result()
            rows.append(row)
            with open(store, "a") as handle:
                handle.write(json.dumps(row) + "\n")
            print(
                f"{row['world']} {row['seed']}: {row['dominant']}, {row['headline']} ({row['seconds']:.0f} s)"
            )
    chosen = [row for row in rows if (row["world"], row["seed"]) in set(wanted)]
    chosen.sort(key=lambda row: (arguments.worlds.index(row["world"]), row["seed"]))
    print(table(chosen), auroc_table(chosen), held_table(chosen), sep="\n\n")


if __name__ == "__main__":
    main()
