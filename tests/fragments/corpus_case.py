"""What a case of the corpus is, and the sound file that most cases are made from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from raw_bam import File, header, library

# What must come of a file: a one-line error; the same as the readable decoder gives; or one of the two, or
# reads that are counted under a reason.
REFUSED, EQUAL, SETTLED = "refused", "equal", "settled"
RECORDS = library(50)
MIDDLE = 40  # the record that is damaged
SOUND = File.of(RECORDS)
STARTS = list(accumulate(map(len, RECORDS), initial=len(header())))  # of each record, and the end


@dataclass(frozen=True)
class Case:
    """A file and what must come of it.

    ``place`` is the virtual offset that an error has to name, if any; ``window`` how many inflated bytes may
    be worked on at once, at least the file's largest block: with few of them, much lies across two windows.
    """

    name: str
    data: bytes
    outcome: str
    place: tuple[int, int] | None = None
    window: int = 4_096
