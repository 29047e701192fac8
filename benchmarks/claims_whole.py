"""The whole ladder in cohorts whose truth is known: every stage, from the table to the verdict.

    python benchmarks/claims_whole.py --cohorts 60 --first 70000 --size 100 --jobs 2

Each cohort is written as a table and taken through the stages of `cfdna-interp run` in one process, with 100
bootstrap and 39 permuted refits. Printed are, for each rung, the shares of cohorts in which it is earned,
refused and open, what must not be earned, and what else a world is about. Finished cohorts in the output are
not repeated.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import yaml  # noqa: E402
from claim_worlds import GROUPS, WHOLE, WORLDS, World, frame_of  # noqa: E402

from cfdna_interp.artifacts.layout import Layout  # noqa: E402
from cfdna_interp.records.base import load_record  # noqa: E402
from cfdna_interp.records.dominance import Dominance  # noqa: E402
from cfdna_interp.records.validation import ValidationResult  # noqa: E402
from cfdna_interp.records.verdict import Verdict  # noqa: E402
from cfdna_interp.stats.calibration import wilson  # noqa: E402
from cfdna_interp.stats.resampling import stream  # noqa: E402

OUT = Path(__file__).parent / "out" / "claims_whole"
RUNGS = ("L0", "L1", "L2", "L3", "L4", "L5")
ALL = WORLDS | WHOLE
ALLOWED = 0.05


@dataclass(frozen=True)
class Outcome:
    """What a run says of one cohort.

    ``statuses`` and ``words`` are by rung, ``cautions`` the kinds of what stands against the verdict;
    ``roles`` are of discovery, ``held`` is what held-out subjects say of them, ``model`` the held-out AUROC.
    """

    world: str
    n: int
    cohort: int
    outcome: str
    group: str | None
    statuses: dict[str, str]
    words: dict[str, str]
    headline: str | None
    cautions: list[str]
    roles: dict[str, str]
    held: dict[str, str]
    model: float


def one_cohort(name: str, n: int, cohort: int, out: Path) -> Outcome:
    """Write, run and read one cohort."""
    from cfdna_interp.config import load_config

    world, folder = ALL[name], out / f"{cohort}-{n}-{list(ALL).index(name)}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    frame = frame_of(world, n, stream(cohort, "benchmark", "whole", name, n))
    frame.to_csv(folder / "t.csv", index=False)
    (folder / "c.yaml").write_text(yaml.safe_dump(settings(world, list(frame.columns), cohort)))
    config = load_config(folder / "c.yaml")
    run_stages(config)
    layout = Layout.of(config.outdir)
    verdict = load_record(Verdict, layout.file(Verdict.FILE))
    dominance = load_record(Dominance, layout.file(Dominance.FILE))
    validation = load_record(ValidationResult, layout.file(ValidationResult.FILE))
    shutil.rmtree(folder)
    return Outcome(
        world=name,
        n=n,
        cohort=cohort,
        outcome=dominance.outcome,
        group=dominance.group,
        statuses={rung.rung: rung.status for rung in verdict.rungs},
        words={rung.rung: rung.word for rung in verdict.rungs},
        headline=verdict.headline,
        cautions=[caution.kind for caution in verdict.cautions],
        roles={group: record.role for group, record in dominance.groups.items()},
        held={group: str(record.word) for group, record in validation.groups.items()},
        model=validation.scores["model"].auroc.value,
    )


def settings(world: World, columns: list[str], seed: int) -> dict[str, object]:
    """Return the config of a cohort's table."""
    places: dict[str, str] = {
        name: name for name in ("site", "batch", "age", "sex", "score") if name in columns
    }
    return {
        "outdir": "results",
        "seed": seed,
        "corrected": "none",
        "mediators": list(world.mediators),
        "features": {
            "table": {
                "path": "t.csv",
                "simulated": True,
                "columns": places,
                "score_is": "logit",
                "groups": {group: {"prefix": f"{group}__"} for group in GROUPS},
                "technical": list(world.technical),
                "covariates": list(world.covariates),
            }
        },
        "attribution": {"bootstrap": 100, "permutations": 39, "chunks": 1},
        "validation": {"permutations": 999, "bootstrap": 200},
    }


def run_stages(config: object) -> None:
    """Run what `cfdna-interp run` runs for a table, up to the verdict.

    The proxy is cross-validated once, and no size is planned for L1: both are words on the page, and nothing
    is decided by them.
    """
    from cfdna_interp.proxy import worth
    from cfdna_interp.verdict import ladder

    worth.REPEATS = 1
    ladder.size_to_decide = lambda *_, **__: None  # type: ignore[assignment]
    from cfdna_interp.attribution.dominance import run_dominance
    from cfdna_interp.attribution.refit import run_refit
    from cfdna_interp.attribution.train import run_train
    from cfdna_interp.audit.audit import run_audit
    from cfdna_interp.cohort.split import split
    from cfdna_interp.features.matrix import write_matrices
    from cfdna_interp.proxy.proxy import run_proxy
    from cfdna_interp.proxy.validate import run_validate
    from cfdna_interp.verdict.verdict import run_verdict

    split(config)
    write_matrices(config)
    run_train(config)
    run_refit(config, 0)
    for stage in (run_dominance, run_proxy, run_validate, run_audit, run_verdict):
        stage(config)


def table(rows: list[Outcome]) -> str:
    """Return shares of cohorts by world as Markdown."""
    lines = [
        "| world | n | cohorts | " + " | ".join(RUNGS) + " | headline L5 | outcome, group "
        "| what must not be | what the world is about |",
        "|" + "---|" * (len(RUNGS) + 7),
    ]
    for name, world in ALL.items():
        for n in sorted({row.n for row in rows}):
            mine = [row for row in rows if row.world == name and row.n == n]
            if not mine:
                continue
            total = len(mine)
            named = Counter(f"{row.outcome} {row.group or ''}".strip() for row in mine)
            cells = [_three([row.statuses[rung] for row in mine]) for rung in RUNGS]
            cells.append(f"{sum(row.headline == 'L5' for row in mine) / total:.2f}")
            cells.append(", ".join(f"{what} {count}" for what, count in named.most_common(3)))
            cells.append(forbidden(world, mine) or "–")
            cells.append(about(name, mine) or "–")
            lines.append(f"| {name} | {n} | {total} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _three(statuses: list[str]) -> str:
    """Return shares that are earned, refused, and open."""
    counts = Counter(statuses)
    return " / ".join(
        f"{counts[status] / len(statuses):.2f}" for status in ("earned", "refused", "can't tell")
    )


def forbidden(world: World, rows: list[Outcome]) -> str:
    """Return how often a rung is earned that the truth forbids."""
    said = []
    for rung, allowed in (("L4", world.handling), ("L5", world.person)):
        if allowed is False:
            hits = sum(row.statuses[rung] == "earned" for row in rows)
            share = wilson(hits, len(rows))
            miss = "" if share.value <= ALLOWED else " MISSED"
            said.append(f"{rung} {share.value:.3f} [{share.low:.3f} to {share.high:.3f}]{miss}")
    return "; ".join(said)


def about(name: str, rows: list[Outcome]) -> str:
    """Return what a world of the second kind is there to show."""
    total = len(rows)

    def share(what: str, hits: int) -> str:
        found = wilson(hits, total)
        return f"{what} {found.value:.2f} [{found.low:.2f} to {found.high:.2f}]"

    if name == "a group reverses":
        return share(
            "methylation told as reversed", sum(row.held.get("methylation") == "reversed" for row in rows)
        )
    if name == "leaked subjects":
        return share("L0 can't tell: leak", sum(row.words["L0"] == "can't tell: leak" for row in rows))
    if name == "U-shape":
        return f"model's AUROC {sum(row.model for row in rows) / total:.2f}; " + share(
            "length named", sum(row.group == "fragment_length" for row in rows)
        )
    if name == "unequal widths":
        return f"model's AUROC {sum(row.model for row in rows) / total:.3f}; " + share(
            "redundant", sum(row.outcome == "redundant" for row in rows)
        )
    if name == "the score reads A, B tells the label":
        return "; ".join(
            (
                share("length named", sum(row.group == "fragment_length" for row in rows)),
                share("methylation unused", sum(row.roles["methylation"] == "unused" for row in rows)),
                share("redundant", sum(row.outcome == "redundant" for row in rows)),
            )
        )
    return ""


def main() -> None:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cohorts", type=int, default=60)
    parser.add_argument("--first", type=int, default=70_000)
    parser.add_argument("--size", nargs="+", type=int, default=[100])
    parser.add_argument("--worlds", nargs="+", default=list(ALL), choices=list(ALL))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    store = arguments.out / "cohorts.jsonl"
    rows = [Outcome(**json.loads(line)) for line in store.read_text().splitlines()] if store.exists() else []
    numbers = range(arguments.first, arguments.first + arguments.cohorts)
    done = {(row.world, row.n, row.cohort) for row in rows}
    wanted = [
        (name, n, number, arguments.out)
        for number in numbers
        for n in arguments.size
        for name in arguments.worlds
        if (name, n, number) not in done
    ]
    with ProcessPoolExecutor(arguments.jobs) as pool, open(store, "a") as handle:
        for row in pool.map(one_cohort, *zip(*wanted, strict=True)) if wanted else ():
            rows.append(row)
            handle.write(json.dumps(asdict(row)) + "\n")
            handle.flush()
    chosen = [row for row in rows if row.cohort in numbers and row.n in arguments.size]
    print(table([row for row in chosen if row.world in arguments.worlds]))


if __name__ == "__main__":
    main()
