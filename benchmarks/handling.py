"""Verdicts on handling in simulated tables of 200 subjects a role and two sites, against their truth.

    python benchmarks/handling.py --draws 1000

In each draw a ridge logistic proxy is fitted on a discovery cohort and judged on a held-out one that shares
the confounder. ``overlap`` is Σ_site min(P(site | case), P(site | control)): 0 is a label nested in site, 1 a
balanced cohort; half of it is the share of subjects at the "wrong" site.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "audit"))

import numpy as np  # noqa: E402
from handling_worlds import World, simulate, verdict  # noqa: E402

from cfdna_interp.records.held import ClaimStatus  # noqa: E402
from cfdna_interp.stats.calibration import wilson  # noqa: E402
from cfdna_interp.stats.resampling import stream  # noqa: E402
from cfdna_interp.stats.roc import auroc  # noqa: E402

MAIN = {
    "handling": (World(site=2.0, label=0.0), (ClaimStatus.HANDLING, ClaimStatus.ATTENUATED), 0.95),
    "biology": (World(site=0.0, label=1.2), (ClaimStatus.HANDLING,), 0.05),
    "biology, and a shift between sites": (World(site=1.0, label=1.2), (ClaimStatus.HANDLING,), 0.05),
    "biology, weaker, and a shift between sites": (World(site=1.0, label=0.8), (ClaimStatus.HANDLING,), 0.05),
    "label nested in site": (World(site=2.0, label=0.0, overlap=(0.0, 0.0)), (ClaimStatus.CANT_TELL,), 1.0),
    "biology, label nested in site": (
        World(site=0.0, label=1.2, overlap=(0.0, 0.0)),
        (ClaimStatus.CANT_TELL,),
        1.0,
    ),
}
# Where the rule loses power, and what it then says.
EDGES = {
    "handling, weaker": World(site=1.0, label=0.0),
    "handling, more overlap": World(site=2.0, label=0.0, overlap=(0.5, 0.8)),
    "handling, nearly balanced": World(site=2.0, label=0.0, overlap=(0.8, 1.0)),
    "biology, weaker": World(site=0.0, label=0.8),
    "biology, and a shift as large": World(site=1.2, label=1.2),
    "handling, 100 subjects": World(site=2.0, label=0.0, subjects=100),
    "neither": World(site=0.0, label=0.0),
}
WORDS = (ClaimStatus.NOT_HANDLING, ClaimStatus.ATTENUATED, ClaimStatus.HANDLING, ClaimStatus.CANT_TELL)


def study(name: str, world: World, draws: int, seed: int) -> tuple[Counter[str], float]:
    """Return how often each word was said, and the mean crude AUROC."""
    rng = stream(seed, "benchmark", "handling", name)
    made = simulate(world, draws, rng)
    words: Counter[str] = Counter()
    for i in range(draws):
        words[verdict(made, i, rng).status] += 1
    crude = float(np.mean([auroc(made.labels[i], made.scores[i]) for i in range(draws)]))
    return words, crude


def main() -> None:
    """Print both tables; exit with 1 where a figure that must hold doesn't."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--edge-draws", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    started = time.monotonic()
    missed = []
    heads = ("world", "overlap", "crude", *WORDS, "must show")
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    worlds = [(name, *entry, arguments.draws) for name, entry in MAIN.items()]
    worlds += [(name, world, (), 0.0, arguments.edge_draws) for name, world in EDGES.items()]
    for name, world, counted, bound, draws in worlds:
        words, crude = study(name, world, draws, arguments.seed)
        claim = "-"
        if counted:
            share = wilson(sum(words[word] for word in counted), draws)
            at_least = bound > 0.5
            holds = share.value >= bound if at_least else share.value <= bound
            sign = "≥" if at_least else "≤"
            claim = (
                f"{' or '.join(counted)} {sign} {bound:g}: {share.value:.4f} "
                f"[{share.low:.4f} to {share.high:.4f}]{'' if holds else ' MISSED'}"
            )
            if not holds:
                missed.append(name)
        low, high = world.overlap
        cells = [name, f"{low:g}-{high:g}", f"{crude:.2f}", *(f"{words[word] / draws:.3f}" for word in WORDS)]
        print("| " + " | ".join([*cells, claim]) + " |", flush=True)
    print(f"\n{time.monotonic() - started:.0f} s")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
