"""Rungs L4 and L5 on cohorts of fragment tables whose truth is known, without the model's refits.

    python benchmarks/bag_claims.py --cohorts 20 --heldout 80 200 --first 7201

The proxy on the fragment-length group is fitted on the discovery cohort and frozen, as where that group is
dominant; its scores of the held-out cohort are put to both rungs as the audit does, with what fragment tables
say of the handling. In `length` the rungs are to be earned, age is recorded and tells nothing; in `age` L5 is
never to be earned. Finished cohorts in the output are not repeated. `worlds_tables.py` runs everything.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np  # noqa: E402
from table_run import held_figures, settings, write_extracted  # noqa: E402

from cfdna_interp.artifacts.layout import Layout  # noqa: E402
from cfdna_interp.artifacts.matrix import group_inputs, load_table  # noqa: E402
from cfdna_interp.audit.claims import judge_handling, judge_person  # noqa: E402
from cfdna_interp.features.matrix import write_matrices  # noqa: E402
from cfdna_interp.proxy.fit import fit  # noqa: E402
from cfdna_interp.records.held import ClaimStatus  # noqa: E402
from cfdna_interp.simulation.fragment_tables import simulate_tables  # noqa: E402
from cfdna_interp.simulation.noise import build_summaries  # noqa: E402
from cfdna_interp.simulation.papers import atlas_text  # noqa: E402
from cfdna_interp.simulation.worlds import load_world  # noqa: E402
from cfdna_interp.stats.calibration import wilson  # noqa: E402
from cfdna_interp.stats.heterogeneity import heterogeneity  # noqa: E402
from cfdna_interp.stats.resampling import stream  # noqa: E402
from cfdna_interp.stats.roc import auroc  # noqa: E402

OUT = Path(__file__).parent / "out" / "bag_claims.jsonl"
WORLDS = ("age", "length")
GROUP = "fragment_length"
# Sites with fewer of a class have no AUROC to compare, as in validation.
PER_CLASS = 5


def one_cohort(name: str, heldout: int, seed: int, fragments: int) -> dict[str, Any]:
    """Simulate, extract, fit on discovery, score and judge the held-out subjects."""
    world = replace(load_world(name), fragments=fragments, heldout=heldout)
    cohort = simulate_tables(world, seed=seed)
    biology = build_summaries(world.genome).biology
    label_of = {subject.row.subject: int(subject.row.label) for subject in cohort.subjects}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "atlas.tsv").write_text(atlas_text(biology))
        config = settings(folder, folder / "atlas.tsv", seed, fragments)
        write_extracted(cohort, config, biology.genome.lengths)
        write_matrices(config)
        layout = Layout.of(config.outdir)
        discovery, tested = (load_table(layout.matrix(role)) for role in ("discovery", "heldout"))
    inputs, told = (group_inputs(table, (GROUP,)) for table in (discovery, tested))
    y = np.array([label_of[subject] for subject in discovery.subjects])
    linear = fit(inputs, y, np.array(discovery.subjects), stream(seed, "proxy", f"baseline_{GROUP}"))
    assert linear is not None  # lengths vary
    scores = linear.logits(told.X[:, [told.names.index(name) for name in linear.names]])
    labels = np.array([label_of[subject] for subject in tested.subjects])
    subjects = tested.obs.reset_index(drop=True)
    margin = config.validation.fall_margin
    handling = judge_handling(
        labels,
        scores,
        subjects,
        margin=margin,
        rng=stream(seed, "audit", "handling"),
        sites_differ=_sites_differ(labels, scores, subjects["site"].to_numpy()),
    )
    person = judge_person(labels, scores, subjects, margin=margin, rng=stream(seed, "audit", "person"))
    return {
        "world": name,
        "heldout": heldout,
        "seed": seed,
        "fragments": fragments,
        "crude": auroc(labels, scores),
        "age": auroc(labels, subjects["age"].to_numpy(dtype=np.float64)),
        "L4": handling.status,
        "L5": person.status,
        "held": {"L4": held_figures(handling.record("proxy")), "L5": held_figures(person.record("proxy"))},
    }


def _sites_differ(labels: np.ndarray, scores: np.ndarray, sites: np.ndarray) -> float | None:
    parts = [np.flatnonzero(sites == site) for site in np.unique(sites)]
    usable = [rows for rows in parts if min(labels[rows].sum(), (1 - labels[rows]).sum()) >= PER_CLASS]
    test = heterogeneity(labels, scores, usable) if len(usable) > 1 else None
    return None if test is None else test.p


def table(rows: list[dict[str, Any]]) -> str:
    """Return words, AUROCs and what was held, by world and size, as Markdown."""
    lines = [
        "| world | held out | cohorts | L4 earned | L4 otherwise | L5 earned | L5 otherwise | crude AUROC | "
        "age alone | technical columns held | covariates held |",
        "|---" * 11 + "|",
    ]
    for world, heldout in dict.fromkeys((row["world"], row["heldout"]) for row in rows):
        mine = [row for row in rows if (row["world"], row["heldout"]) == (world, heldout)]
        cells = [world, str(heldout), str(len(mine))]
        for rung, earned in (("L4", ClaimStatus.NOT_HANDLING), ("L5", ClaimStatus.NOT_PERSON)):
            words = Counter(row[rung] for row in mine)
            share = wilson(words[earned], len(mine))
            cells.append(f"{words[earned]}/{len(mine)} ({share.low:.2f}-{share.high:.2f})")
            cells.append(_counted(words - Counter({earned: len(mine)})))
        cells += [_spread([row[name] for row in mine]) for name in ("crude", "age")]
        cells += [_spread([_value(row["held"][rung]) for row in mine]) for rung in ("L4", "L5")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def columns_table(rows: list[dict[str, Any]]) -> str:
    """Return in how many cohorts each column was held, or why it wasn't, and the obstacles, as Markdown."""
    lines = ["| world | held out | rung | columns: cohorts | obstacles: cohorts |", "|---" * 5 + "|"]
    for world, heldout in dict.fromkeys((row["world"], row["heldout"]) for row in rows):
        for rung in ("L4", "L5"):
            mine = [row["held"][rung] for row in rows if (row["world"], row["heldout"]) == (world, heldout)]
            columns = Counter(f"{name} {what}" for each in mine for name, what in each["columns"].items())
            obstacles = Counter(obstacle for each in mine for obstacle in each["obstacles"])
            lines.append(f"| {world} | {heldout} | {rung} | {_counted(columns)} | {_counted(obstacles)} |")
    return "\n".join(lines)


def _value(figures: dict[str, Any]) -> float:
    return float("nan") if figures["auroc"] is None else float(figures["auroc"]["value"])


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {n}" for what, n in sorted(counts.items())) or "none"


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.2f}-{max(values):.2f})"


def main() -> None:
    """Run what is missing, print the tables; exit 1 where L5 is earned in `age`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=WORLDS)
    parser.add_argument("--cohorts", type=int, default=20)
    parser.add_argument("--first", type=int, default=7201, help="the first seed")
    parser.add_argument("--heldout", type=int, nargs="+", default=[80, 200])
    parser.add_argument("--fragments", type=int, default=4_000)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    rows = (
        [json.loads(line) for line in arguments.out.read_text().splitlines()]
        if arguments.out.exists()
        else []
    )
    done = {(row["world"], row["heldout"], row["seed"], row["fragments"]) for row in rows}
    seeds = range(arguments.first, arguments.first + arguments.cohorts)
    wanted = [
        (world, heldout, seed, arguments.fragments)
        for heldout in arguments.heldout
        for seed in seeds
        for world in arguments.worlds
    ]
    with open(arguments.out, "a") as handle:
        for key in wanted:
            if key not in done:
                rows.append(one_cohort(*key))
                handle.write(json.dumps(rows[-1]) + "\n")
                handle.flush()
    by_key = {(row["world"], row["heldout"], row["seed"], row["fragments"]): row for row in rows}
    chosen = sorted((by_key[key] for key in wanted), key=lambda row: (row["world"], row["heldout"]))
    print(table(chosen), columns_table(chosen), sep="\n\n")
    sys.exit(any(row["world"] == "age" and row["L5"] == ClaimStatus.NOT_PERSON for row in chosen))


if __name__ == "__main__":
    main()
