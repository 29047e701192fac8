"""One owner of an output folder: the process that runs its jobs, and the jobs that are at work."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cfdna_interp.artifacts.files import remove_unfinished
from cfdna_interp.artifacts.system_errors import NotWrittenError
from cfdna_interp.errors import InputError

# The kernel lets go of a lock when its process ends, however it ends: a lock that is held has a living owner.
_HELD: list[IO[str]] = []
_JOB = ".job."  # how the marks of jobs begin; host and process follow
# Processes that were killed a moment ago take a moment to end.
_PATIENCE = 3.0  # seconds
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def hold_run(outdir: Path) -> None:
    """Make this process the owner of an output folder, for as long as it lives.

    The hidden files of writers that were killed are removed: no process is at work in the folder then.

    Raises
    ------
    InputError
        Another process owns the folder, or a job of an earlier run is still at work in it.
    """
    handle = _take_run(outdir)
    _write_mark(handle, "")
    _HELD.append(handle)
    remove_unfinished(outdir)


def check_free(outdir: Path) -> None:
    """Raise ``InputError`` where :func:`hold_run` would, and hold nothing."""
    _take_run(outdir).close()


@contextmanager
def job_at_work(outdir: Path, stage: str) -> Iterator[None]:
    """Let later runs know that a job of this process is at work in the folder.

    A folder that isn't there yet is not made: no run owns it.
    """
    if not outdir.is_dir():
        yield
        return
    path = outdir / f"{_JOB}{socket.gethostname()}.{os.getpid()}"
    with _open_mark(path, "w") as handle:
        try:
            _write_mark(handle, f"{stage}, ")
            _lock(handle, path)
            yield
        finally:
            path.unlink(missing_ok=True)


def _take_run(outdir: Path) -> IO[str]:
    path, deadline = outdir / ".lock", time.monotonic() + _PATIENCE
    handle = _open_mark(path, "a+")
    while True:
        free = _lock(handle, path)
        job = _orphan(outdir) if free else None
        if free and job is None:
            return handle
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    handle.seek(0)
    owner = handle.read().strip()
    handle.close()
    if job is None:
        raise InputError(f"another run is writing to {outdir} ({owner}); wait for it or stop it")
    raise InputError(f"a job of an earlier run is still at work in {outdir} ({job}); wait for it or stop it")


def _open_mark(path: Path, mode: str) -> IO[str]:
    try:
        return open(path, mode)
    except OSError as error:  # of the folder, for its user: the marks are hidden
        raise NotWrittenError(error.errno or errno.EIO, str(path.parent)) from error


def _write_mark(handle: IO[str], what: str) -> None:
    """Say in a file who works here, at the moment."""
    try:
        handle.truncate(0)
        handle.write(f"{what}process {os.getpid()} on {socket.gethostname()}")
        handle.flush()
    except OSError as error:
        raise NotWrittenError(error.errno or errno.EIO, os.path.dirname(handle.name)) from error


def _orphan(outdir: Path) -> str | None:
    """Return what job is at work though no run owns the folder; remove the marks of jobs that ended."""
    for path in sorted(outdir.glob(f"{_JOB}*")):
        try:
            with open(path, "a+") as handle:
                if not _lock(handle, path):
                    handle.seek(0)
                    return handle.read()
        except FileNotFoundError:  # it ended just now
            continue
        path.unlink(missing_ok=True)
    return None


def _lock(handle: IO[str], path: Path) -> bool:
    """Return whether the lock was free; it is taken then."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        # Not as errors begin: `run` looks for these in the logs of jobs.
        print(
            f"warning: {path}: this file system has no locks ({error.strerror}), so nothing keeps a "
            "second run out; see to it that there is none",
            file=sys.stderr,
        )
    return True
