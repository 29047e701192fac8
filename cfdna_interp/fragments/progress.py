"""How far the reading of a file, or other long work, has come, on the standard error stream."""

from __future__ import annotations

import sys
import threading
import time

EVERY = 10.0  # seconds between two lines; files read faster than that stay silent


class Progress:
    """Reads, reads per second and time left of one file, whose parts may be read on several threads.

    The time left comes from the share of the compressed bytes that have been read.

    Parameters
    ----------
    who
        Sample and file, as the lines begin.
    size
        Bytes of the file, 0 where the bytes that are read are not its own.
    what
        What is counted.
    """

    def __init__(self, who: str, size: int, what: str = "reads"):
        self._who, self._size, self._what = who, size, what
        self._reads = self._consumed = 0
        self._lock = threading.Lock()
        self._begin = self._last = -1.0
        self._said = False

    def add(self, reads: int, consumed: int) -> None:
        """Count reads and compressed bytes since the last call."""
        with self._lock:
            now = time.monotonic()
            if self._begin < 0:
                # The clock starts with the first call: before it, kernels may have had to be compiled.
                self._begin = self._last = now
            self._reads += reads
            self._consumed += consumed
            if now - self._last >= EVERY:
                self._last, self._said = now, True
                self._say(now - self._begin)

    def done(self) -> None:
        """Say the sum, where anything was said before."""
        if self._said:
            self._size = 0
            self._say(time.monotonic() - self._begin)

    def _say(self, seconds: float) -> None:
        rate = self._reads / max(seconds, 1e-9)
        line = f"{self._who}: {self._reads:,} {self._what}, {rate:,.0f} a second"
        if self._size and self._consumed:
            seconds_left = seconds * max(self._size - self._consumed, 0) / self._consumed
            line += f", {self._consumed / self._size:.0%}, {seconds_left:,.0f} s left"
        print(line, file=sys.stderr, flush=True)
