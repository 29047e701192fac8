"""JSON from anywhere, with bounds on size, depth, numbers and repeated keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from cfdna_interp.config.regular_file import check_regular

# Of our own files the largest hold numbers per sample and feature. Those of 10,000 samples are smaller.
MOST_BYTES = 2**30


def parse_json(path: Path | str, what: str, remedy: str) -> Any:
    """Return the content of a JSON file.

    Parameters
    ----------
    path
        The file.
    what
        What it is, as messages begin where it is no regular file.
    remedy
        What to do then.

    Raises
    ------
    OSError
        The file is missing or can't be read.
    ValueError
        It is no JSON in UTF-8, has more than 1 GiB, is nested too deeply, has a key twice in one object, a
        number that isn't finite or has thousands of digits, or half of a character.
    InputError
        It is no regular file.
    """
    check_regular(path, what, remedy)
    with open(path, "rb") as handle:
        content = handle.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    try:
        value = json.loads(
            content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number, parse_float=_number
        )
        # Half of a character can be written as \ud800, and then stands in no file.
        if b"\\ud" in content or b"\\uD" in content:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice")
    return found


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), -float("inf")):
        _no_number(text[:40])
    return number


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no finite number")
