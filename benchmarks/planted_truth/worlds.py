"""Verdicts against planted truth, and what today's attribution routes name: worlds x seeds.

    python benchmarks/planted_truth/worlds.py --jobs 2 --seeds 200

Cohorts are discovery subjects as fragment tables; the encoder is pre-trained once, on a cohort of its own and
without labels. Every run trains the heads, retrains them without and with single groups, refits over
bootstraps and permuted labels, and applies the rule. Finished runs are kept and not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cfdna_interp.attribution.judge import Ruling

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

sys.path.insert(0, str(Path(__file__).parent))

OUT = Path(__file__).parents[1] / "out" / "planted_truth"
NOBODY = ("none", "can't tell")
# World -> right outcomes, and the group that may be named with them (None: no name).
TRUTH: dict[str, tuple[tuple[str, ...], str | None]] = {
    "length": (("dominant",), "fragment_length"),
    "methylation": (("dominant",), "methylation"),
    "site-confounded": (("dominant",), "fragment_length"),
    "redundant": (("redundant",), None),
    "suppressor": (("suppressor",), "methylation"),
    "interaction": (("interaction",), None),
    "null": (NOBODY, None),
}
SHORT = {"fragment_length": "length", "methylation": "methylation", "tissue_of_origin": "tissue"}

Row = dict[str, Any]


def one_run(world: str, seed: int, path: Path, *, compared: bool) -> Row:
    """Return the figures of one cohort and, where compared, the peer routes' shares on the same heads."""
    import torch
    from cohorts import planted_cohort
    from figures import measure
    from peers import Peers

    from cfdna_interp.models.reference_encoder import ReferenceEncoder

    torch.set_num_threads(1)
    encoder = ReferenceEncoder.load(path)
    planted = planted_cohort(world, seed, encoder)
    figures, model = measure(planted, seed)
    peers = Peers(planted, encoder, model, seed).shares() if compared else {}
    return {"world": world, "seed": seed, "encoder": encoder.digest, **figures, "peers": peers}


def table(rows: list[Row]) -> str:
    """Return how often each route names which group, and how often that is right, as Markdown."""
    from figures import verdict

    lines = [
        "| world | route | runs | right | 95 % interval | length | methylation | tissue | nobody |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for world in dict.fromkeys(str(row["world"]) for row in rows):
        mine = [row for row in rows if row["world"] == world]
        _, group = TRUTH[world]
        verdicts = [verdict(row) for row in mine]
        right = [_right(world, given) for given in verdicts]
        lines.append(_line(world, "cfdna-interp", right, [given.group for given in verdicts]))
        compared = [row["peers"] for row in mine if row["peers"]]
        for route in compared[0] if compared else ():
            names = [_largest(shares[route]) for shares in compared]
            # A route that always names a group can be right only where there is one to name.
            hits = [group is not None and name == group for name in names]
            lines.append(_line(world, route, hits, names))
    return "\n".join(lines)


def _largest(shares: dict[str, float]) -> str | None:
    """Return the group of the largest share; a route that finds nothing anywhere names nobody."""
    group = max(shares, key=shares.__getitem__)
    return group if shares[group] > 0 else None


def _right(world: str, given: Ruling) -> bool:
    outcomes, group = TRUTH[world]
    # Beside a suppressor the carrier need not be named; another group must not be.
    named = given.group == group or (given.outcome == "suppressor" and given.group is None)
    return given.outcome in outcomes and named


def outcome_table(rows: list[Row]) -> str:
    """Return how often the rule gives which outcome, as Markdown."""
    from figures import verdict

    kinds = ("dominant", "redundant", "suppressor", "interaction", "none", "can't tell")
    lines = ["| world | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for world in dict.fromkeys(str(row["world"]) for row in rows):
        given = [verdict(row).outcome for row in rows if row["world"] == world]
        lines.append(f"| {world} | " + " | ".join(str(given.count(kind)) for kind in kinds) + " |")
    return "\n".join(lines)


def _line(world: str, route: str, right: list[bool], names: list[str | None]) -> str:
    from cfdna_interp.stats.calibration import wilson

    share = wilson(sum(right), len(right))
    counts = [str(names.count(name)) for name in (*SHORT, None)]
    interval = f"{share.low:.3f}-{share.high:.3f}"
    cells = [world, route, str(len(right)), f"{share.value:.3f}", interval, *counts]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Run what is missing, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", nargs="+", default=list(TRUTH), choices=list(TRUTH))
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument(
        "--peer-seeds", type=int, default=50, help="the peer routes are run on the first so many seeds"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    store = arguments.out / "worlds.jsonl"
    encoder, digest = _encoder(arguments.out)
    # Rows of another encoder belong to another state of the software.
    rows = [json.loads(line) for line in store.read_text().splitlines()] if store.exists() else []
    rows = [row for row in rows if row["encoder"] == digest]
    done = {(row["world"], row["seed"]) for row in rows}
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    wanted = [(world, seed) for seed in seeds for world in arguments.worlds]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        futures = [
            pool.submit(one_run, world, seed, encoder, compared=seed < arguments.first + arguments.peer_seeds)
            for world, seed in wanted
            if (world, seed) not in done
        ]
        for future in as_completed(futures):
            row = future.result()
            rows.append(row)
            with open(store, "a") as handle:
                handle.write(json.dumps(row) + "\n")
    chosen = [row for row in rows if (row["world"], row["seed"]) in set(wanted)]
    chosen.sort(key=lambda row: (arguments.worlds.index(row["world"]), row["seed"]))
    print(table(chosen), outcome_table(chosen), sep="\n\n")


def _encoder(out: Path) -> tuple[Path, str]:
    """Pre-train the encoder before the jobs start, so that they all read one; return file and digest."""
    import torch
    from cohorts import label_free_encoder

    torch.set_num_threads(1)
    encoder = label_free_encoder()
    path = out / f"encoder-{encoder.digest[:12]}.safetensors"
    encoder.save(path)
    return path, encoder.digest


if __name__ == "__main__":
    main()
