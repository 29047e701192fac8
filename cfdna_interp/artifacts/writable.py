"""Check that output files can be written, before a long computation."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from cfdna_interp.errors import InputError

ROOM = 2**20


def check_writable(folder: Path | str, setting: str) -> Path:
    """Check that a file of 1 MiB can be created in a folder, or in its nearest existing parent.

    Parameters
    ----------
    folder
        The folder. It need not exist and is not created.
    setting
        The setting that names it, for the message.

    Returns
    -------
    The nearest existing folder.

    Raises
    ------
    InputError
        A file has the name of the folder, disk or permissions refuse a file, or the name is invalid.
    """
    place = Path(folder)
    try:
        while not _there(place):
            place = place.parent
        with TemporaryFile(dir=place) as handle:
            # A full disk still takes a file that is empty.
            handle.write(bytes(ROOM))
            handle.flush()
        return place
    except OSError as error:
        error.filename = str(folder)  # who puts the refusal into words names no temporary file
        raise InputError(
            f"{setting}: files cannot be made in {folder} ({error.strerror}); give another folder"
        ) from None


def _there(place: Path) -> bool:
    try:
        place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
