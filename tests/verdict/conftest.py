"""One finished run a session, made from planted numbers."""

import pytest
from frozen_run import World, copy_of, finished_run


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    return finished_run(World(), tmp_path_factory.getbasetemp())


@pytest.fixture
def own_copy(finished, tmp_path):
    return copy_of(finished, tmp_path / "copy")
