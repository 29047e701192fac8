"""``cfdna-interp models check``, and real sequence encoders on the bench."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from genomes import random_bases, write_fasta
from safetensors.torch import save_file
from tiny_models import causal_folder, methylbert_folder
from toy_factories import Counting
from toys_models import probe_set

from cfdna_interp.cli import cli
from cfdna_interp.models.adapters.transformers import TransformersEncoder
from cfdna_interp.models.check import check_model
from cfdna_interp.models.check_fragments import fragments_of_reference
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.whitening import fit_whitening


def run_check(folder: Path, *options: str, factory: str = "Counting", **model: object) -> Result:
    config = {
        "sheet": "sheet.csv",
        "outdir": "out",
        "model": {
            "encoder": "torch_module",
            "checkpoint": "weights.safetensors",
            "factory": f"toy_factories:{factory}",
            **model,
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return CliRunner().invoke(cli, ["models", "check", "--config", str(folder / "config.yaml"), *options])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_file(Counting().state_dict(), tmp_path / "weights.safetensors")
    return tmp_path


def test_a_sound_model_is_checked_before_any_other_stage(folder: Path) -> None:
    result = run_check(folder)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0, result.output
    assert lines[0] == "model torch_module on 300 made-up fragments (none extracted yet)"
    assert lines[-1] == f"0 faults in {len(lines) - 2} findings"
    assert {line.split()[0] for line in lines[1:-1]} == {"ok", "information"}


def test_a_fault_is_a_line_with_its_remedy_and_exit_code_two(folder: Path) -> None:
    result = run_check(folder, "--json", factory="Centred")
    assert result.exit_code == 2
    record = json.loads(result.stdout)
    faults = [finding for finding in record["findings"] if finding["status"] == "fault"]
    assert [finding["name"] for finding in faults] == ["batch", "padding"]
    assert len(record["model"]) == 64
    plain = run_check(folder, factory="Centred")
    assert plain.exit_code == 2
    assert plain.stdout.splitlines()[-1].startswith("2 faults in ")
    (line,) = (line for line in plain.stdout.splitlines() if line.startswith("fault       batch: "))
    assert line.endswith(faults[0]["remedy"])


def test_a_wrong_config_is_an_input_error(folder: Path) -> None:
    result = run_check(folder, digest="0" * 64)
    assert result.exit_code == 1 and "model.digest is 000" in str(result.exception)


def test_heads_are_checked_once_they_are_there(folder: Path) -> None:
    from cfdna_interp.models.adapters.torch_module import TorchModuleEncoder

    raw = TorchModuleEncoder.load(factory="toy_factories:Counting", weights=folder / "weights.safetensors")
    fit_whitening(raw, probe_set(500), 4).save(folder / "out" / "whitening.safetensors")
    head = AttentionHead(4, scale=1.0).requires_grad_(False)
    CrossFit(np.zeros(2, dtype=np.int64), [[head]]).save(folder / "out" / "heads.safetensors", ["S1", "S2"])
    result = run_check(folder)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("bag ") >= 4


@pytest.mark.parametrize("build", [causal_folder, methylbert_folder])
def test_sound_sequence_encoders_are_left_in_peace(tmp_path: Path, build: object) -> None:
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": random_bases(30_000, 1)})
    encoder = TransformersEncoder.load(build(tmp_path / "model"), fasta=fasta, device="cpu")
    fragments = fragments_of_reference(fasta, 50, np.random.default_rng(0), loci=3)
    findings = check_model(encoder, fragments)
    assert [finding for finding in findings if finding.status in ("fault", "warning")] == []
    assert {"length", "pooling"} <= {finding.name for finding in findings}
