"""Finished synthetic runs, built once: one simulated with a dominant group, one real-looking without."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import HOSTILE, Built, World, make_run
from fake_table_run import TableWorld, make_table_run

from cfdna_interp.report.report import build_report


def _build(folder: Path, world: World) -> Built:
    config, layout = make_run(folder, world)
    build_report(config, layout)
    return Built(config, layout)


@pytest.fixture(scope="session")
def simulated_run(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A dominant group, four batches, covariates, nothing excluded; alignments made by a program."""
    return _build(tmp_path_factory.mktemp("simulated"), World())


@pytest.fixture(scope="session")
def table_run(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A table of three groups, of which one follows the label, run through the stages themselves."""
    config, layout = make_table_run(tmp_path_factory.mktemp("table"), TableWorld())
    build_report(config, layout)
    return Built(config, layout)


@pytest.fixture(scope="session")
def bare_run(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A causal model without dominant group, maps or probes, label nested in batch, hostile texts."""
    world = World(
        per_class=20,
        batches=("<b>Aarhus</b>", "Bergen"),
        simulated=False,
        dominant=False,
        nested=True,
        covariates=False,
        exclusions=(("S001", HOSTILE),),
        title="Cohort & <i>controls</i>",
        encoder="causal",
        maps=False,
        parts=("features", "geometry"),
    )
    return _build(tmp_path_factory.mktemp("bare"), world)
