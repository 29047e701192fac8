"""How often a verdict is given where there is nothing: cohorts with permuted labels, as tables.

    python benchmarks/null_cohorts.py --cohorts 2000

Each cohort has 60 cases and 60 controls in either role, three groups of ten features around one latent value
each, and labels dealt out at random. The whole decision is taken as in a run: the cross-fitted model, all
subsets, 200 bootstrap and 99 permuted refits, the rule for a dominant group, the frozen scores of the
held-out subjects, and rung L0 on their permutation test. Finished cohorts in the output are not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "attribution")]

from table_worlds import decide, planted  # noqa: E402

from cfdna_interp.attribution.tabular.model import frozen_logits  # noqa: E402
from cfdna_interp.config.settings import Validation  # noqa: E402
from cfdna_interp.stats.calibration import wilson  # noqa: E402
from cfdna_interp.stats.resampling import stream  # noqa: E402
from cfdna_interp.stats.roc import auroc_interval, permutation_p  # noqa: E402
from cfdna_interp.verdict.ladder import SIGNIFICANT  # noqa: E402

OUT = Path(__file__).parent / "out" / "null_cohorts"
SETTINGS = Validation()
SUBJECTS = 120  # a role
ALLOWED, ALLOWED_HIGH = 0.05, 0.075  # of the share, and of its upper bound


def one_cohort(number: int) -> dict[str, object]:
    """Return the outcome of one cohort."""
    started = time.monotonic()
    rng = stream(number, "benchmark", "null cohorts")
    discovery, heldout = (planted("null", SUBJECTS, rng) for _ in range(2))
    assert discovery.labels is not None and heldout.labels is not None
    discovery.labels[:] = rng.permutation(discovery.labels)
    labels = rng.permutation(heldout.labels)
    decision = decide(discovery, seed=number)
    encoded = [fold.encoder.encode(heldout.X) for fold in decision.folded.folds]
    scores = frozen_logits(decision.fits, encoded)
    p = permutation_p(labels, scores, SETTINGS.permutations, stream(number, "permutation"))
    return {
        "cohort": number,
        "outcome": decision.outcome.outcome,
        "group": decision.outcome.group,
        "p": p,
        "low": auroc_interval(labels, scores, stream(number, "interval"), SETTINGS.bootstrap).low,
        "seconds": time.monotonic() - started,
    }


def table(rows: list[dict[str, object]]) -> str:
    """Return how often each verdict was given, with 95 % Wilson intervals, as Markdown."""
    named = [row["group"] is not None for row in rows]
    signal = [float(str(row["p"])) <= SIGNIFICANT and float(str(row["low"])) > 0.5 for row in rows]
    either = [a or b for a, b in zip(named, signal, strict=True)]
    lines = [
        f"| verdict | cohorts | share | 95 % interval | <= {ALLOWED}, upper bound <= {ALLOWED_HIGH} |",
        "|---|---|---|---|---|",
    ]
    for what, hits in (("a group named", named), ("L0 earned", signal), ("either", either)):
        share = wilson(sum(hits), len(rows))
        lines.append(
            f"| {what} | {sum(hits)}/{len(rows)} | {share.value:.3f} | {share.low:.3f}-{share.high:.3f} "
            f"| {'held' if share.value <= ALLOWED and share.high <= ALLOWED_HIGH else 'missed'} |"
        )
    said = Counter(str(row["outcome"]) for row in rows)
    spoken = ", ".join(f"{outcome} {count}" for outcome, count in said.most_common())
    return "\n".join([*lines, "", f"Outcomes: {spoken}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=2000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    store = arguments.out / "cohorts.jsonl"
    rows = [json.loads(line) for line in store.read_text().splitlines()] if store.exists() else []
    done = {row["cohort"] for row in rows}
    numbers = range(arguments.first, arguments.first + arguments.cohorts)
    for number in numbers:
        if number not in done:
            rows.append(one_cohort(number))
            with open(store, "a") as handle:
                handle.write(json.dumps(rows[-1]) + "\n")
    print(table([row for row in rows if row["cohort"] in numbers]))


if __name__ == "__main__":
    main()
