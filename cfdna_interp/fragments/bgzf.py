"""Read a stretch of a BGZF file as windows of inflated bytes, in bounded memory."""

from __future__ import annotations

import queue
import struct
import threading
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.kernels.inflate import (
    BAD_CRC,
    BAD_DATA,
    BLOCK,
    DAMAGE,
    FULL,
    MORE,
    TRAILER,
    Piece,
    inflate_blocks,
    next_block,
)
from cfdna_interp.fragments.kernels.memory import SLACK
from cfdna_interp.fragments.libdeflate import Decompressor

INPUT = 1 << 20  # compressed bytes read at once
WINDOW = 1 << 19  # inflated bytes of a window; so many stay in the processor's cache
MARGIN = 1 << 19  # free bytes in front of a window, for what the window before left over


@dataclass(eq=False)
class Window:
    """Inflated bytes ``data[begin:end]`` of a file.

    Attributes
    ----------
    data
        (n,) uint8; at least ``SLACK`` bytes follow ``end``.
    begin, end
        Where the window's bytes begin and end. The bytes before ``begin`` are free.
    marks
        (blocks, 2) int64: where each block begins in ``data``, and in the file.
    consumed
        Compressed bytes from the begin of the stretch to the window's end.
    """

    data: np.ndarray
    begin: int
    end: int
    marks: np.ndarray
    consumed: int

    def virtual_offset(self, at: int) -> str:
        """Return where ``data[at]`` is in the file, as block offset and bytes within the inflated block."""
        block = int(np.searchsorted(self.marks[:, 0], at, side="right")) - 1
        if block < 0:
            return "the last record before block " + str(int(self.marks[0, 1]) if len(self.marks) else 0)
        start, place = self.marks[block].tolist()
        return f"offset {place}:{at - start}"


def damaged(who: str, place: str, what: str) -> InputError:
    """Return the error for bytes that can't be right."""
    return InputError(f"{who} is truncated or damaged at {place} ({what}); copy or write it again")


class ByteStream(Protocol):
    """A binary stream that reads into given memory."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Return how many bytes were read, 0 at the end."""


class Stretch:
    """The blocks of a BGZF stream between two virtual offsets.

    A virtual offset is ``place of the block in the file << 16 | bytes within the inflated block``.

    Parameters
    ----------
    stream
        Binary stream, at the begin of the first block.
    who
        Sample and file; error messages begin with it.
    begin
        Virtual offset of the first byte to read.
    end
        Virtual offset of the first byte that isn't read; None: the stream is read to its end.
    """

    def __init__(self, stream: ByteStream, who: str, begin: int = 0, end: int | None = None):
        self._stream, self._who = stream, who
        self._skip = begin & 0xFFFF
        self._first = begin >> 16
        self._last, self._cut = (-1, 0) if end is None else (end >> 16, end & 0xFFFF)
        if end is not None and self._cut == 0:
            self._last -= 1
        self._input = np.zeros(INPUT + BLOCK + SLACK, dtype=np.uint8)
        self._at = self._filled = 0
        self._offset = self._first  # place in the file of the first byte of the input
        self._ended = False
        self._decompressor = Decompressor()

    def close(self) -> None:
        """Free the decompressor; the stream stays open."""
        self._decompressor.close()

    def windows(self, size: int = WINDOW, ahead: bool = False) -> Generator[Window, None, None]:
        """Yield the bytes in file order. A window's memory is used again two windows later.

        Parameters
        ----------
        size
            Inflated bytes of a window, at least one block.
        ahead
            Inflate on a second thread while a window is in use.

        Raises
        ------
        InputError
            A block is damaged, or the stream ends inside one.
        """
        blocks = size // 64 + 1  # a window with smaller blocks simply ends earlier
        spare = [
            Window(
                np.zeros(MARGIN + size + SLACK, np.uint8), MARGIN, MARGIN, np.zeros((blocks, 2), np.int64), 0
            )
            for _ in range(3 if ahead else 2)
        ]
        if ahead:
            yield from _ahead(self._fill, spare)
            return
        turn = 0
        while (window := self._fill(spare[turn])) is not None:
            yield window
            turn = 1 - turn

    def _fill(self, memory: Window) -> Window | None:
        """Return the next window, in the memory of an earlier one; None at the end."""
        target, limit = memory.data, len(memory.data) - SLACK
        marks = memory.marks.base if memory.marks.base is not None else memory.marks
        begin = to = MARGIN
        filled = 0
        while True:
            code, self._at, to, blocks = self._inflate(target, to, limit, marks[filled:])
            filled += blocks
            if code not in (MORE, FULL):
                raise damaged(self._who, f"offset {self._offset + self._at}:0", DAMAGE[code])
            if code == FULL or self._finished() or not self._read():
                break
        if filled == 0:
            return None
        if marks[0, 1] == self._first and self._skip:
            begin = min(begin + self._skip, to)
        if self._finished():
            # The index is right only if a block begins at the place it names and is long enough.
            last = int(marks[filled - 1, 1]) if self._cut else self._offset + self._at - 1
            if last != self._last or to - int(marks[filled - 1, 0]) < self._cut:
                raise damaged(self._who, f"offset {self._last}:{self._cut}", "its index is of another file")
            if self._cut:
                to = int(marks[filled - 1, 0]) + self._cut
        return Window(target, begin, to, marks[:filled], self._offset + self._at - self._first)

    def _finished(self) -> bool:
        return 0 <= self._last < self._offset + self._at

    def _read(self) -> bool:
        """Get more input; False at the end of the stream."""
        rest = self._filled - self._at
        self._input[:rest] = self._input[self._at : self._filled]
        self._offset += self._at
        self._at, self._filled = 0, rest
        try:
            count = self._stream.readinto(self._input[rest : rest + INPUT])
        except OSError as error:
            raise damaged(self._who, f"offset {self._offset + rest}:0", str(error)) from None
        if not count and rest:
            raise damaged(self._who, f"offset {self._offset}:0", "the file ends inside a block")
        self._filled += count or 0
        return bool(count)

    def _inflate(
        self, target: np.ndarray, to: int, limit: int, marks: np.ndarray
    ) -> tuple[int, int, int, int]:
        source, at, end = self._input, self._at, self._filled
        functions = self._decompressor.functions
        if functions is not None:
            return inflate_blocks(
                Piece(source, at, end), Piece(target, to, limit), marks, self._offset, self._last, functions
            )
        blocks = 0
        while blocks < len(marks):
            if 0 <= self._last < self._offset + at:
                return MORE, at, to, blocks
            size, header, inflated, code = next_block(source, at, end)
            if code != MORE or size == 0:
                return code, at, to, blocks
            if limit - to < inflated:
                return FULL, at, to, blocks
            try:
                data = zlib.decompress(source[at + header : at + size - TRAILER].tobytes(), wbits=-15)
            except zlib.error:
                return BAD_DATA, at, to, blocks
            if len(data) != inflated:
                return BAD_DATA, at, to, blocks
            (checksum,) = struct.unpack("<I", source[at + size - 8 : at + size - 4].tobytes())
            if zlib.crc32(data) != checksum:
                return BAD_CRC, at, to, blocks
            target[to : to + inflated] = np.frombuffer(data, dtype=np.uint8)
            marks[blocks] = to, self._offset + at
            blocks, at, to = blocks + 1, at + size, to + inflated
        return FULL, at, to, blocks


def _ahead(fill: Callable[[Window], Window | None], spare: list[Window]) -> Iterator[Window]:
    """Yield windows that a second thread fills into the given memory."""
    free: queue.Queue[Window | None] = queue.Queue()
    ready: queue.Queue[Window | BaseException | None] = queue.Queue()
    for window in spare:
        free.put(window)

    def work() -> None:
        try:
            while (memory := free.get()) is not None:
                window = fill(memory)
                ready.put(window)
                if window is None:
                    return
        except BaseException as error:
            ready.put(error)

    thread = threading.Thread(target=work, name="inflate", daemon=True)
    thread.start()
    in_use: list[Window] = []
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            # The bytes that this window leaves over are copied when the next window is there. Only then is
            # its memory free.
            in_use.append(item)
            if len(in_use) > 1:
                free.put(in_use.pop(0))
    finally:
        free.put(None)
        thread.join()


def after_header(windows: Iterator[Window], contigs: int, who: str) -> Iterator[Window]:
    """Yield the windows of a whole BAM stream from its first record on.

    Raises
    ------
    InputError
        The stream does not begin with a BAM header of that many contigs.
    """
    header = b""
    for window in windows:
        before = len(header)
        header += window.data[window.begin : window.end].tobytes()
        try:
            sizes = _header(header)
        except ValueError as error:
            raise damaged(who, "its header", str(error)) from None
        if sizes is None:
            continue
        size, present = sizes
        if present != contigs:
            raise damaged(who, "its header", f"{present} contigs instead of {contigs}")
        window.begin += size - before
        yield window
        yield from windows
        return
    raise damaged(who, "its header", "it ends there")


def _header(data: bytes) -> tuple[int, int] | None:
    """Return (bytes of a BAM header, number of contigs), None where ``data`` ends too early to tell.

    Raises
    ------
    ValueError
        The bytes are no BAM header.
    """
    if len(data) >= 4 and data[:4] != b"BAM\1":
        raise ValueError("it does not begin like a BAM file")
    if len(data) < 8:
        return None
    (text,) = struct.unpack_from("<i", data, 4)
    if text < 0:
        raise ValueError("its header has a negative size")
    at = 8 + text
    if len(data) < at + 4:
        return None
    (contigs,) = struct.unpack_from("<i", data, at)
    if contigs < 0:
        raise ValueError("its header has a negative number of contigs")
    at += 4
    for _ in range(contigs):
        if len(data) < at + 4:
            return None
        (name,) = struct.unpack_from("<i", data, at)
        if name < 1:
            raise ValueError("a contig of its header has no name")
        at += 8 + name
    return (at, contigs) if len(data) >= at else None
