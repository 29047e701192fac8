"""The command: sizes from the world unless given, one line where something is wrong."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cfdna_interp.cli", "simulate", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_prints_the_config_and_takes_sizes(tmp_path: Path) -> None:
    done = call(
        "--world",
        "null",
        "--out",
        str(tmp_path / "o"),
        "--fragments",
        "1300",
        "--discovery",
        "3",
        "--heldout",
        "2",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "o" / "config.yaml")
    assert done.stderr.splitlines()[-1] == "simulate: 5 of 5 samples"
    with open(tmp_path / "o" / "sheet.tsv", newline="") as handle:
        roles = [row["role"] for row in csv.DictReader(handle, delimiter="\t")]
    assert sorted(roles) == ["discovery"] * 3 + ["heldout"] * 2


def test_unknown_world_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = call("--world", "lenght", "--out", str(tmp_path / "o"))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "cfdna-interp: world lenght is not known; did you mean 'length'? (or give the path of a .yaml file)"
    ]
    assert not (tmp_path / "o").exists()


def test_a_name_near_none_gets_the_list_of_worlds(tmp_path: Path) -> None:
    done = call("--world", "q", "--out", str(tmp_path / "o"))
    assert done.returncode == 2
    listed = done.stderr.split("known: ")[1].split(" (or give")[0].split(", ")
    assert {"age", "length", "null"} <= set(listed)


def test_too_few_fragments_for_any_world_are_refused_by_the_option(tmp_path: Path) -> None:
    done = call("--world", "null", "--out", str(tmp_path / "o"), "--fragments", "999")
    assert done.returncode == 2 and "x>=1000" in done.stderr
    assert not (tmp_path / "o").exists()


def test_torch_stays_out(tmp_path: Path) -> None:
    code = "import sys, cfdna_interp.simulation.cohort; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
