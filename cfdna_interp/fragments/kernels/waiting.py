"""Reads that wait for their mates: found by name, judged alone when it is too late, moved between windows."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.kernels.compiling import helper, kernel
from cfdna_interp.fragments.kernels.pair import judge_alone
from cfdna_interp.fragments.kernels.record import (
    FIXED,
    flag_of,
    mapq_of,
    name_length,
    record_end,
)
from cfdna_interp.fragments.kernels.scan_types import FilterRules, Waiting


@helper
def same_name(buffer, one, other):
    """Tell whether two records have the same name."""
    size = name_length(buffer, one)
    byte = 0
    while byte < size and buffer[one + FIXED + byte] == buffer[other + FIXED + byte]:
        byte += 1
    return byte == size and name_length(buffer, other) == size


@helper
def expire(buffer, state, filters, waiting, reasons):
    """Judge all waiting reads without their mates, and remove them."""
    at = waiting.at
    for entry in range(state.waiting):
        if at[entry] >= 0:
            reason = judge_alone(flag_of(buffer, at[entry]), mapq_of(buffer, at[entry]), filters)
            reasons[reason] += 1
    state.waiting = 0
    waiting.heads[:] = -1


@kernel
def carry(
    old: np.ndarray,
    end: int,
    new: np.ndarray,
    begin: int,
    states: np.ndarray,
    filters: FilterRules,
    waiting: Waiting,
    reasons: np.ndarray,
) -> int:
    """Copy the records of a buffer that are still needed to the bytes before ``new[begin]``.

    These are the records that wait, and the incomplete record at the end. Records whose mate can no longer
    come are judged without it. If the room is too small, nothing changes.

    Parameters
    ----------
    old, end
        (n,) uint8 buffer, and where its bytes end.
    new, begin
        (m,) uint8 buffer, and where its bytes begin.
    states, filters, waiting, reasons
        Those of the scan of ``old``; see :class:`Scan`.

    Returns
    -------
    Bytes to copy. If they are more than ``begin``, the room is too small, and nothing was copied.
    """
    state = states[0]
    heads, hashes, at, last, following = waiting
    rest = end - state.at
    size = rest
    for entry in range(state.waiting):
        if at[entry] >= 0 and last[entry] >= state.start:
            size += record_end(old, at[entry]) - at[entry]
    if size > begin:
        return size
    to, count = begin - size, 0
    slots = np.uint64(len(heads) - 1)
    heads[:] = -1
    for entry in range(state.waiting):
        place = at[entry]
        if place < 0:
            continue
        if last[entry] < state.start:
            reasons[judge_alone(flag_of(old, place), mapq_of(old, place), filters)] += 1
            continue
        bytes_of = record_end(old, place) - place
        for byte in range(bytes_of):
            new[to + byte] = old[place + byte]
        slot = np.int64(hashes[entry] & slots)
        hashes[count], at[count], last[count] = hashes[entry], to, last[entry]
        following[count] = heads[slot]
        heads[slot] = count
        count += 1
        to += bytes_of
    for byte in range(rest):
        new[to + byte] = old[state.at + byte]
    state.waiting = count
    state.at = to
    return size


@kernel
def rehash(waiting: Waiting, entries: int) -> None:
    """Rebuild the chains of the first ``entries`` waiting reads, after their room has grown."""
    heads = waiting.heads
    heads[:] = -1
    slots = np.uint64(len(heads) - 1)
    for entry in range(entries):
        slot = np.int64(waiting.hashes[entry] & slots)
        waiting.following[entry] = heads[slot]
        heads[slot] = entry


@kernel
def finish(
    buffer: np.ndarray, states: np.ndarray, filters: FilterRules, waiting: Waiting, reasons: np.ndarray
) -> None:
    """Judge the reads that still wait at the end of the file without their mates."""
    expire(buffer, states[0], filters, waiting, reasons)
