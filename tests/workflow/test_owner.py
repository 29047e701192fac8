"""Who owns an output folder: one run, for as long as any process of it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cfdna_interp.errors import InputError
from cfdna_interp.workflow.owner import check_free, hold_run, job_at_work

HOLD = "from cfdna_interp.workflow.owner import hold_run; hold_run(Path(sys.argv[1]))"
WORK = """from cfdna_interp.workflow.owner import job_at_work
mark = job_at_work(Path(sys.argv[1]), "train")
mark.__enter__()"""


@contextmanager
def process(what: str, folder: Path) -> Iterator[int]:
    """Run code in a process of its own that then waits; yield its number."""
    code = f"import sys\nfrom pathlib import Path\n{what}\nprint(1, flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child.pid
        child.kill()


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfdna_interp.workflow.owner._PATIENCE", 0.2)


def test_a_second_owner_is_refused_with_the_first_ones_number(tmp_path: Path) -> None:
    check_free(tmp_path)
    with process(HOLD, tmp_path) as number:
        for ask in (check_free, hold_run):
            with pytest.raises(InputError, match=rf"another run is writing .*\(process {number} on .+\)"):
                ask(tmp_path)
    check_free(tmp_path)


def test_an_owner_that_was_killed_owns_nothing(tmp_path: Path) -> None:
    with process(HOLD, tmp_path) as number:
        os.kill(number, signal.SIGKILL)
        os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)
        check_free(tmp_path)


def test_a_job_without_its_run_is_found_and_named(tmp_path: Path) -> None:
    with process(WORK, tmp_path) as number:
        with pytest.raises(InputError, match=rf"still at work in .* \(train, process {number} on .+\)"):
            check_free(tmp_path)
        os.kill(number, signal.SIGKILL)
        os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)
        check_free(tmp_path)
    assert list(tmp_path.glob(".job.*")) == []


def test_a_job_that_ended_leaves_no_mark(tmp_path: Path) -> None:
    with job_at_work(tmp_path, "train"):
        assert len(list(tmp_path.glob(".job.*"))) == 1
    assert list(tmp_path.glob(".job.*")) == []


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import errno
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    check_free(tmp_path)
    assert "this file system has no locks" in capsys.readouterr().err
