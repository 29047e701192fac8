"""Atomic and reproducible writing of files."""

from __future__ import annotations

import hashlib
import math
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from cfdna_interp.artifacts.foreign_json import parse_json
from cfdna_interp.artifacts.system_errors import writing_failed
from cfdna_interp.errors import InputError

_UNFINISHED = re.compile(r"\.tmp-(\d+)-[0-9a-f]{8}-.")


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` on success and is deleted on failure.

    A process killed in the middle leaves only a hidden ``.tmp`` file, never a half-written ``path``.

    Raises
    ------
    OSError
        The machine refuses the file, e.g. since the disk is full; it names ``path``.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _hidden(target)
    try:
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    except Exception as error:
        raised = writing_failed(error, target, temporary)
        if raised is error:
            raise
        raise raised from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Yield a folder for large intermediate files on the disk of ``beside``; it vanishes at the end.

    Raises
    ------
    OSError
        The machine refuses a file in it; it names ``beside``.
    """
    folder = _hidden(beside)
    folder.mkdir(parents=True)
    try:
        yield folder
    except OSError as error:
        if error.filename is not None:
            raise
        raise writing_failed(error, beside, folder / "more") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what :func:`atomic_path` and :func:`scratch_folder` left in processes that were killed."""
    for path in sorted(folder.rglob(".tmp-*")):
        made = _UNFINISHED.match(path.name)
        if made is None or psutil.pid_exists(int(made.group(1))):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _hidden(path: Path) -> Path:
    # The suffix stays last: writers such as pysam and anndata choose a format by it.
    # Jobs of two machines on a shared disk may have the same process number.
    return path.with_name(f".tmp-{os.getpid()}-{uuid.uuid4().hex[:8]}-{path.name}")


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def plain(value: Any) -> Any:
    """Convert numpy scalars and arrays, paths and tuples to JSON types, and NaN and infinities to null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return value.as_posix()
    return value


def read_json(path: Path | str) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    InputError
        The file is missing, not JSON, or not an object.
    """
    try:
        value = parse_json(path, "JSON file", "delete it and run again")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; run the stage that writes it first") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); delete it and run again") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} is not a JSON object; delete it and run again")
    return value


def digest_file(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
