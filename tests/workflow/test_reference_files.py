"""Files that every extraction reads are inputs of the workflow: when one changes, samples are read anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

COMMAND = Path(sys.executable).with_name("cfdna-interp")


def test_files_of_the_settings_are_inputs_of_extract(simulated_cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "blacklist.bed").write_text("chr1\t100\t200\n")
    (tmp_path / "snps.bed").write_text("chr1\t300\t301\n")
    (tmp_path / "contexts.bed").write_text("chr1\t100\t200\tisland\n")
    settings = {
        "sheet": str(simulated_cohort / "sheet.tsv"),
        "atlas": str(simulated_cohort / "atlas.tsv"),
        "outdir": "results",
        "reference": {"build": str(simulated_cohort / "build.tsv")},
        "extract": {"blacklist": "blacklist.bed", "known_sites": "snps.bed"},
        "features": {"annotation": "contexts.bed"},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    done = subprocess.run(
        [COMMAND, "run", "--config", tmp_path / "config.yaml", "--dry-run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    lines = (done.stdout + done.stderr).split("rule extract:")[1].splitlines()
    inputs = next(line for line in lines if line.strip().startswith("input:"))
    for path in (
        simulated_cohort / "atlas.tsv",
        simulated_cohort / "build.tsv",
        tmp_path / "blacklist.bed",
        tmp_path / "snps.bed",
        tmp_path / "contexts.bed",
    ):
        assert str(path) in inputs
