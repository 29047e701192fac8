"""What runs again after which change of a cohort of 80, and which changes of inputs are noticed.

    python benchmarks/reruns.py

The first table comes from dry runs alone. The second one has two small runs from a table, one by
`cfdna-interp run` and one by `snakemake`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from tiny_runs import command, environment, write_table_run

from cfdna_interp.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from planned_jobs import PlannedJob, planned_jobs  # noqa: E402

SNAKEFILE = ROOT / "Snakefile"
SAMPLES = 80
STAGES = 11  # of the run from a table: its rules and `all`

# What changes -> the file beside the config, an old text and a new one.
EDITS: dict[str, tuple[str, str, str]] = {
    "the alignments of one sample": ("S07.bam", "alignments", "Alignments"),
    "the index of one sample": ("S07.bam.bai", "index", "Index"),
    "a row of the sheet is added": ("sheet.csv", "S07,", "S99,P99,again.bam,0,discovery,A,61,F\nS07,"),
    "a row is taken out": ("sheet.csv", "S07,P07,S07.bam,1,discovery,A,67,F\n", ""),
    "one sample has another file": ("sheet.csv", "S07.bam", "again.bam"),
    "an age": ("sheet.csv", "S07.bam,1,discovery,A,67", "S07.bam,1,discovery,A,66"),
    "a label of discovery": ("sheet.csv", "S07.bam,1", "S07.bam,0"),
    "a label of held-out": ("sheet.csv", "S47.bam,1", "S47.bam,0"),
    "the atlas": ("atlas.tsv", "an atlas", "An atlas"),
    "the genome": ("genome.fa", "a genome", "A genome"),
    "time stamps alone": ("sheet.csv", "sample", "sample"),
}
# Settings by their dotted names, and their new values.
CHANGES: dict[str, Any] = {
    "title": "Another title",
    "extract.min_mapq": 10,
    "model.folds": 4,
    "attribution.bootstrap": 100,
    "attribution.gradient_steps": 8,
    "representation.features": 256,
    "validation.permutations": 999,
}


def main() -> int:
    """Plan, print both tables."""
    with tempfile.TemporaryDirectory(prefix="reruns-") as folder:
        _reruns(_cohort(Path(folder) / "cohort", SAMPLES))
        print()
        missed = _stale(Path(folder))
    print(f"\n{missed} not noticed")
    return 1 if missed else 0


def _reruns(config: Path) -> None:
    plans = planned_jobs(config, SNAKEFILE, finished=True, edits=list(EDITS.values()))
    rows = dict(zip(EDITS, plans, strict=True))
    changes = [{name: value} for name, value in CHANGES.items()]
    settings = zip(CHANGES, planned_jobs(config, SNAKEFILE, changes), strict=True)
    rows |= {f"the setting {name}": plan for name, plan in settings}
    renamed = config.rename(config.with_name("renamed.yaml"))
    (rows["the name of the config"],) = planned_jobs(renamed, SNAKEFILE)
    print(f"| what changes ({SAMPLES} samples) | jobs | of these, extractions | other stages |")
    print("|---|---|---|---|")
    for what, plan in rows.items():
        again = [job.rule for job in plan if job.runs and job.rule != "all"]
        others = [stage for stage in COMMANDS if stage in set(again) - {"extract"}]
        spared = [stage for stage in COMMANDS if stage in {job.rule for job in plan} - {"extract", *again}]
        named = ", ".join(others) or "none"
        if len(spared) <= 2:
            named = "all but " + " and ".join(spared) if spared else "all"
        print(f"| {what} | {len(again)} | {again.count('extract')} | {named} |")


def _cohort(folder: Path, samples: int) -> Path:
    """Write a sheet of files that only a dry run takes for alignments, and the config."""
    folder.mkdir()
    rows = ["sample,subject,bam,label,role,site,age,sex"]
    for number in range(samples):
        name, role = f"S{number:02d}", ("discovery", "heldout")[number // (samples // 2)]
        (folder / f"{name}.bam").write_text(f"alignments of {name}")
        (folder / f"{name}.bam.bai").write_text(f"index of {name}")
        rows.append(f"{name},P{number:02d},{name}.bam,{number % 2},{role},A,{60 + number},F")
    (folder / "sheet.csv").write_text("\n".join(rows) + "\n")
    (folder / "again.bam").write_text("alignments, sequenced again")
    (folder / "atlas.tsv").write_text("an atlas")
    (folder / "genome.fa").write_text("a genome")
    (folder / "black.bed").write_text("chr1\t1\t9\n")
    settings: dict[str, Any] = {
        "sheet": "sheet.csv",
        "outdir": "results",
        "atlas": "atlas.tsv",
        "reference": {"fasta": "genome.fa"},
        "extract": {"blacklist": "black.bed"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def _stale(folder: Path) -> int:
    """Print what is noticed of inputs that changed behind a run's back; return how much is not."""
    seen: dict[str, bool] = {}
    config = _cohort(folder / "few", 8)
    place = config.parent
    planned_jobs(config, SNAKEFILE, finished=True)

    def runs(*rules: str) -> bool:
        (plan,) = planned_jobs(config, SNAKEFILE)
        return set(rules) <= {_name(job) for job in plan if job.runs}

    for name in ("sheet.csv", "atlas.tsv", "genome.fa", "black.bed", "S03.bam", "S03.bam.bai"):
        stage = "cohort" if name == "sheet.csv" else "extract S03"
        for what, moment in (("an older time stamp", -(10**18)), ("the same time stamp and size", 0)):
            before, state = (place / name).read_bytes(), (place / name).stat()
            (place / name).write_bytes(_other(before))
            os.utime(place / name, ns=(state.st_atime_ns, state.st_mtime_ns + moment))
            seen[f"{name}: other content, {what}"] = runs(stage)
            (place / name).write_bytes(before)
            os.utime(place / name, ns=(state.st_atime_ns, state.st_mtime_ns))
    _swap(place / "S03.bam", place / "S04.bam")
    seen["the BAM files of two samples are swapped"] = runs("extract S03", "extract S04")
    _swap(place / "S03.bam", place / "S04.bam")
    seen["(nothing changed: nothing runs)"] = not runs("all")
    _after_run(folder, seen)
    print("| what changed | noticed |\n|---|---|")
    for what, noticed in seen.items():
        print(f"| {what} | {'yes' if noticed else '**no**'} |")
    return sum(not noticed for noticed in seen.values())


def _after_run(folder: Path, seen: dict[str, bool]) -> None:
    """Make results with both commands, change inputs, and ask the other command and single stages."""

    def ours(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
        return _call(command("run", "--config", config, *options))

    def plain(config: Path, *options: str) -> subprocess.CompletedProcess[str]:
        words = ("--snakefile", str(SNAKEFILE), "--configfile", str(config), "--cores", "1", *options)
        return _call([sys.executable, "-m", "snakemake", *words])

    makers: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "`snakemake` after `run`": (ours, plain),
        "`run` after `snakemake`": (plain, ours),
    }
    for what, (first, second) in makers.items():
        config = write_table_run(folder / what[1:4])
        table = config.with_name("cohort.csv")
        if first(config).returncode:
            raise SystemExit(f"the run of {config} failed")
        seen[f"{what}, nothing changed: nothing runs"] = _planned(second(config, "--dry-run")) == 0
        settings = yaml.safe_load(config.read_text())
        config.write_text(yaml.safe_dump(settings | {"seed": 99}))
        seen[f"{what}, another seed"] = _planned(second(config, "--dry-run")) > 1
        config.write_text(yaml.safe_dump(settings))
        before, state = table.read_bytes(), table.stat()
        table.write_bytes(before.replace(b"S030,heldout,0", b"S030,heldout,1"))
        os.utime(table, ns=(state.st_atime_ns, state.st_mtime_ns - 10**18))
        seen[f"{what}, a table with an older time stamp"] = _planned(second(config, "--dry-run")) == STAGES
        refused = _call(command("validate", "--config", config))
        seen[f"{what}, `validate` alone on that table"] = refused.returncode == 2
        table.write_bytes(before)
        os.utime(table, ns=(state.st_atime_ns, state.st_mtime_ns))
        renamed = config.rename(config.with_name("renamed.yaml"))
        seen[f"{what}, the config renamed: nothing runs"] = _planned(second(renamed, "--dry-run")) == 0
    shutil.rmtree(renamed.parent / "results" / ".snakemake")
    table.write_bytes(before.replace(b"S030,heldout,0", b"S030,heldout,1"))
    os.utime(table, ns=(state.st_atime_ns, state.st_mtime_ns - 10**18))
    seen["`run` without `.snakemake`, a table with an older time stamp"] = ours(renamed).returncode == 2


def _call(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment())


def _planned(done: subprocess.CompletedProcess[str]) -> int:
    """Return how many jobs a dry run plans."""
    if done.returncode:
        raise SystemExit(done.stderr)
    rows = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    totals = [int(row[1]) for row in rows if len(row) == 2 and row[0] == "total" and row[1].isdigit()]
    return totals[0] if totals else 0


def _name(job: PlannedJob) -> str:
    return " ".join([job.rule, *([job.wildcards["sample"]] if "sample" in job.wildcards else [])])


def _other(content: bytes) -> bytes:
    """Return other content of the same size and kind: its last digit or letter is another one."""
    last = max(i for i, byte in enumerate(content) if chr(byte).isalnum())
    return content[:last] + (b"2" if content[last : last + 1].isdigit() else b"M") + content[last + 1 :]


def _swap(one: Path, other: Path) -> None:
    between = one.with_name("between")
    one.rename(between)
    other.rename(one)
    between.rename(other)


if __name__ == "__main__":
    raise SystemExit(main())
