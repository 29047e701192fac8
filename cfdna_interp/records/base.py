"""What all records share: checked fields, a format number, one way to save and one to load.

A result file is a :class:`ResultFile`; what lies inside it is a :class:`Record`. A stage builds the record
and saves it. A later stage loads the same type. A field that is missing, unknown or of another type is an
error that names the file, the place in it and the stage to run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
import numpy as np

from cfdna_interp.artifacts.files import write_text
from cfdna_interp.artifacts.foreign_json import parse_json
from cfdna_interp.config.convert import own_type
from cfdna_interp.errors import InputError


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a result file.

    The docstring of each record describes its fields under *Attributes*; ``docs/files.md`` is made of these.
    A number that may be unknown is ``float | None``: JSON has no NaN, it has null.
    """


class ResultFile(Record, frozen=True, kw_only=True):
    """The content of one JSON file.

    Three class variables are no fields: ``FILE`` is the path in the output folder, ``STAGE`` the stage that
    writes it, ``FORMAT`` a number that counts up when a field comes, goes or changes its meaning.
    """

    FILE: ClassVar[str]
    STAGE: ClassVar[str]
    FORMAT: ClassVar[int] = 1


class _Stamp(msgspec.Struct):
    format: int | None = None


R = TypeVar("R", bound=ResultFile)


def save_record(record: ResultFile, path: Path | str) -> None:
    """Write a record as JSON: fields in the order of the type, shortest exact floats, NaN as null.

    Raises
    ------
    msgspec.ValidationError
        A field holds what its type forbids: the stage that built the record is wrong.
    """
    content = msgspec.json.encode(record, enc_hook=_plain, order="deterministic")
    msgspec.json.decode(content, type=type(record), dec_hook=own_type)
    rest = content[1:] if content == b"{}" else b"," + content[1:]
    stamped = b'{"format":%d' % record.FORMAT + rest
    write_text(path, msgspec.json.format(stamped, indent=1).decode() + "\n")


def load_record(kind: type[R], path: Path | str) -> R:
    """Read what :func:`save_record` wrote.

    Raises
    ------
    InputError
        The file is missing, unreadable, of another format, or doesn't hold what ``kind`` asks for.
    """
    remedy = f"run the {kind.STAGE} stage again"
    try:
        stored = parse_json(path, "result", remedy)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; run the {kind.STAGE} stage first") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); {remedy}") from None
    except ValueError as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); {remedy}") from None
    try:
        number = msgspec.convert(stored, _Stamp).format
        if number != kind.FORMAT:
            raise InputError(
                f"{path} is of {'no format' if number is None else f'format {number}'}, this version reads "
                f"format {kind.FORMAT}; {remedy}"
            )
        del stored["format"]
        record = msgspec.convert(stored, kind, dec_hook=own_type)
    except msgspec.ValidationError as error:
        raise InputError(
            f"{path} has no usable {_place(error)!r} ({error}): it is damaged or made by another version; "
            f"{remedy}"
        ) from None
    if (place := _other_key(stored, record)) is not None:
        raise InputError(
            f"{path} has no usable {place!r} (missing or unknown, and no default takes its place): it is "
            f"damaged or made by another version; {remedy}"
        )
    return record


def _other_key(stored: Any, value: Any, place: str = "") -> str | None:
    """Return the place of a key that either a file or the record that was made of it lacks, else None."""
    if isinstance(value, msgspec.Struct):
        kind = value.__struct_config__
        value = {name: getattr(value, name) for name in value.__struct_fields__}
        # A union of records is told apart by a key of its own.
        if kind.tag_field is not None:
            value[kind.tag_field] = kind.tag
    if isinstance(value, dict):
        for key in sorted(stored.keys() ^ value.keys()):
            return f"{place}.{key}".removeprefix(".")
        parts = [(stored[key], value[key], f"{place}.{key}".removeprefix(".")) for key in stored]
    elif isinstance(value, tuple):
        pairs = enumerate(zip(stored, value, strict=True))
        # Tables of numbers are long, and numbers have no keys.
        parts = [(a, b, f"{place}[{i}]") for i, (a, b) in pairs if not isinstance(b, (float, int, str))]
    else:
        return None
    return next((other for part in parts if (other := _other_key(*part)) is not None), None)


def _plain(value: Any) -> Any:
    """Turn what NumPy, pathlib and the settings' own types of text make into what JSON knows."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, Path):
        return value.as_posix()
    raise NotImplementedError(f"a record can't hold a {type(value).__name__}")


def _place(error: msgspec.ValidationError) -> str:
    """Return where a record is wrong; msgspec writes ``[...]`` for a key of a dictionary."""
    problem, _, path = str(error).partition(" - at `$")
    place = path.rstrip("`")
    if field := re.fullmatch(r"Object (?:missing required|contains unknown) field `(.*)`", problem):
        place += f".{field[1]}"
    return place.removeprefix(".") or "content"
