"""The whole workflow from one table: resumable, the same bytes however it ran; and on real people."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.cli import cli
from cfdna_interp.config import load_config
from cfdna_interp.config.resources import shipped
from cfdna_interp.errors import InputError
from cfdna_interp.records.base import load_record
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.manifest import Manifest
from cfdna_interp.records.retraining import Retraining
from cfdna_interp.records.verdict import Verdict
from cfdna_interp.workflow.provenance import record_is_lost
from cfdna_interp.workflow.results_alone import check_results_alone

COMMAND = Path(sys.executable).with_name("cfdna-interp")
FEW_REFITS = {"bootstrap": 20, "permutations": 19, "chunks": 1}
STAGES = (
    "cohort",
    "matrix",
    "train",
    "refit",
    "dominance",
    "proxy",
    "validate",
    "audit",
    "verdict",
    "report",
)
COMPARED = (
    "cohort/discovery.tsv",
    "cohort/heldout.tsv",
    "features.discovery.h5ad",
    "features.heldout.h5ad",
    "table.json",
    "exclusions.tsv",
    "model.json",
    "predictions.discovery.parquet",
    "retraining.json",
    "scores.model.parquet",
    "coalitions.parquet",
    "shares.parquet",
    "feature_shares.parquet",
    "dominance.json",
    "proxy.json",
    "protocol.json",
    "scores.proxy.parquet",
    "validation.json",
    "audit.json",
    "verdict.json",
    "hypotheses.tsv",
    "report.html",
    "manifest.json",
)


def planted(folder: Path, *, features: int = 8, subjects: int = 100) -> Path:
    """Write a cohort whose cases have longer fragments, at two sites that both have cases and controls."""
    rng = np.random.default_rng(5)
    n = 2 * subjects
    label = np.tile([0, 1], subjects)
    columns: dict[str, object] = {
        "sample": [f"S{i:03d}" for i in range(n)],
        "role": ["discovery"] * subjects + ["heldout"] * subjects,
        "label": label,
        "site": np.where(rng.random(n) < 0.5, "A", "B"),
    }
    for group, effect in (("length", 2.0), ("methylation", 0.0), ("motif", 0.0)):
        common = effect * label + rng.normal(size=n)
        for i in range(features):
            columns[f"{group}_{i}"] = common + rng.normal(size=n)
    table = pd.DataFrame(columns)
    table.loc[3, "length_2"] = np.nan
    path = folder / "cohort.parquet"
    table.to_parquet(path, index=False)
    return path


def write_settings(folder: Path, table: Path, outdir: str) -> Path:
    groups = {"fragment_length": "length_", "methylation": "methylation_", "end_motif": "motif_"}
    settings = {
        "outdir": outdir,
        "features": {
            "table": {
                "path": str(table),
                "columns": {"site": "site"},
                "groups": {name: {"prefix": prefix} for name, prefix in groups.items()},
                "simulated": True,
            }
        },
        "attribution": FEW_REFITS,
        "validation": {"permutations": 499, "bootstrap": 200},
    }
    path = folder / f"{outdir}.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def run_here(config: Path) -> None:
    """Run all stages one after the other in this process."""
    for stage in STAGES:
        options = ["--chunk", "0"] if stage == "refit" else []
        cli([stage, "--config", str(config), *options], standalone_mode=False)


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text())


def at_work(folder: Path) -> list[str]:
    """Return the command lines of processes that name a folder."""
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a run on two cores that was stopped twice, killed in the middle and started again."""
    folder = tmp_path_factory.mktemp("table")
    config = write_settings(folder, planted(folder), "results")
    arguments = [COMMAND, "run", "--config", config, "--cores", "2"]

    def started(landmark: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            arguments,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell starts what runs in its background with SIGINT ignored, and `run` leaves it so.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        deadline = time.monotonic() + 300
        while not (folder / "results" / landmark).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return process

    for landmark, number in (("cohort/discovery.tsv", signal.SIGTERM), ("model.json", signal.SIGINT)):
        process = started(landmark)
        # The parent alone is asked to stop, as a scheduler or `kill` does. Nothing of it may stay behind.
        process.send_signal(number)
        _, told = process.communicate(timeout=120)
        assert process.returncode == 128 + number
        assert told.splitlines()[-1] == (
            "cfdna-interp: stopped; what is done is kept, the same command goes on from there"
        )
        assert not at_work(folder)
    process = started("refits/0.parquet")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (folder / "results/proxy.json").exists()
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert done.stdout.strip().splitlines()[-1] == str(folder / "results/report.html")
    return folder


def test_the_planted_group_is_named(finished: Path) -> None:
    results = finished / "results"
    dominance = load_record(Dominance, results / "dominance.json")
    assert (dominance.outcome, dominance.group) == ("dominant", "fragment_length")
    verdict = load_record(Verdict, results / Verdict.FILE)
    rungs = {rung.rung: rung.status for rung in verdict.rungs}
    assert rungs["L0"] == rungs["L1"] == "earned"
    assert verdict.simulated is True
    assert "imulated" in (results / "report.html").read_text()
    # No stage of alignments left anything.
    for folder in ("fragments", "qc", "profiles", "embeddings", "attributed"):
        assert not (results / folder).exists()


def test_bytes_are_those_of_one_process_after_the_other(finished: Path) -> None:
    run_here(write_settings(finished, finished / "cohort.parquet", "alone"))
    for name in COMPARED:
        assert digest_file(finished / "results" / name) == digest_file(finished / "alone" / name), name


def test_a_changed_table_makes_everything_anew(finished: Path) -> None:
    table = finished / "cohort.parquet"

    def planned() -> dict[str, int]:
        done = subprocess.run(
            [COMMAND, "run", "--config", finished / "results.yaml", "--dry-run"],
            capture_output=True,
            text=True,
            check=True,
        )
        rows = [line.split() for line in (done.stdout + done.stderr).splitlines()]
        return {
            row[0]: int(row[1]) for row in rows if len(row) == 2 and row[0] != "jobid:" and row[1].isdigit()
        }

    assert planned() == {}
    before = table.read_bytes()
    changed = pd.read_parquet(table)
    changed.loc[0, "length_0"] += 1
    changed.to_parquet(table, index=False)
    assert planned() == {name: 1 for name in STAGES} | {"all": 1, "total": 11}
    table.write_bytes(before)
    assert planned() == {}
    # The report and the manifest ask for it, so that it is made anew before them where it was lost.
    lost = [finished / "results" / name for name in ("table.json", "report.html")]
    for path in lost:
        path.rename(finished / path.name)
    assert planned()["matrix"] == 1
    for path in lost:
        (finished / path.name).rename(path)
    assert planned() == {}


def test_copied_results_are_taken_where_they_prove_what_they_are_from(finished: Path, tmp_path: Path) -> None:
    assert not record_is_lost(finished / "results")
    shutil.copytree(finished / "results", tmp_path / "results")
    table = tmp_path / "cohort.parquet"
    shutil.copy(finished / table.name, table)
    settings = write_settings(tmp_path, table, "results")
    config = load_config(settings)
    # Snakemake's record came with them, and is of another folder.
    assert record_is_lost(tmp_path / "results")
    check_results_alone(config)
    shutil.rmtree(tmp_path / "results/.snakemake")
    assert record_is_lost(tmp_path / "results")
    check_results_alone(config)

    def refused(why: str) -> None:
        with pytest.raises(InputError, match=f"has lost the record .*{why}.*--forceall"):
            check_results_alone(load_config(settings))

    audit = tmp_path / "results/audit.json"
    before = audit.read_bytes()
    audit.write_bytes(before.replace(b"e", b"E", 1))
    refused("audit.json is not the file")
    audit.write_bytes(before)
    check_results_alone(config)
    changed = yaml.safe_load(settings.read_text())
    settings.write_text(yaml.safe_dump(changed | {"seed": 99}))
    refused("other settings")
    settings.write_text(yaml.safe_dump(changed))
    frame = pd.read_parquet(table)
    frame.loc[0, "length_0"] += 1
    frame.to_parquet(table, index=False)
    os.utime(table, ns=(10**18, 10**18))
    refused("has changed")
    # The same, as a user meets it: nothing is said to be up to date.
    done = subprocess.run([COMMAND, "run", "--config", settings], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    (tmp_path / "results/manifest.json").unlink()
    refused("without manifest.json")


def test_the_manifest_names_what_was_read(finished: Path) -> None:
    table = finished / "cohort.parquet"
    (read_file,) = load_record(Manifest, finished / "results" / Manifest.FILE).inputs
    assert (read_file.file, read_file.size) == (table.name, table.stat().st_size)
    assert read_file.digest == digest_file(table) and read_file.whole
    assert digest_file(table) in (finished / "results/report.html").read_text()


def test_mistakes_stop_a_run_before_it_begins(tmp_path: Path) -> None:
    table = planted(tmp_path)
    pd.read_parquet(table).rename(columns={"label": "lable"}).to_parquet(table, index=False)
    config = write_settings(tmp_path, table, "results")
    done = subprocess.run([COMMAND, "run", "--config", config], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"cfdna-interp: table {table}: no column 'label'; did you mean 'lable'? "
        "(set features.table.columns.label)\n"
    )
    assert not (tmp_path / "results").exists()


def test_early_lung_cancer(realdata: Path, tmp_path: Path) -> None:
    """100 people with and without early lung cancer: lengths by arm beside mutational signatures.

    The README beside the data gives AUROC .907 (cross-validated) and .929, .854 to .988 (validation) for an
    L2 logistic regression on the lengths, and about .5 for age and sex.
    """
    table = realdata / "cohorts" / "early_lung_fsd.csv"
    if not table.is_file():
        pytest.skip(f"no table of real people at {table}")
    settings = yaml.safe_load(shipped("config", "table.yaml").read_text())
    settings["features"]["table"]["path"] = str(table)
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(settings | {"outdir": "results", "attribution": FEW_REFITS}))
    run_here(config)
    results = tmp_path / "results"
    fitted = load_record(Retraining, results / "retraining.json")
    scores = read(results, "validation.json")["scores"]
    # Over seeds of five folds the cross-validated figure has a standard deviation of .02 to .04.
    alone = fitted.cross_fitted_auroc["model_only_fragment_length"]
    assert alone == pytest.approx(0.907, abs=0.06)
    # That interval has a standard error of .034; the stronger penalty of one standard error costs .02.
    assert scores["baseline_fragment_length"]["auroc"]["value"] == pytest.approx(0.929, abs=0.034)
    # With 27 and 23 people the standard error of an AUROC of .5 is .083.
    assert scores["baseline_covariates"]["auroc"]["value"] == pytest.approx(0.5, abs=0.16)
    rungs = {rung.rung: rung for rung in load_record(Verdict, results / Verdict.FILE).rungs}
    assert rungs["L0"].status == "earned"
    # Neither batch nor site is known.
    assert rungs["L4"].status == "can't tell"
