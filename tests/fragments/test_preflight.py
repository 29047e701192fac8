"""Room on disk: asked for before the run, less what an earlier run has written."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
import yaml

from cfdna_interp.config import load_config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.preflight import preflight

# 24 samples: four versions of five bags of 200 fragments in 8 single-precision numbers each, and 2,000
# fragments of 60 bytes.
NEEDED = 24 * (4 * 5 * 200 * 8 * 4 + 2_000 * 60)


@pytest.fixture
def config(simulated_cohort, tmp_path):
    settings = {
        "sheet": str(simulated_cohort / "sheet.tsv"),
        "outdir": "out",
        "reference": {"build": str(simulated_cohort / "build.tsv")},
        "extract": {"fragments_per_sample": 2_000, "min_fragments": 500},
        "model": {"dim": 8, "bag_size": 200, "folds": 3},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    return load_config(tmp_path / "config.yaml")


def test_too_little_room_is_an_error_with_both_figures(config, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=NEEDED - 1))
    with pytest.raises(
        InputError, match=r"needs up to 0\.0 GB and 0\.0 GB are free; .* lower model\.bag_size"
    ):
        preflight(config)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=NEEDED))
    assert preflight(config).disk_needed == NEEDED


def test_what_is_written_already_needs_no_more_room(config, tmp_path, monkeypatch):
    folder = tmp_path / "out" / "embeddings" / "discovery"
    folder.mkdir(parents=True)
    (folder / "S001.safetensors").write_bytes(bytes(1_000))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=NEEDED - 1_000))
    assert preflight(config).disk_needed == NEEDED - 1_000
