"""The table route's own model on planted worlds: beside plainer models, and where features bend.

    python benchmarks/table_models.py --cohorts 200 --first 1000

Prints a row for each world and size: cross-fitted AUROC of the model, of its best rival (a group alone, or a
plain ridge regression on all features), shares of cohorts with Wilson intervals in which the model is within
.02 of its best rival, a group is named, the outcome is ``redundant``, the model is beaten (and nothing said),
and shares of folds that weigh groups otherwise than equally and that let features bend. The whole decision
runs in every cohort. Seeds of tests and of the choice of the rules are below 1,000.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "attribution")]

import numpy as np  # noqa: E402
from table_worlds import Decision, decide, planted  # noqa: E402

from cfdna_interp.attribution.tabular.model import contributions_of  # noqa: E402
from cfdna_interp.attribution.tabular.refits import fit_model  # noqa: E402
from cfdna_interp.attribution.tabular.rivals import beaten_by, rivals_of  # noqa: E402
from cfdna_interp.records.retraining import Rival  # noqa: E402
from cfdna_interp.stats.calibration import wilson  # noqa: E402
from cfdna_interp.stats.resampling import stream  # noqa: E402

WORLDS = ("unequal", "one and many", "one and spread", "pair", "beside noise", "bent", "length", "null")
SIZES = (40, 100, 300)  # subjects a class
WITHIN = 0.02


def one_cohort(world: str, per_class: int, seed: int, bootstrap: int, permutations: int) -> dict[str, float]:
    """Simulate a cohort, decide on it, and return what the table counts."""
    table = planted(world, 2 * per_class, stream(seed, "table models", world, per_class))
    decision = decide(table, seed, bootstrap=bootstrap, permutations=permutations)
    rivals = _rivals(decision, seed)
    best = max(rival.auroc for rival in rivals)
    chosen = [decision.fits.weighting(number) for number in range(len(decision.fits.offered))]
    # A model that a rival surely beats is none to explain: nothing is said of it.
    beaten = beaten_by(rivals) is not None
    return {
        "model": decision.retraining.cross_fitted_auroc["model"],
        "best": best,
        "near": decision.retraining.cross_fitted_auroc["model"] > best - WITHIN,
        "named": decision.outcome.group is not None and not beaten,
        "redundant": decision.outcome.outcome == "redundant" and not beaten,
        "beaten": beaten,
        "weighed": float(np.mean([one.name != "equal" for one in chosen])),
        "bent": float(np.mean([one.bent for one in chosen])),
    }


def _rivals(decision: Decision, seed: int) -> tuple[Rival, ...]:
    names = decision.folded.cohort.names
    alone = {f"model_only_{group}": fit_model(decision.folded, (group,)) for group in names}
    logits = {
        name: contributions_of(decision.folded, fits).logit[0]
        for name, fits in ({"model": decision.fits} | alone).items()
    }
    return rivals_of(decision.folded, logits, seed=seed)


def _share(values: list[float]) -> str:
    """Return a share of cohorts with its Wilson interval."""
    found = wilson(int(sum(values)), len(values))
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--first", type=int, default=1_000)
    parser.add_argument("--bootstrap", type=int, default=100)
    parser.add_argument("--permutations", type=int, default=39)
    arguments = parser.parse_args()
    print(
        "| world | subjects | cohorts | model | best rival | within .02 | named | redundant | beaten | "
        "folds weighed | folds bent |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for world in arguments.worlds:
        for size in arguments.sizes:
            seeds = range(arguments.first, arguments.first + arguments.cohorts)
            rows = [
                one_cohort(world, size, seed, arguments.bootstrap, arguments.permutations) for seed in seeds
            ]
            columns = {key: [float(row[key]) for row in rows] for key in rows[0]}
            means = [f"{np.mean(columns[key]):.3f}" for key in ("model", "best")]
            shares = [_share(columns[key]) for key in ("near", "named", "redundant", "beaten")]
            folds = [f"{np.mean(columns[key]):.3f}" for key in ("weighed", "bent")]
            cells = [world, f"{size} + {size}", str(len(rows)), *means, *shares, *folds]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
