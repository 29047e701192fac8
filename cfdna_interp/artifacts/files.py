"""Writing files so that a reader never sees half of one, and the same bytes come out each time."""

from __future__ import annotations

import hashlib
import json
import math
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cfdna_interp.errors import InputError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place on success and vanishes on failure.

    A process killed in the middle leaves only a hidden ``.tmp`` file, never a half-written ``path``.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: writers such as pysam and anndata choose a format by it.
    # Jobs of two machines on a shared disk may have the same process number.
    temporary = target.with_name(f".tmp-{os.getpid()}-{uuid.uuid4().hex[:8]}-{target.name}")
    try:
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def plain(value: Any) -> Any:
    """Turn numpy scalars and arrays, paths and tuples into what JSON knows; NaN and infinities into null."""
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


def write_json(path: Path | str, value: Any) -> None:
    """Write JSON with sorted keys and the shortest exact floats: equal values give equal bytes."""
    text = json.dumps(plain(value), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


class Result(dict[str, Any]):
    """A JSON object of an earlier stage, in which a missing key is an error that names file and remedy.

    Objects inside are of this kind, too: whoever reads a file as deep as it goes needs no checks of its own.
    """

    __slots__ = ("_path", "_place", "_stage")

    def __init__(self, value: dict[str, Any], path: Path | str, stage: str, place: str = "") -> None:
        super().__init__({key: _inner(item, path, stage, f"{place}{key}.") for key, item in value.items()})
        self._path, self._stage, self._place = path, stage, place

    def __missing__(self, key: str) -> Any:
        raise unusable(self._path, self._stage, f"{self._place}{key}")


def _inner(value: Any, path: Path | str, stage: str, place: str) -> Any:
    if isinstance(value, dict):
        return Result(value, path, stage, place)
    if isinstance(value, list):
        return [_inner(item, path, stage, f"{place}{number}.") for number, item in enumerate(value)]
    return value


def unusable(path: Path | str, stage: str, key: str) -> InputError:
    """Return the error for a key that is missing or means nothing; dots stand between levels."""
    return InputError(
        f"{path} has no usable {key!r}: it is damaged or made by another version; run the {stage} stage again"
    )


def read_json(path: Path | str) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    InputError
        The file is missing, not JSON, or not an object.
    """
    return _read_object(path, "run the stage that writes it first")


def read_result(path: Path | str, stage: str, **needs: type) -> Result:
    """Read the JSON object of an earlier stage and check that it holds what the caller needs.

    Parameters
    ----------
    path
        The file.
    stage
        The stage that writes it.
    needs
        Key -> type of its value, for keys whose type can be wrong; ``object`` where it may be null.

    Raises
    ------
    InputError
        As :func:`read_json`, or a key is missing or of another type: another version wrote the file. Of other
        keys the result itself raises it where they are asked for.
    """
    result = Result(_read_object(path, f"run the {stage} stage first"), path, stage)
    check_result(result, path, stage, **needs)
    return result


def check_result(record: dict[str, Any], path: Path | str, stage: str, **needs: type) -> None:
    """Raise ``InputError`` unless a record holds what is needed; see :func:`read_result`."""
    for key, kind in needs.items():
        if key not in record or not isinstance(record[key], kind):
            raise unusable(path, stage, key)


def _read_object(path: Path | str, remedy: str) -> dict[str, Any]:
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; {remedy}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); delete it and run again") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} holds no JSON object; delete it and run again")
    return value


def digest_file(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
