"""The verdict on each planted world from BAM files to the report, as `make demo` runs it.

    python benchmarks/worlds_bam.py --jobs 2

Simulates the demo's cohort in every world, runs the whole workflow, prints one table. Worlds that are
finished already are read, not run again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "out" / "worlds_bam"
WORLDS = ("length", "methylation", "site-confounded", "null")


def run_world(world: str, out: Path, jobs: int) -> Path:
    """Simulate and run one world with the demo's settings; return the folder of its results."""
    cohort = out / world
    command = Path(sys.executable).with_name("cfdna-interp")
    subprocess.run(
        [command, "simulate", "--world", world, "--out", cohort, "--seed", "1", "--jobs", str(jobs)],
        check=True,
    )
    settings = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    settings |= {"sheet": "sheet.tsv", "atlas": "atlas.tsv", "outdir": "results", "title": f"World {world}"}
    settings["reference"] = {"build": "build.tsv"}
    config = cohort / "demo.yaml"
    config.write_text(yaml.safe_dump(settings))
    subprocess.run([command, "run", "--config", config, "--cores", str(jobs)], check=True)
    return cohort / "results"


def main() -> None:
    """Run all worlds, print the table."""
    from table_run import read_outcome

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    columns = ["world", "attribution names", "headline", "L0", "L1", "L2", "L3", "L4", "L5"]
    columns += ["model", "proxy", "best other group", "within batch"]
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for world in arguments.worlds:
        outcome = read_outcome(run_world(world, arguments.out, arguments.jobs))
        others = {
            name: value
            for name, value in outcome.auroc.items()
            if name.startswith("baseline_")
            and name.removeprefix("baseline_") not in (outcome.dominant, "all", "covariates", "technical")
        }
        best = max(others, key=lambda name: others[name])
        proxy = f"{outcome.auroc['proxy']:.3f}" if "proxy" in outcome.auroc else "none"
        cells = [
            world,
            outcome.dominant,
            outcome.headline or "none",
            *(outcome.words[rung] for rung in sorted(outcome.words)),
            f"{outcome.auroc['model']:.3f}",
            proxy,
            f"{others[best]:.3f} ({best.removeprefix('baseline_')})",
            f"{outcome.within:.3f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
