"""Fetch the index of a remote file to this machine, for as long as it is needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pysam

from cfdna_interp.errors import InputError

PIECE = 1 << 20  # bytes fetched at a time
MOST = 1 << 27  # most bytes of an index; a 60-GB file has one of about 10 MB


def is_remote(path: str) -> bool:
    """Tell whether a path is an address (``http://``, ``s3://``)."""
    return "://" in path


@contextmanager
def remote_index(address: str, who: str) -> Iterator[str]:
    """Fetch the index beside a remote file into a temporary folder.

    By itself htslib writes the index into the working directory, and uses any file of that name that lies
    there.

    Parameters
    ----------
    address
        A BAM or CRAM file.
    who
        Sample and file, as error messages begin.

    Yields
    ------
    str
        Path of the index on this machine. It is removed when the context ends.

    Raises
    ------
    InputError
        There is no index, or it cannot be fetched.
    """
    stem, ending = os.path.splitext(address)
    endings = (".crai",) if ending == ".cram" else (".bai", ".csi") + (() if ending == ".bam" else (".crai",))
    names = [name + end for end in endings for name in (address, stem)]
    why = ""
    with tempfile.TemporaryDirectory(prefix="cfdna-interp-") as folder:
        for name in names:
            local = os.path.join(folder, "index" + os.path.splitext(name)[1])
            try:
                _fetch(name, local, who)
            except (FileNotFoundError, PermissionError) as error:  # some stores deny access to missing files
                why = why or str(error)
            except OSError as error:
                raise InputError(f"{who}: its index {name} cannot be fetched ({error}); try again") from None
            else:
                yield local
                return
    raise InputError(
        f"{who} has no index beside it ({', '.join(names)}: {why}); run samtools index and put it there"
    )


def _fetch(name: str, local: str, who: str) -> None:
    size = 0
    with pysam.HFile(name) as source, open(local, "wb") as target:
        while piece := source.read(PIECE):
            size += len(piece)
            if size > MOST:
                raise InputError(f"{who}: its index {name} has more than {MOST} bytes; run samtools index")
            target.write(piece)
