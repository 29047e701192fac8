"""The manifest: digests that another tool confirms, settings without a machine's paths."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy
from fake_run import Built
from msgspec import structs

from cfdna_interp import __version__
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.config import Config
from cfdna_interp.config.table_settings import FeatureTable, GroupColumns
from cfdna_interp.records.base import save_record
from cfdna_interp.records.table import TableSource
from cfdna_interp.report.manifest import build_manifest


def test_digests_are_those_of_sha256sum(simulated_run: Built) -> None:
    manifest = json.loads(simulated_run.layout.file("manifest.json").read_text())
    names = ["report.html", "verdict.json", "profiles/S000.parquet", "cohort/heldout.tsv", "qc/T001.json"]
    lines = subprocess.run(
        ["sha256sum", *names], cwd=simulated_run.layout.root, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {name: digest for digest, name in (line.split() for line in lines)} == {
        name: manifest["files"][name] for name in names
    }


def test_versions_and_seed(simulated_run: Built) -> None:
    manifest = json.loads(simulated_run.layout.file("manifest.json").read_text())
    assert manifest["software"] == {"name": "cfdna-interp", "version": __version__}
    assert manifest["libraries"]["numpy"] == numpy.__version__
    assert "pytest" not in manifest["libraries"]
    assert manifest["seed"] == simulated_run.config.seed


def test_what_an_earlier_run_left_of_parts_switched_off_is_not_listed(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    layout.dictionary(0).parent.mkdir()
    for path in (layout.file("probes.json"), layout.file("geometry.json"), layout.dictionary(0)):
        path.write_text("{}")
    config = Config(sheet="", outdir=str(tmp_path))
    every = {"probes.json", "geometry.json", "dictionaries/0.json"}
    assert set(build_manifest(config, layout).files) == every
    for parts, left in (((), set()), (("probes",), {"probes.json"})):
        fewer = structs.replace(config, representation=structs.replace(config.representation, parts=parts))
        assert set(build_manifest(fewer, layout).files) == left


def test_what_a_run_on_the_other_route_left_is_not_listed(tmp_path: Path) -> None:
    layout = Layout.of(tmp_path)
    for name in (
        "heads.safetensors",
        "maps.parquet",
        "feature_shares.parquet",
        "encoder.safetensors",
        "model.json",
    ):
        layout.file(name).write_text("")
    source = TableSource(source="x.csv", digest="0", samples={}, left_out=0, unused=(), empty=(), groups={})
    save_record(source, layout.file(TableSource.FILE))
    alignments = Config(sheet="", outdir=str(tmp_path))
    table = FeatureTable(path="x.csv", groups={"a": GroupColumns(prefix="a_")})
    tabular = structs.replace(alignments, features=structs.replace(alignments.features, table=table))
    listed = {"encoder.safetensors", "heads.safetensors", "maps.parquet"}
    assert set(build_manifest(alignments, layout).files) == listed
    assert set(build_manifest(tabular, layout).files) == {
        "feature_shares.parquet",
        "model.json",
        "table.json",
    }


def test_settings_name_no_machine(tmp_path: Path) -> None:
    config = Config(
        sheet=str(tmp_path / "in" / "sheet.tsv"),
        outdir=str(tmp_path / "out"),
        atlas=str(tmp_path / "out" / "made" / "atlas.tsv"),
    )
    config = structs.replace(
        config,
        reference=structs.replace(config.reference, build=str(tmp_path / "build.tsv"), fasta="s3://x/y.fa"),
        model=structs.replace(
            config.model, checkpoint=str(tmp_path / "weights"), rendering=str(tmp_path / "r.yaml")
        ),
    )
    manifest = build_manifest(config, Layout.of(config.outdir))
    settings = manifest.config
    assert (settings["sheet"], settings["outdir"], settings["atlas"]) == ("sheet.tsv", ".", "made/atlas.tsv")
    assert settings["reference"] == {"build": "build.tsv", "fasta": "s3://x/y.fa"}
    assert (settings["model"]["checkpoint"], settings["model"]["rendering"]) == ("weights", "r.yaml")
    assert str(tmp_path) not in str(manifest)
    assert manifest.files == {}
