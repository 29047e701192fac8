"""What a file is known by: its content, and never its time stamp alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

# A file up to this size is read whole. Of a larger one, which may have 60 GB, blocks are read.
READ_WHOLE = 8 * 2**20
BLOCK = 2**16
BLOCKS = 16
ENDS = 2**20


@cache
def identity(path: str) -> tuple[int | str, ...]:
    """Return what tells a file from another one under the same name.

    The SHA-256 of all bytes of a file of up to 8 MiB. Of a larger file its size, its modification time in ns,
    and the SHA-256 of its first and last MiB (the header of an alignment file lies in the first one) and of
    16 blocks of 64 KiB at equal distances. A file that isn't there, and an address in the network, have
    nothing but their names.
    """
    if not Path(path).is_file():
        return (path,)
    state = os.stat(path)
    hasher = hashlib.sha256()
    with open(path, "rb") as handle:
        if state.st_size <= READ_WHOLE:
            hasher.update(handle.read())
            return (path, hasher.hexdigest())
        step = (state.st_size - ENDS) // (BLOCKS + 1)
        places = [(0, ENDS), *((step * n, BLOCK) for n in range(1, BLOCKS + 1)), (state.st_size - ENDS, ENDS)]
        for place, length in places:
            handle.seek(place)
            hasher.update(handle.read(length))
    return (path, state.st_size, state.st_mtime_ns, hasher.hexdigest())


def identities(paths: Iterable[str]) -> tuple[tuple[int | str, ...], ...]:
    """Return the identities of files, in the order given."""
    return tuple(map(identity, paths))
