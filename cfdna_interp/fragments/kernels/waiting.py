"""Reads that wait for their mates: found by name, judged alone when it is too late, moved between windows."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.kernels.compiling import helper, kernel
from cfdna_interp.fragments.kernels.pair import judge_alone
from cfdna_interp.fragments.kernels.places import (
    AT,
    END,
    REASON,
    START,
    WAITING,
)
from cfdna_interp.fragments.kernels.record import (
    FIXED,
    flag_of,
    mapq_of,
    name_length,
    record_end,
)

_SECONDARY_SUPPLEMENTARY = REASON["secondary_supplementary"]
_UNMAPPED, _MATE_MISSING = REASON["unmapped"], REASON["mate_missing"]
_OFF_CONTIG, _MATE_ELSEWHERE = REASON["off_contig"], REASON["mate_elsewhere"]
_MATE_DISTANT = REASON["mate_distant"]


@helper
def same_name(buffer, one, other):
    """Tell whether two records have the same name."""
    size = name_length(buffer, one)
    byte = 0
    while byte < size and buffer[one + FIXED + byte] == buffer[other + FIXED + byte]:
        byte += 1
    return byte == size and name_length(buffer, other) == size


@helper
def expire(buffer, state, counts, rules, heads, at):
    """Judge alone whatever waits, and forget it."""
    for entry in range(state[WAITING]):
        if at[entry] >= 0:
            counts[judge_alone(flag_of(buffer, at[entry]), mapq_of(buffer, at[entry]), rules)] += 1
    state[WAITING] = 0
    heads[:] = -1


@kernel
def carry(
    old: np.ndarray,
    new: np.ndarray,
    begin: int,
    state: np.ndarray,
    counts: np.ndarray,
    rules: np.ndarray,
    heads: np.ndarray,
    hashes: np.ndarray,
    at: np.ndarray,
    last: np.ndarray,
    following: np.ndarray,
) -> int:
    """Copy what is still needed of a buffer to right before ``new[begin]``, where new bytes begin.

    That is the records that wait, and the record of which only the first bytes were there. Records whose
    mate can no longer come are judged alone. Nothing is changed where the room doesn't suffice.

    Returns
    -------
    Bytes copied; where they are more than ``begin``, nothing was done.
    """
    rest = state[END] - state[AT]
    size = rest
    for entry in range(state[WAITING]):
        if at[entry] >= 0 and last[entry] >= state[START]:
            size += record_end(old, at[entry]) - at[entry]
    if size > begin:
        return size
    to, kept = begin - size, 0
    slots = np.uint64(len(heads) - 1)
    heads[:] = -1
    for entry in range(state[WAITING]):
        place = at[entry]
        if place < 0:
            continue
        if last[entry] < state[START]:
            counts[judge_alone(flag_of(old, place), mapq_of(old, place), rules)] += 1
            continue
        bytes_of = record_end(old, place) - place
        for byte in range(bytes_of):
            new[to + byte] = old[place + byte]
        slot = np.int64(hashes[entry] & slots)
        hashes[kept], at[kept], last[kept] = hashes[entry], to, last[entry]
        following[kept] = heads[slot]
        heads[slot] = kept
        kept += 1
        to += bytes_of
    for byte in range(rest):
        new[to + byte] = old[state[AT] + byte]
    state[WAITING] = kept
    state[AT] = to
    return size


@kernel
def rehash(
    state: np.ndarray,
    heads: np.ndarray,
    hashes: np.ndarray,
    at: np.ndarray,
    last: np.ndarray,
    following: np.ndarray,
) -> None:
    """Build the chains of the waiting reads anew, after their room has grown."""
    heads[:] = -1
    slots = np.uint64(len(heads) - 1)
    for entry in range(state[WAITING]):
        slot = np.int64(hashes[entry] & slots)
        following[entry] = heads[slot]
        heads[slot] = entry


@kernel
def finish(
    buffer: np.ndarray,
    state: np.ndarray,
    counts: np.ndarray,
    rules: np.ndarray,
    heads: np.ndarray,
    at: np.ndarray,
) -> None:
    """Judge alone whatever still waits at the end of the file."""
    expire(buffer, state, counts, rules, heads, at)
