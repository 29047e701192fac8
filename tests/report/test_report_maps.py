"""Maps: sums without loss, the largest rows first, names instead of keys, 167 bp marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_run import map_table

from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.report.figures.maps import length_map_figure
from cfdna_interp.report.maps import Maps, load_maps

ATLAS = """chr\tstart\tend\tstartCpG\tendCpG\ttarget\tname\tdirection\tBrain\tLiver
chr1\t0\t100\t1\t5\tBrain\tb1\tU\t0.1\t0.9
chr1\t200\t300\t6\t9\tLiver\tb2\tU\t0.9\t0.1
"""


def config(folder: Path, atlas: Path | None = None) -> Config:
    return Config(sheet="sheet.tsv", outdir=str(folder), atlas=None if atlas is None else str(atlas))


def write(folder: Path, table: pd.DataFrame) -> Path:
    path = folder / "maps.parquet"
    table.to_parquet(path)
    return path


@pytest.fixture
def table() -> pd.DataFrame:
    return map_table(np.random.default_rng(1))


@pytest.fixture
def maps(tmp_path: Path, table: pd.DataFrame) -> Maps:
    found = load_maps(write(tmp_path, table), config(tmp_path))
    assert found is not None
    return found


def test_ranges_of_length_stand_in_their_order_with_intervals(tmp_path: Path, table: pd.DataFrame) -> None:
    chosen = (table.kind == "range") & (table.key == "up to 150 bp") & (table.cohort == "difference")
    table.loc[chosen & (table.group == "fragment_length"), ["mean", "standard_error"]] = [1.62, 0.2]
    found = load_maps(write(tmp_path, table), config(tmp_path))
    assert found is not None
    ranges = found.tops[0]
    assert [row.name for row in ranges.rows] == ["up to 150 bp", "151 to 220 bp", "above 220 bp"]
    # 1.62 ± 1.96 * .2
    assert ranges.rows[0].differences["fragment_length"] == "1.620 [1.228, 2.012]"


def test_the_largest_rows_come_first_with_their_intervals(tmp_path: Path, table: pd.DataFrame) -> None:
    chosen = (table.kind == "region") & (table.key == "9") & (table.cohort == "difference")
    table.loc[chosen & (table.group == "methylation"), ["mean", "standard_error"]] = [-0.4, 0.1]
    found = load_maps(write(tmp_path, table), config(tmp_path))
    assert found is not None
    _, locus, cpg, region = found.tops
    assert (len(locus.rows), len(cpg.rows), len(region.rows), region.keys) == (3, 5, 8, 64)
    assert region.rows[0].name == "Windows of hash 9"
    # -.4 ± 1.96 * .1
    assert region.rows[0].differences["methylation"] == "−0.400 [−0.596, −0.204]"
    assert {row.name for row in cpg.rows} == {
        "No call",
        "1 call, at most a quarter methylated",
        "1 call, three quarters or more methylated",
        "3 calls, between",
        "5 calls, three quarters or more methylated",
    }
    assert {row.name for row in locus.rows} == {
        "Outside atlas blocks",
        "Atlas blocks of class 1",
        "Atlas blocks of class 2",
    }


def test_classes_of_locus_have_the_names_of_the_atlas(tmp_path: Path, table: pd.DataFrame) -> None:
    atlas = tmp_path / "atlas.tsv"
    atlas.write_text(ATLAS)
    found = load_maps(write(tmp_path, table), config(tmp_path, atlas))
    assert found is not None
    assert {row.name for row in found.tops[1].rows} == {
        "Outside atlas blocks",
        "Blocks of Brain, unmethylated in it",
        "Blocks of Liver, unmethylated in it",
    }


def test_the_figure_has_a_band_a_group_and_167_bp(maps: Maps) -> None:
    figure = length_map_figure(maps.length)
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    curves = {trace.name: trace for trace in figure.data if trace.fill is None}
    assert list(curves) == ["Fragment length", "Methylation", "Tissue of origin"]
    curve, band = curves["Fragment length"], bands[0]
    half = (np.array(band.y[: len(curve.x)]) - np.array(band.y[len(curve.x) :])[::-1]) / 2
    # 1.96 standard errors of .0014 on both sides of the curve.
    np.testing.assert_allclose(half, 0.002744, rtol=1e-4)
    lines = [shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1]
    assert lines == [167, 167, 167]
    assert figure.layout.yaxis.range == figure.layout.yaxis3.range


def test_a_run_without_maps_has_none(tmp_path: Path) -> None:
    assert load_maps(tmp_path / "maps.parquet", config(tmp_path)) is None


@pytest.mark.parametrize("content", [b"no table", None])
def test_a_damaged_map_is_named(tmp_path: Path, table: pd.DataFrame, content: bytes | None) -> None:
    path = write(tmp_path, table[table.kind != "locus"])
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"maps\.parquet cannot be read .*run the dominance stage"):
        load_maps(path, config(tmp_path))
