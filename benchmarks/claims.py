"""How often rungs L4 and L5 are earned, refused and left open in cohorts whose truth is known.

    python benchmarks/claims.py --cohorts 200 --first 50000 --jobs 2

A ridge logistic regression on lengths is fitted on a discovery cohort and frozen; its scores of a held-out
cohort of the same world, as large, are put to both rungs as the audit does. ``n`` is the number of cases, and
of controls, of a role. Beside the rule stands another way of holding columns: overlap weights within strata,
with the same bounds asked of them. Finished cohorts in the output are not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from claim_worlds import WORLDS, World, draw_role, features_of  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from cfdna_interp.audit.claims import judge_handling, judge_person  # noqa: E402
from cfdna_interp.audit.comparison_strata import comparison_strata  # noqa: E402
from cfdna_interp.audit.held_columns import held_columns  # noqa: E402
from cfdna_interp.audit.overlap import propensities  # noqa: E402
from cfdna_interp.config.settings import Validation  # noqa: E402
from cfdna_interp.records.held import ClaimStatus  # noqa: E402
from cfdna_interp.stats.calibration import wilson  # noqa: E402
from cfdna_interp.stats.heterogeneity import heterogeneity  # noqa: E402
from cfdna_interp.stats.resampling import stream  # noqa: E402
from cfdna_interp.stats.roc import auroc, concordance  # noqa: E402

OUT = Path(__file__).parent / "out" / "claims"
SIZES = (40, 100, 300)
MARGIN = Validation().fall_margin
DRAWS = 400
# Of false claims, and of clean biology at the largest size.
ALLOWED, POWER = 0.05, 0.80
# The columns of the printed table.
HANDLING = (ClaimStatus.NOT_HANDLING, ClaimStatus.ATTENUATED, ClaimStatus.HANDLING)
PERSON = (ClaimStatus.NOT_PERSON, ClaimStatus.ATTENUATED, ClaimStatus.CONFOUNDED)


@dataclass(frozen=True)
class Outcome:
    """The words of one cohort."""

    world: str
    n: int
    cohort: int
    crude: float
    handling: str
    person: str
    weighted: bool


def judged(world: World, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Return labels, frozen scores and recorded columns of the held-out subjects of a fresh cohort."""
    discovery = draw_role(world, n, rng, heldout=False)
    heldout = draw_role(world, n, rng, heldout=True)
    X, tested = (features_of(world, role, rng)["fragment_length"] for role in (discovery, heldout))
    proxy = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(X, discovery.label)
    return heldout.label, proxy.decision_function(tested), subjects_of(world, heldout.recorded)


def subjects_of(world: World, recorded: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return recorded columns under the names that the audit knows."""
    names = {name: f"technical_{name}" for name in world.technical}
    names |= {name: f"covariate_{name}" for name in world.covariates}
    return pd.DataFrame(recorded).rename(columns=names)


def one_cohort(name: str, n: int, cohort: int) -> Outcome:
    """Draw and judge one cohort."""
    world, rng = WORLDS[name], stream(cohort, "benchmark", "claims", name, n)
    labels, scores, subjects = judged(world, n, rng)
    site = subjects["site"].to_numpy()
    parts = [np.flatnonzero(site == place) for place in np.unique(site)]
    usable = [rows for rows in parts if min(labels[rows].sum(), (1 - labels[rows]).sum()) >= 5]
    test = heterogeneity(labels, scores, usable) if len(usable) > 1 else None
    handling = judge_handling(
        labels,
        scores,
        subjects,
        margin=MARGIN,
        rng=rng,
        mediators=world.mediators,
        sites_differ=None if test is None else test.p,
    )
    person = judge_person(labels, scores, subjects, margin=MARGIN, rng=rng, mediators=world.mediators)
    return Outcome(
        world=name,
        n=n,
        cohort=cohort,
        crude=auroc(labels, scores),
        handling=handling.status,
        person=person.status,
        weighted=earned_by_weights(world, labels, scores, subjects, rng),
    )


def earned_by_weights(
    world: World, labels: np.ndarray, scores: np.ndarray, subjects: pd.DataFrame, rng: np.random.Generator
) -> bool:
    """Return whether overlap weights within strata would earn L4 by the same two bounds.

    Weights hold the strata too: propensities see them as indicators. The bootstrap redraws subjects within
    class and holds the propensities.
    """
    strata = comparison_strata(labels, subjects)
    names = [f"technical_{name}" for name in world.technical if name not in world.mediators]
    X = held_columns(labels, subjects, names, strata.codes).X
    if X.shape[1] == 0 or not strata.several:
        return False
    places = pd.get_dummies(pd.Series(strata.codes)).to_numpy(dtype=np.float64)[:, 1:]
    e = propensities(np.column_stack([X, places]), labels, rng)
    weights = np.where(labels == 1, 1 - e, e)
    table = concordance(labels, scores)
    case, control = labels == 1, labels == 0
    same = strata.codes[case][:, None] == strata.codes[control][None]
    drawn = [rng.multinomial(n, np.full(n, 1 / n), size=DRAWS) for n in (case.sum(), control.sum())]
    crude = ((drawn[0] @ table) * drawn[1]).sum(axis=1) / (drawn[0].sum(axis=1) * drawn[1].sum(axis=1))
    left, right = drawn[0] * weights[case], drawn[1] * weights[control]
    held = ((left @ (same * table)) * right).sum(axis=1) / ((left @ same) * right).sum(axis=1)
    low, upper = np.quantile(held, 0.025), np.quantile(crude - held, 0.95)
    return bool(low > 0.5 and upper < MARGIN)


def table(rows: list[Outcome]) -> str:
    """Return the words by world and size as Markdown, and whether what must hold does."""
    lines = [
        "| world | n | crude | L4: not handling | attenuated | handling | open | by weights "
        "| L5: not the person | attenuated | confounded | open | must show |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, world in WORLDS.items():
        for n in sorted({row.n for row in rows}):
            mine = [row for row in rows if row.world == name and row.n == n]
            if not mine:
                continue
            total = len(mine)
            handling, person = Counter(row.handling for row in mine), Counter(row.person for row in mine)
            cells = [f"{np.mean([row.crude for row in mine]):.2f}"]
            cells += _shares(handling, HANDLING, total)
            cells += [f"{np.mean([row.weighted for row in mine]):.3f}" if world.technical else "–"]
            cells += _shares(person, PERSON, total)
            claims = [
                said
                for rung, hits, allowed in (
                    ("L4", handling[ClaimStatus.NOT_HANDLING], world.handling),
                    ("L5", person[ClaimStatus.NOT_PERSON], world.person),
                )
                if (said := claim(rung, hits, total, allowed, n))
            ]
            lines.append(f"| {name} | {n} | " + " | ".join([*cells, "; ".join(claims) or "–"]) + " |")
    return "\n".join(lines)


def _shares(counts: Counter[str], statuses: Sequence[ClaimStatus], total: int) -> list[str]:
    """Return the share of each status, and that of all others."""
    hits = [counts[status] for status in statuses]
    return [f"{count / total:.3f}" for count in (*hits, total - sum(hits))]


def claim(rung: str, hits: int, total: int, allowed: bool | None, n: int) -> str:
    """Return what a share must be, its interval, and whether it is."""
    share = wilson(hits, total)
    shown = f"{share.value:.3f} [{share.low:.3f} to {share.high:.3f}]"
    if allowed is False:
        return f"{rung} ≤ {ALLOWED:g}: {shown}{'' if share.value <= ALLOWED else ' MISSED'}"
    if allowed and n == SIZES[-1]:
        return f"{rung} ≥ {POWER:g}: {shown}{'' if share.value >= POWER else ' MISSED'}"
    return ""


def main() -> None:
    """Judge what is missing, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--first", type=int, default=50_000)
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    store = arguments.out / "cohorts.jsonl"
    rows = [Outcome(**json.loads(line)) for line in store.read_text().splitlines()] if store.exists() else []
    numbers = range(arguments.first, arguments.first + arguments.cohorts)
    done = {(row.world, row.n, row.cohort) for row in rows}
    wanted = [
        (name, n, number)
        for name in arguments.worlds
        for n in arguments.sizes
        for number in numbers
        if (name, n, number) not in done
    ]
    with ProcessPoolExecutor(arguments.jobs) as pool, open(store, "a") as handle:
        for row in pool.map(one_cohort, *zip(*wanted, strict=True), chunksize=20) if wanted else ():
            rows.append(row)
            handle.write(json.dumps(asdict(row)) + "\n")
    print(table([row for row in rows if row.cohort in numbers and row.world in arguments.worlds]))


if __name__ == "__main__":
    main()
