"""The whole workflow from BAM files to the page: complete, resumable, the same on any number of cores."""

from __future__ import annotations

import base64
import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.cohort.split import split
from cfdna_interp.config import load_config
from cfdna_interp.records.base import load_record
from cfdna_interp.records.verdict import Verdict

PACKAGE = Path(__file__).resolve().parents[2] / "cfdna_interp"
COMMAND = Path(sys.executable).with_name("cfdna-interp")
# The report and the manifest hold the same bytes too, but for the folder's name in neither.
COMPARED = (
    "features.discovery.h5ad",
    "features.heldout.h5ad",
    "encoder.safetensors",
    "heads.safetensors",
    "scores.model.parquet",
    "shares.parquet",
    "dominance.json",
    "probes.json",
    "dictionaries/4.json",
    "dictionaries/4.blocks.safetensors",
    "funnel.json",
    "sparse_features.parquet",
    "geometry.json",
    "length_curve.parquet",
    "proxy.json",
    "protocol.json",
    "validation.json",
    "audit.json",
    "verdict.json",
    "hypotheses.tsv",
)


def small_config(cohort: Path, folder: Path) -> Path:
    """Write settings that finish in about a minute: few fragments, few refits, three folds."""
    settings = {
        "sheet": str(cohort / "sheet.tsv"),
        "atlas": str(cohort / "atlas.tsv"),
        "outdir": "results",
        "seed": 3,
        "reference": {"build": str(cohort / "build.tsv")},
        "extract": {"fragments_per_sample": 2_000, "min_fragments": 500},
        "features": {"window": 200_000},
        "model": {
            "dim": 8, "bag_size": 200, "pretrain_fragments": 12_000, "pretrain_epochs": 1, "folds": 3,
            "ensemble": 1,
        },
        "attribution": {"bootstrap": 20, "permutations": 19, "chunks": 2},
        "representation": {"fragments": 10_000, "features": 32, "active": 4, "resamples": 100},
        "validation": {"permutations": 499, "bootstrap": 200},
    }  # fmt: skip
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def digests(results: Path) -> dict[str, str]:
    return {name: digest_file(results / name) for name in COMPARED}


@pytest.fixture(scope="module")
def finished(simulated_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of an undisturbed run on two cores."""
    folder = tmp_path_factory.mktemp("run")
    config = small_config(simulated_cohort, folder)
    done = subprocess.run(
        [COMMAND, "run", "--config", config, "--cores", "2"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert done.stdout.strip().splitlines()[-1] == str(folder / "results" / "report.html")
    return folder / "results"


def test_a_run_ends_with_every_file_of_the_contract(finished: Path) -> None:
    for name in (*COMPARED, "coalitions.parquet", "report.html", "manifest.json", "exclusions.tsv"):
        assert (finished / name).stat().st_size > 0, name
    verdict = load_record(Verdict, finished / Verdict.FILE)
    # Six cases and six controls a role are too few for any claim, and the page says that it is simulated.
    assert {rung.status for rung in verdict.rungs} == {"can't tell"}
    assert verdict.simulated is True
    assert "imulated" in (finished / "report.html").read_text()


def test_nothing_is_done_twice(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.glob("*.json")}
    config = finished.parent / "config.yaml"
    subprocess.run([COMMAND, "run", "--config", config, "--cores", "1"], capture_output=True, check=True)
    assert {path: path.stat().st_mtime_ns for path in finished.glob("*.json")} == before


def test_killed_and_resumed_on_one_core_gives_the_same_bytes(
    finished: Path, simulated_cohort: Path, tmp_path: Path
) -> None:
    config = small_config(simulated_cohort, tmp_path)
    arguments = [COMMAND, "run", "--config", config, "--cores", "1"]
    for landmark in ("features/S004.parquet", "encoder.safetensors", "refits/0.parquet"):
        process = subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 300
        while not (tmp_path / "results" / landmark).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "results" / "verdict.json").exists()
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert digests(tmp_path / "results") == digests(finished)


def test_snakemakes_own_report_holds_the_page(finished: Path, tmp_path: Path) -> None:
    from cfdna_interp.config.resources import shipped

    arguments = [
        *("--snakefile", shipped("Snakefile"), "--configfile", finished.parent / "config.yaml"),
        *("--directory", finished, "--report", tmp_path / "report.html"),
    ]
    subprocess.run([sys.executable, "-m", "snakemake", *arguments], capture_output=True, check=True)
    # Snakemake embeds a result in base64.
    page = base64.b64encode((finished / "report.html").read_bytes()).decode()
    assert page in (tmp_path / "report.html").read_text()


def test_a_second_run_at_the_same_time_is_refused(finished: Path) -> None:
    import fcntl

    with open(finished / ".lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = subprocess.run(
            [COMMAND, "run", "--config", finished.parent / "config.yaml"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "another run is writing to" in done.stderr


def test_held_out_labels_reach_no_stage_before_validate(simulated_cohort: Path, tmp_path: Path) -> None:
    # With all held-out labels turned over, what the later stages read of the sheet is the same, byte by byte.
    config = load_config(small_config(simulated_cohort, tmp_path))
    split(config)
    role_files = sorted((tmp_path / "results" / "cohort").glob("*.tsv"))
    before = [path.read_bytes() for path in role_files]
    with open(simulated_cohort / "sheet.tsv", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    for row in rows:
        row["bam"] = str(simulated_cohort / row["bam"])
        if row["role"] == "heldout":
            row["label"] = str(1 - int(row["label"]))
    with open(tmp_path / "turned.tsv", "w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    settings = yaml.safe_load((tmp_path / "config.yaml").read_text()) | {"sheet": "turned.tsv"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    split(load_config(tmp_path / "config.yaml"))
    assert len(role_files) == 2
    assert [path.read_bytes() for path in role_files] == before


def test_few_places_read_what_holds_the_labels_of_both_roles() -> None:
    # The division by role, the check before a run, the matrices of a table (the held-out one is written
    # without labels), the validation that opens them, and the comparison of results that lost their record,
    # which asks the sheet for alignments only.
    pattern = re.compile(r"from cfdna_interp\.cohort\.(?:read|sheet|table) import (.+)")
    labelled = {"read_sheet", "read_cohort", "read_samples", "read_table"}
    readers = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for names in pattern.findall(path.read_text())
        if labelled & set(re.findall(r"\w+", names))
    }
    within = {"cohort/read.py", "cohort/split.py", "cohort/table_check.py"}
    within |= {"fragments/preflight.py", "features/table_matrix.py", "workflow/results_alone.py"}
    assert readers == within | {"proxy/validate.py"}
