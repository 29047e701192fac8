"""Result files that lost a key: what can go, and the file without it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stored import write_json

from cfdna_interp.errors import InputError

Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every key at every depth; of a list its first item, as the others look alike."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*at, key)
            yield from places(item, (*at, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*at, 0))


def without(value: Any, at: Place) -> Any:
    """A copy without the key at a place."""
    if len(at) == 1:
        return {key: item for key, item in value.items() if key != at[0]}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    changed = {key: without(item, at[1:]) if key == at[0] else item for key, item in items}
    return changed if isinstance(value, dict) else list(changed.values())


@contextmanager
def lost(path: Path, at: Place) -> Iterator[None]:
    """Take a key out of a file for a while."""
    before = path.read_bytes()
    write_json(path, without(json.loads(before), at))
    try:
        yield
    finally:
        path.write_bytes(before)


def check_losses(files: Sequence[Path], stage: Callable[[], object], count: int, seed: int = 5) -> None:
    """Take ``count`` keys of each file out in turn: the stage succeeds or names the file in one line."""
    draw = random.Random(seed)
    for path in files:
        known = list(places(json.loads(path.read_text())))
        for at in draw.sample(known, min(count, len(known))):
            with lost(path, at):
                try:
                    stage()
                except InputError as error:
                    assert path.name in str(error) and "\n" not in str(error), (path.name, at, str(error))
                except Exception as error:
                    raise AssertionError(f"{path.name} without {at}: {error!r}") from error
