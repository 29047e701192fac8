"""``docs/files.md``: every field of every result file, from the types themselves.

    python -m cfdna_interp.records.docs docs/files.md

rewrites what follows the marker; what stands before it is written by hand.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import pkgutil
import re
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from cfdna_interp import records
from cfdna_interp.records.base import Record, ResultFile

WORDS: dict[Any, str] = {
    str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null", Any: "any",
}  # fmt: skip
MARKER = "<!-- Everything below is made by `python -m cfdna_interp.records.docs docs/files.md`. -->"


def result_files() -> list[type[ResultFile]]:
    """Return the types of all result files, in the order of their paths."""
    for module in pkgutil.iter_modules(records.__path__, f"{records.__name__}."):
        importlib.import_module(module.name)
    inside = [kind for kind in ResultFile.__subclasses__() if kind.__module__.startswith(records.__name__)]
    return sorted(inside, key=lambda kind: kind.FILE)


def descriptions(kind: type) -> dict[str, str]:
    """Return field -> its description, from the *Attributes* of a record and of those that it extends."""
    fields: dict[str, str] = {}
    # What a record says itself takes the place of what it inherits.
    for part in reversed(kind.__mro__):
        text = inspect.cleandoc(vars(part).get("__doc__") or "").partition("Attributes\n----------\n")[2]
        for block in re.split(r"\n(?=\S)", text):
            names, _, body = block.partition("\n")
            if names:
                fields |= dict.fromkeys(names.split(", "), " ".join(body.split()))
    return fields


def markdown() -> str:
    """Return the part of ``docs/files.md`` that the types say."""
    return "\n".join(line for kind in result_files() for line in _file(kind))


def _file(kind: type[ResultFile]) -> Iterator[str]:
    yield f"\n## `{kind.FILE}`\n"
    yield f"Written by `{kind.STAGE}`, format {kind.FORMAT}. {_summary(kind)}\n"
    parts = list(parts_of(kind))
    yield from _fields(kind)
    for part in parts:
        yield f"\n**{part.__name__}**: {_summary(part)}\n"
        yield from _fields(part)


def _fields(kind: type[Record]) -> Iterator[str]:
    said = descriptions(kind)
    yield "| field | type | |"
    yield "|---|---|---|"
    layout = kind.__struct_config__
    if layout.tag is not None:
        yield f'| `{layout.tag_field}` | "{layout.tag}" | Tells this type from others. |'
    for name, hint in _hints(kind).items():
        yield f"| `{name}` | {_type(hint)} | {said[name].replace('|', chr(92) + '|')} |"


def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=False)
    return {name: hint for name, hint in hints.items() if get_origin(hint) is not typing.ClassVar}


def _summary(kind: type) -> str:
    """Return what a docstring says before its sections."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\nAttributes\n")[0].split())


def parts_of(kind: type[Record], seen: set[type[Record]] | None = None) -> Iterator[type[Record]]:
    """Yield the records inside a record, each once, in the order of the fields."""
    seen = {kind} if seen is None else seen
    for hint in _hints(kind).values():
        for part in _named(hint):
            if part not in seen:
                seen.add(part)
                yield part
                yield from parts_of(part, seen)


def _named(hint: Any) -> Iterator[type[Record]]:
    if isinstance(hint, type) and get_origin(hint) is None and issubclass(hint, Record):
        yield hint
    for argument in get_args(hint):
        yield from _named(argument)


def _type(hint: Any) -> str:
    """Return a type as a reader of JSON calls it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(part) for part in arguments)
    if origin is typing.Literal:
        return " or ".join(f'"{word}"' for word in arguments)
    if origin is dict:
        return f"{{{_type(arguments[0])}: {_type(arguments[1])}}}"
    if origin in (tuple, list):
        inside = [part for part in arguments if part is not Ellipsis]
        return f"[{', '.join(map(_type, inside))}{', ..' if len(inside) < len(arguments) else ''}]"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return " or ".join(f'"{member.value}"' for member in hint)
    return WORDS[hint] if hint in WORDS else str(getattr(hint, "__name__", hint))


def written(path: Path) -> str:
    """Return a page whose part below the marker is what the types say."""
    return path.read_text(encoding="utf-8").partition(MARKER)[0] + MARKER + "\n" + markdown() + "\n"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(written(page), encoding="utf-8")
