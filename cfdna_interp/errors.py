"""The one exception that a user's data or settings may cause, and several mistakes told at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager


class InputError(Exception):
    """Something in the user's data or settings is wrong, and the message says what to do.

    The command line prints the message as one line and exits with code 2. The message names the
    sample, the file, the place and the remedy, in this order, e.g. ``sample S07: s07.bam is not
    sorted by coordinate (header says SO:queryname); run samtools sort and samtools index``.

    Attributes
    ----------
    mistakes
        What is wrong, a sentence each: most often one, several where a reader goes on behind the first.
    untold
        How many more there are.
    """

    def __init__(self, *mistakes: str, untold: int = 0) -> None:
        super().__init__("\n".join((*mistakes, *([f"... and {untold} more"] if untold else []))))
        self.mistakes = mistakes
        self.untold = untold


MOST_TOLD = 20  # mistakes, or reasons of one, that are told: more fit on no screen


def error_with_reasons(message: str, reasons: Collection[str]) -> InputError:
    """Return an error that tells what is wrong, and behind it the reasons, a line each."""
    told = tuple(reasons)[:MOST_TOLD]
    return InputError(message, *told, untold=len(reasons) - len(told))


class Mistakes:
    """Mistakes that are found on the way and told together."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self.count = 0

    def add(self, message: str) -> None:
        """Take one mistake. What is wrong with a setting is found with every sample, and told once."""
        if message in self._told:
            return
        self.count += 1
        if len(self._told) < MOST_TOLD:
            self._told.append(message)

    def take(self, error: InputError) -> None:
        """Take all mistakes of an error."""
        for message in error.mistakes:
            self.add(message)
        self.count += error.untold

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Take the mistakes that a block raises, and go on behind it."""
        try:
            yield
        except InputError as error:
            self.take(error)

    def stop(self) -> None:
        """Raise one ``InputError`` with all mistakes, if there are any."""
        if self.count:
            raise InputError(*self._told, untold=self.count - len(self._told))
