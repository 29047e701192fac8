"""Input comes from regular files: a pipe or a device may have no end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cfdna_interp.errors import InputError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def check_regular(path: Path | str, what: str, remedy: str = "give a file") -> None:
    """Check that a path, links followed, leads to a regular file, or nowhere.

    Whoever opens a file that isn't there says so in words of its own.

    Parameters
    ----------
    path
        The path.
    what
        What the file is, as messages begin.
    remedy
        What to do.

    Raises
    ------
    InputError
        The path leads to a folder, a pipe, a device or a socket.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
        raise InputError(f"{what} {path} is no regular file but {kind}; {remedy}")
