"""Fetch the index of a remote file to this machine, for as long as it is needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pysam

from cfdna_interp.artifacts.addresses import is_remote, shown, split_query
from cfdna_interp.errors import InputError

PIECE = 1 << 20  # bytes fetched at a time
MOST = 1 << 27  # most bytes of an index; a 60-GB file has one of about 10 MB


@contextmanager
def remote_index(address: str, who: str, index: str = "") -> Iterator[str]:
    """Fetch the index beside a remote file into a temporary folder.

    By itself htslib writes the index into the working directory, and uses any file of that name that lies
    there.

    Parameters
    ----------
    address
        A BAM or CRAM file.
    who
        Sample and file, as error messages begin.
    index
        Path or address of the index; "" for the one beside the file, with the same query.

    Yields
    ------
    str
        Path of the index on this machine. It is removed when the context ends.

    Raises
    ------
    InputError
        There is no index, or it cannot be fetched.
    """
    if index and not is_remote(index):
        if not os.path.isfile(index):
            raise InputError(
                f"{who}: its index {index} does not exist; correct the index column of the sheet"
            )
        yield index
        return
    plain, query = split_query(address)
    stem, ending = os.path.splitext(plain)
    endings = (".crai",) if ending == ".cram" else (".bai", ".csi") + (() if ending == ".bam" else (".crai",))
    names = [index] if index else [begin + end + query for end in endings for begin in (plain, stem)]
    why = ""
    with tempfile.TemporaryDirectory(prefix="cfdna-interp-") as folder:
        for name in names:
            local = os.path.join(folder, "index" + os.path.splitext(split_query(name)[0])[1])
            try:
                _fetch(name, local, who)
            except (FileNotFoundError, PermissionError) as error:  # some stores deny access to missing files
                why = why or _line(error, name)
            except OSError as error:
                raise InputError(
                    f"{who}: its index {shown(name)} cannot be fetched ({_line(error, name)}); try again"
                ) from None
            else:
                yield local
                return
    raise InputError(
        f"{who} has no index beside it ({', '.join(map(shown, names))}: {why}); run samtools index and put "
        "it there, or name it in the column index of the sheet"
    )


def _fetch(name: str, local: str, who: str) -> None:
    size = 0
    with pysam.HFile(name) as source, open(local, "wb") as target:
        while piece := source.read(PIECE):
            size += len(piece)
            if size > MOST:
                raise InputError(
                    f"{who}: its index {shown(name)} has more than {MOST} bytes; run samtools index"
                )
            target.write(piece)


def _line(error: Exception, name: str) -> str:
    return str(error).replace(name, shown(name))
