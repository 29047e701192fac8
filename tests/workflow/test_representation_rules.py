"""What is looked for in the embeddings is planned as the settings say; the verdict doesn't wait for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

COMMAND = Path(sys.executable).with_name("cfdna-interp")
RULES = ("probe", "dictionary", "funnel", "geometry")


def planned(cohort: Path, folder: Path, parts: list[str], *options: str) -> dict[str, int]:
    """Jobs of each rule, as the table of a dry run counts them."""
    settings = {
        "sheet": str(cohort / "sheet.tsv"),
        "atlas": str(cohort / "atlas.tsv"),
        "outdir": "results",
        "reference": {"build": str(cohort / "build.tsv")},
        "representation": {"parts": parts, "seeds": 6},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    done = subprocess.run(
        [COMMAND, "run", "--config", folder / "config.yaml", "--dry-run", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    words = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    return {row[0]: int(row[1]) for row in words if len(row) == 2 and row[1].isdigit()}


def test_every_part_has_its_jobs(simulated_cohort: Path, tmp_path: Path) -> None:
    jobs = planned(simulated_cohort, tmp_path, ["probes", "features", "geometry"])
    assert {rule: jobs.get(rule, 0) for rule in RULES} == {
        "probe": 1,
        "dictionary": 6,
        "funnel": 1,
        "geometry": 1,
    }


def test_parts_that_are_left_out_have_none(simulated_cohort: Path, tmp_path: Path) -> None:
    jobs = planned(simulated_cohort, tmp_path, ["geometry"])
    assert {rule: jobs.get(rule, 0) for rule in RULES} == {
        "probe": 0,
        "dictionary": 0,
        "funnel": 0,
        "geometry": 1,
    }
    assert jobs["report"] == 1


def test_the_verdict_waits_for_none_of_them(simulated_cohort: Path, tmp_path: Path) -> None:
    jobs = planned(simulated_cohort, tmp_path, ["probes", "features", "geometry"], "--until", "verdict")
    assert jobs["validate"] == jobs["verdict"] == 1
    assert not set(jobs) & set(RULES)
