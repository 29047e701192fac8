"""Show on the standard error stream how far long work, such as reading a file, has come."""

from __future__ import annotations

import sys
import threading
import time

EVERY = 10.0  # seconds between two lines; work that is done faster shows none


class Progress:
    """Reads, reads per second and time left of one file. Several threads may read its parts.

    The time left follows from the share of the compressed bytes that are read.

    Parameters
    ----------
    who
        Sample and file; the lines begin with it.
    size
        Bytes of the file. 0 where other bytes than the file's own are read; then no time left is shown.
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
                # The clock starts at the first call, since kernels may be compiled before it.
                self._begin = self._last = now
            self._reads += reads
            self._consumed += consumed
            if now - self._last >= EVERY:
                self._last, self._said = now, True
                self._say(now - self._begin)

    def done(self) -> None:
        """Show the total if a line was shown before."""
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
