"""What a file is known by: its content, and never its time stamp alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

# A file up to this size is read whole. Of a larger one, which may have 60 GB, blocks are read.
READ_WHOLE = 8 * 2**20
BLOCK = 2**16
BLOCKS = 16
ENDS = 2**20


class Content(NamedTuple):
    """The content of a file.

    Attributes
    ----------
    size
        Bytes.
    digest
        SHA-256: of all bytes of a file of up to 8 MiB; of a larger file, of its first and last MiB (the
        header of an alignment file lies in the first one) and of 16 blocks of 64 KiB at equal distances.
    whole
        Whether all bytes were read.
    """

    size: int
    digest: str
    whole: bool


def content(path: str | Path) -> Content:
    """Return size and digest of a file that is there."""
    size = os.stat(path).st_size
    hasher = hashlib.sha256()
    with open(path, "rb") as handle:
        if size <= READ_WHOLE:
            hasher.update(handle.read())
            return Content(size, hasher.hexdigest(), whole=True)
        step = (size - ENDS) // (BLOCKS + 1)
        for place, length in [
            (0, ENDS),
            *((step * n, BLOCK) for n in range(1, BLOCKS + 1)),
            (size - ENDS, ENDS),
        ]:
            handle.seek(place)
            hasher.update(handle.read(length))
    return Content(size, hasher.hexdigest(), whole=False)


@cache
def identity(path: str) -> tuple[int | str, ...]:
    """Return what tells a file from another one under the same name.

    The digest of its content; of a file that is not read whole also its size and its modification time in
    ns. A file that isn't there, and an address in the network, have nothing but their names.
    """
    if not Path(path).is_file():
        return (path,)
    size, digest, whole = content(path)
    return (path, digest) if whole else (path, size, os.stat(path).st_mtime_ns, digest)


def identities(paths: Iterable[str]) -> tuple[tuple[int | str, ...], ...]:
    """Return the identities of files, in the order given."""
    return tuple(map(identity, paths))
