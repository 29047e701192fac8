"""``cfdna-interp check`` of a model that is known by its scores: every sample that can be used has one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cfdna_interp.cli.check import command
from cfdna_interp.errors import InputError


@pytest.fixture
def config(simulated_cohort: Path, tmp_path: Path) -> Path:
    settings = {
        "sheet": str(simulated_cohort / "sheet.tsv"),
        "outdir": "out",
        "reference": {"build": str(simulated_cohort / "build.tsv")},
        "extract": {"fragments_per_sample": 2_000, "min_fragments": 500},
        "model": {"dim": 8, "bag_size": 200, "folds": 3, "encoder": "table", "checkpoint": "scores.tsv"},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def write_scores(folder: Path, count: int) -> None:
    rows = [f"S{number:03d}\t0.5" for number in range(1, count + 1)]
    (folder / "scores.tsv").write_text("\n".join(["sample\tprobability", *rows]) + "\n")


def test_a_sample_without_a_score_is_found_before_hours_are_spent(config: Path, tmp_path: Path) -> None:
    write_scores(tmp_path, 23)
    with pytest.raises(InputError, match=r"sample S024: not in scores .*scores\.tsv \(1 of 24 samples"):
        CliRunner().invoke(command, ["--config", str(config)], catch_exceptions=False)


def test_scores_of_everybody_pass(config: Path, tmp_path: Path) -> None:
    write_scores(tmp_path, 24)
    done = CliRunner().invoke(command, ["--config", str(config)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "discovery: 12 samples, 6 of cases, 6 of controls" in done.output


def test_a_sample_that_is_excluded_needs_none(config: Path, simulated_cohort: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(simulated_cohort, tmp_path / "cohort")
    (copy / "bam" / "S024.bam").unlink()
    settings = yaml.safe_load(config.read_text())
    settings |= {"sheet": str(copy / "sheet.tsv"), "on_bad_sample": "exclude"}
    config.write_text(yaml.safe_dump(settings))
    write_scores(tmp_path, 23)
    done = CliRunner().invoke(command, ["--config", str(config)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "will be excluded: sample S024" in done.output


def test_saturated_scores_are_counted_by_the_check(config: Path, tmp_path: Path) -> None:
    rows = [f"S{number:03d}\t{1 if number <= 3 else 0.5}" for number in range(1, 25)]
    (tmp_path / "scores.tsv").write_text("\n".join(["sample\tprobability", *rows]) + "\n")
    done = CliRunner().invoke(command, ["--config", str(config)], catch_exceptions=False)
    assert "saturated scores: 3 of 24 are 0 or 1" in done.output
    write_scores(tmp_path, 24)
    done = CliRunner().invoke(command, ["--config", str(config)], catch_exceptions=False)
    assert "saturated" not in done.output
