"""The whole description of a planted cohort's length curve, and what it says where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from planted_curves import bent, curve_material

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Representation
from cfdna_interp.models.crossfit import CrossFit, crossfit
from cfdna_interp.records.base import load_record
from cfdna_interp.records.geometry import Geometry
from cfdna_interp.records.missing import Cause
from cfdna_interp.representation import geometry as stage
from cfdna_interp.representation.material import Material
from cfdna_interp.stats.resampling import stream

FRAGMENTS = 24_000


def heads(material: Material) -> CrossFit:
    bags = torch.stack([material.bagged(place)[:, :320] for place in range(len(material.samples))])
    return crossfit(bags, material.labels, material.codes, folds=2, rng=stream(1, "test"))


@pytest.fixture(scope="module")
def bent_cohort() -> tuple[Material, CrossFit]:
    material = curve_material(bent(240, 30, 0.08), subjects=20, fragments=1_280, seed=1)
    return material, heads(material)


@pytest.fixture(scope="module")
def described(bent_cohort: tuple[Material, CrossFit]) -> tuple[Geometry, pd.DataFrame]:
    return stage.geometry(*bent_cohort, FRAGMENTS)


def test_the_planted_bend_is_found_away_from_the_mode(described: Any) -> None:
    record, _ = described
    bend = record.curve.bend
    assert record.missing is None
    assert (record.subjects, record.samples, record.fragments) == (20, 20, FRAGMENTS)
    assert bend.claimed and abs(bend.at.value - 240) <= 5
    assert record.nucleosome == 167 and abs(record.mode - 167) <= 5
    assert not bend.covers_mode and not bend.covers_nucleosome
    at_nucleosome = bend.curvature.nucleosome
    assert at_nucleosome.value < 0.5 * bend.curvature.peak.value
    # Arms and bend are run through at .08 a bp, which the smoothed curve keeps.
    low, high = record.lengths
    assert record.curve.arc.total == pytest.approx(0.08 * (high - low), rel=0.1)
    assert len(record.variance.components) == 2
    assert not record.curve.period.claimed


def test_chance_explains_a_small_part_of_what_length_does(described: Any) -> None:
    record, _ = described
    variance = record.variance
    for null in (variance.permuted, variance.random):
        assert abs(null.explained) < 0.02 * variance.explained
        assert null.high < 0.05 * variance.explained


def test_the_line_leaves_the_data_and_the_probe_follows_both(described: Any) -> None:
    steering = described[0].curve.steering
    assert steering.start < 167 < steering.stop
    assert len(steering.steps) == len(steering.curve.logit) == len(steering.line.distances)
    assert steering.curve.logit[0] == steering.line.logit[0]
    assert steering.curve.logit[-1] == steering.line.logit[-1]
    assert steering.curve.probe_slope > 0
    # What the probe reads along the curve is what it reads on real fragments of these lengths.
    assert steering.curve.probe_error < 15
    assert steering.ratio.low <= steering.ratio.value <= steering.ratio.high


def test_the_table_holds_a_row_a_length(described: Any) -> None:
    record, table = described
    low, high = record.lengths
    assert table.length.tolist() == list(range(low, high + 1))
    assert table["count"].sum() <= FRAGMENTS
    assert table.curve_pc3.isna().all() and table.curve_pc2.notna().all()
    near = table[(table.length > 140) & (table.length < 190)]
    # Noise of a centroid is 1 / sqrt(n) a direction; there, n is at least 100.
    assert (near.centroid_pc1 - near.curve_pc1).abs().max() < 5 / np.sqrt(near["count"].min())
    assert table.arc.is_monotonic_increasing


def test_the_stage_writes_the_same_bytes_twice(
    bent_cohort: tuple[Material, CrossFit], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    material, fitted = bent_cohort
    monkeypatch.setattr(stage, "load_material", lambda config: material)
    config = Config(sheet="", outdir=str(tmp_path), representation=Representation(fragments=6_000))
    layout = Layout.of(tmp_path)
    fitted.save(layout.file("heads.safetensors"), [sample.sample for sample in material.samples])
    names = ("geometry.json", "length_curve.parquet")
    written = []
    for _ in range(2):
        stage.run_geometry(config)
        written.append([layout.file(name).read_bytes() for name in names])
    assert written[0] == written[1]
    assert load_record(Geometry, layout.file(Geometry.FILE)).fragments == 6_000
    assert len(pd.read_parquet(layout.file("length_curve.parquet"))) > 100


def test_embeddings_that_ignore_length_have_no_curve() -> None:
    material = curve_material(np.zeros((541, 1)), subjects=12, fragments=640, seed=2)
    record, table = stage.geometry(material, heads(material), FRAGMENTS)
    # One component in twenty such cohorts would be chance; then nothing is claimed all the same.
    assert record.missing is not None or not record.curve.bend.claimed
    assert abs(record.variance.explained) < 0.02
    assert len(table) == 0 or record.missing is None


def test_what_can_not_be_told_says_why(bent_cohort: tuple[Material, CrossFit]) -> None:
    material, fitted = bent_cohort
    few = replace(material, samples=material.samples[:6])
    record, table = stage.geometry(few, fitted, FRAGMENTS)
    assert record.missing is not None and record.missing.why is Cause.FEW_SUBJECTS
    assert record.curve is None and len(table) == 0
    record, table = stage.geometry(material, fitted, 60)
    assert record.missing is not None and record.missing.why is Cause.FEW_LENGTHS
    assert {"length", "curve_pc1", "curvature", "arc"} <= set(table.columns)
