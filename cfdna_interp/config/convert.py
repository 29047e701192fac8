"""From what a file holds to settings and back; a wrong value is named with its place and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from cfdna_interp.config.allowed import allowed

T = TypeVar("T")
_SHOWN = 200  # letters of a wrong value


class SettingError(ValueError):
    """A setting is not allowed.

    Attributes
    ----------
    place
        The keys from the outermost inwards, dots between them; "" for the whole.
    problem
        What is wrong, and the remedy.
    more
        Errors of other settings.
    """

    def __init__(self, place: str, problem: str, more: Sequence[SettingError] = ()) -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.place = place
        self.problem = problem
        self.more = tuple(more)


def decode(value: Any, kind: type[T], place: str = "") -> T:
    """Return a value as the type that says what is allowed, most often a section of settings.

    Parameters
    ----------
    value
        Dictionaries, lists, texts, numbers and None, as JSON holds them.
    kind
        A ``msgspec.Struct``, or what the annotation of one of its fields holds.
    place
        Where the value stands, dots between keys.

    Raises
    ------
    SettingError
        A key is unknown (the nearest known one is named) or missing, or a value is not allowed. The error
        holds those of other settings, too.
    """
    try:
        return msgspec.convert(value, kind, dec_hook=own_type)
    except msgspec.ValidationError as error:
        rule = error.__cause__
    # What follows only finds the places: outer keys first, then each value by itself.
    found: list[SettingError] = []
    for section in _sections(value, kind):
        found += _wrong_keys(value, section, place)
    for key, part, part_kind in _parts(value, kind):
        try:
            decode(part, part_kind, _join(place, key))
        except SettingError as error:
            found += [error, *error.more]
    if not found and isinstance(rule, SettingError):
        found.append(SettingError(_join(place, rule.place), rule.problem))
    if not found:
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        found.append(SettingError(place, f"{shown} is not allowed; give {allowed(kind)}"))
    first, *more = found
    raise SettingError(first.place, first.problem, more)


def encode(settings: msgspec.Struct) -> dict[str, Any]:
    """Return settings as nested dictionaries, as a record holds them; a list is a tuple."""
    record: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=str)
    return record


def check_distinct(key: str, values: Sequence[str]) -> None:
    """Raise ``SettingError`` where a list holds a value twice."""
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise SettingError(key, f"{twice[0]!r} occurs twice; keep one")


def own_type(kind: type[Any], value: Any) -> Any:
    """Return a value as a type that msgspec doesn't know: its ``of`` makes it or raises ValueError."""
    return kind.of(value)


def _wrong_keys(value: dict[str, Any], section: type[msgspec.Struct], place: str) -> Iterator[SettingError]:
    fields = msgspec.structs.fields(section)
    known = [field.name for field in fields]
    for unknown in sorted(set(value) - set(known)):
        near = difflib.get_close_matches(unknown, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        yield SettingError(_join(place, unknown), f"unknown key; {hint}")
    for field in fields:
        if field.required and field.name not in value:
            yield SettingError(_join(place, field.name), f"the key is missing; give {allowed(field.type)}")


def _parts(value: Any, kind: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield key, value and type of each part of a section, a mapping or a list."""
    for section in _sections(value, kind):
        for field in msgspec.structs.fields(section):
            if field.name in value:
                yield field.name, value[field.name], field.type
    for each in _alternatives(kind):
        if isinstance(value, dict) and get_origin(each) is dict:
            key_kind, value_kind = get_args(each)
            for key, part in value.items():
                yield key, key, key_kind
                yield key, part, value_kind
        if isinstance(value, list) and get_origin(each) is tuple:
            for number, part in enumerate(value):
                yield str(number), part, get_args(each)[0]


def _sections(value: Any, kind: Any) -> list[type[msgspec.Struct]]:
    """Return the sections that a value with keys may be: one, or none."""
    kinds = _alternatives(kind) if isinstance(value, dict) else ()
    return [each for each in kinds if isinstance(each, type) and issubclass(each, msgspec.Struct)]


def _alternatives(kind: Any) -> Iterator[Any]:
    """Yield the types of a union without their constraints."""
    if get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for each in get_args(kind):
            yield from _alternatives(each)
    else:
        yield kind


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place and key else place or key
