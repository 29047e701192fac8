"""Whether files can be made somewhere, asked before hours are spent on what goes there."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from cfdna_interp.errors import InputError

ROOM = 2**20


def check_writable(folder: Path | str, setting: str) -> Path:
    """Check that a file of 1 MiB can be made in a folder, or in the nearest one above it that is there.

    Parameters
    ----------
    folder
        The folder; it need not be there and is not made.
    setting
        What names it, as the message begins.

    Returns
    -------
    The nearest folder that is there.

    Raises
    ------
    InputError
        A file stands in the way, the disk or its rights refuse a file, or the name is no name.
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
