"""The pretrain stage: what it refuses before it takes long."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_run import write_cohort

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Model
from cfdna_interp.errors import InputError
from cfdna_interp.models.pretrain import run_pretrain
from cfdna_interp.records.base import load_record
from cfdna_interp.records.encoder import FragmentEncoder


def test_scores_are_missed_before_anything_is_trained(tmp_path: Path) -> None:
    layout, scores = Layout.of(tmp_path), tmp_path / "scores.tsv"
    write_cohort(layout)
    layout.file("encoder.safetensors").unlink()
    model = Model(encoder="table", checkpoint=str(scores), dim=4, pretrain_fragments=1_000, pretrain_epochs=1)
    config = Config(sheet="", outdir=str(tmp_path), model=model)
    with pytest.raises(InputError, match=r"scores.tsv does not exist"):
        run_pretrain(config)
    lines = [f"S{number}\t{number / 10}\n" for number in range(12)]
    scores.write_text("".join(["sample\tlogit\n", *lines[:11]]))
    with pytest.raises(InputError, match=r"sample S11: not in scores"):  # a held-out one
        run_pretrain(config)
    assert not layout.file("encoder.safetensors").exists()
    scores.write_text("".join(["sample\tlogit\n", *lines]))
    run_pretrain(config)
    assert load_record(FragmentEncoder, layout.file("encoder.json")).kind == "table"
