"""A table of exclusions that was cut is told, wherever the cut lies: excluded samples would come back."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest

from cfdna_interp.artifacts.exclusions import COLUMNS, kept_samples, load_exclusions, save_exclusions
from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample, save_samples
from cfdna_interp.errors import InputError

COHORT = [Sample(name, f"P{name}", f"/{name}.bam", i % 2, "discovery") for i, name in enumerate("ABCD")]


@pytest.fixture
def layout(tmp_path):
    """Four samples of which B and C are excluded."""
    layout = Layout.of(tmp_path)
    save_samples(COHORT, layout.samples("discovery"))
    save_exclusions([(COHORT[1], "few"), (COHORT[2], 'a "late" tube\tof two')], layout.file("exclusions.tsv"))
    obs = pd.DataFrame({"subject": ["PA", "PD"]}, index=pd.Index(["A", "D"], name="sample"))
    with atomic_path(layout.matrix("discovery")) as temporary:
        anndata.AnnData(X=np.zeros((2, 1)), obs=obs).write_h5ad(temporary)
    return layout


def test_whole_tables(layout):
    assert [sample.sample for sample in kept_samples(layout, "discovery")] == ["A", "D"]
    rows = load_exclusions(layout.file("exclusions.tsv"))
    assert rows[0] == dict(zip(COLUMNS, ["B", "PB", "discovery", "1", "", "few"], strict=True))
    assert rows[1]["reason"] == 'a "late" tube\tof two'


def test_wherever_exclusions_are_cut_nobody_comes_back(layout):
    path = layout.file("exclusions.tsv")
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(
            InputError, match=r"exclusions\.tsv .*; run the (cohort and the )?matrix stage again"
        ):
            kept_samples(layout, "discovery")


def test_a_cut_at_the_end_of_a_line_names_who_would_come_back(layout):
    path = layout.file("exclusions.tsv")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(InputError, match=r"^sample C: .*exclusions\.tsv keep it, .*discovery\.h5ad lacks it"):
        kept_samples(layout, "discovery")


def test_a_cut_sheet_names_who_would_be_lost(layout):
    path = layout.samples("discovery")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match=r"^sample D: .*discovery\.tsv and .* leave it out, .* holds it"):
        kept_samples(layout, "discovery")


def test_a_damaged_matrix(layout):
    layout.matrix("discovery").write_bytes(b"\0" * 100)
    with pytest.raises(
        InputError, match=r"discovery\.h5ad is not a feature matrix .*; run the matrix stage again"
    ):
        kept_samples(layout, "discovery")


def test_a_missing_table_names_the_stage(layout):
    layout.file("exclusions.tsv").unlink()
    with pytest.raises(InputError, match="run the matrix stage first"):
        kept_samples(layout, "discovery")
