"""What a setting may be, in words made from its type."""

from __future__ import annotations

from typing import Any

from msgspec import inspect


def allowed(kind: Any) -> str:
    """Return what values a type allows, as it stands behind "give".

    Parameters
    ----------
    kind
        A type that msgspec knows. A description in its ``Meta`` takes the place of words for a pattern and
        for a type of our own.
    """
    return _words(inspect.type_info(kind))


def _words(kind: inspect.Type) -> str:
    *first, last = _alternatives(kind)
    return f"{', '.join(first)} or {last}" if first else last


def _alternatives(kind: inspect.Type) -> list[str]:
    match kind:
        case inspect.UnionType():
            return [words for each in kind.types for words in _alternatives(each)]
        case inspect.LiteralType():
            return [repr(value) for value in kind.values]
        case _:
            return [_one(kind)]


def _one(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(extra_json_schema={"description": str(description)}):
            return description
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "null"
        case inspect.IntType():
            return f"a whole number{_bounds(kind)}"
        case inspect.FloatType():
            return f"a number{_bounds(kind)}"
        case inspect.StrType():
            return "a text that is not empty" if kind.min_length else "a text"
        case inspect.VarTupleType():
            return f"a list{_count(kind)}, each {_words(kind.item_type)}"
        case inspect.DictType():
            return f"a section{_count(kind)} (a key is {_words(kind.key_type)})"
        case inspect.StructType():
            return f"a section (keys: {', '.join(field.name for field in kind.fields)})"
    raise NotImplementedError(f"no words for {kind!r}")


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    ends = (("from", kind.ge), ("above", kind.gt), ("up to", kind.le), ("below", kind.lt))
    return "".join(f" {word} {end}" for word, end in ends if end is not None)


def _count(kind: inspect.VarTupleType | inspect.DictType) -> str:
    ends = (("at least", kind.min_length), ("at most", kind.max_length))
    if kind.min_length is not None and kind.min_length == kind.max_length:
        return f" of {kind.min_length}"
    words = [f"{word} {end}" for word, end in ends if end is not None]
    return f" of {', '.join(words)}" if words else ""
