"""What all tests share: one simulated cohort a session, and the folder of real alignments."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

# No test is about how long an example takes: the first one compiles, and workers share a machine.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# As the command line does: one thread each. Two workers with a pool of spinning threads each would get
# in each other's way, and sums would come out in another order than in a run.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[variable] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put whole runs first: a worker that begins one last would keep the others waiting."""
    items.sort(key=lambda item: item.path.parent.name != "workflow")


@pytest.fixture(scope="session")
def simulated_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a cohort of world ``length``: 12 discovery and 12 held-out samples of 3,000 fragments.

    Tests read it and write elsewhere.
    """
    from cfdna_interp.simulation.cohort import simulate
    from cfdna_interp.simulation.worlds import load_world

    folder = tmp_path_factory.mktemp("cohort")
    simulate(replace(load_world("length"), fragments=3_000, discovery=12, heldout=12), folder, seed=1)
    return folder


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of the third-party alignments with known answers; skips where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "realdata"
    folder = Path(os.environ.get("CFDNA_INTERP_REALDATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real alignments at {folder}; set CFDNA_INTERP_REALDATA")
    return folder
