"""Regular expressions that a person gave, with an end: some take longer than the world will last."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from cfdna_interp.errors import InputError

# Of processor time, so that the load of a machine decides nothing. A plain pattern needs .1 s for 100,000
# names.
SECONDS = 5.0


class _EndlessError(Exception):
    """The time is over."""


def fitting(pattern: str, names: Sequence[str], place: str) -> list[str]:
    """Return the names that a regular expression fits as a whole.

    Parameters
    ----------
    pattern
        A regular expression that can be compiled.
    names
        The names.
    place
        The setting that holds the pattern, for the message.

    Raises
    ------
    InputError
        The search has taken 5 s of processor time.
    """
    compiled = re.compile(pattern)
    try:
        with _limited():
            return [name for name in names if compiled.fullmatch(name)]
    except _EndlessError:
        raise InputError(
            f"{place}: the pattern {pattern!r} takes more than {SECONDS:g} s to compare with {len(names)} "
            "column names; write it without a repetition inside of a repetition, or give prefix or columns"
        ) from None


@contextmanager
def _limited() -> Iterator[None]:
    """Raise ``_EndlessError`` after ``SECONDS`` of processor time, in the main thread, which alone can be."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise _EndlessError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
