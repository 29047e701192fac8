"""From record bytes to fragments: checks, filters, and pairing in a window of positions.

A read waits for its mate only while the file has not passed the place where its own record says that the mate
is, so what waits is bounded by depth, not by the size of the file.
"""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import (
    DUPLICATE,
    MATE_UNMAPPED,
    PAIRED,
    SECONDARY_SUPPLEMENTARY,
    UNMAPPED,
    WHICH_MATE,
)
from cfdna_interp.fragments.kernels.compare import REACH
from cfdna_interp.fragments.kernels.compiling import helper, kernel
from cfdna_interp.fragments.kernels.hashing import hash_bytes
from cfdna_interp.fragments.kernels.memory import i32
from cfdna_interp.fragments.kernels.pair import judge_alone, make_fragment
from cfdna_interp.fragments.kernels.places import (
    AT,
    BAD_CONTIG,
    BAD_FIELDS,
    BAD_SIZE,
    BELOW_MAPQ,
    BY_REFERENCE,
    CALLS,
    CONTIG,
    END,
    EXPECTED,
    FLAGGED_DUPLICATE,
    FRAGMENTS,
    FULL,
    GROW,
    LARGEST,
    LONGEST,
    MAPPED,
    MAX_LENGTH,
    MIN_MAPQ,
    MORE,
    MOVE,
    READS,
    REASON,
    ROWS,
    SINGLE,
    SITES_BEGIN,
    SITES_CONTIG,
    START,
    STRAY,
    UNIQUE,
    UNSORTED,
    WAITING,
)
from cfdna_interp.fragments.kernels.record import (
    FIXED,
    bases_of,
    contig_of,
    fields_fit,
    flag_of,
    mapq_of,
    name_length,
    record_end,
    start_of,
)
from cfdna_interp.fragments.kernels.waiting import expire, same_name

_SECONDARY_SUPPLEMENTARY = REASON["secondary_supplementary"]
_UNMAPPED, _MATE_MISSING = REASON["unmapped"], REASON["mate_missing"]
_OFF_CONTIG, _MATE_ELSEWHERE = REASON["off_contig"], REASON["mate_elsewhere"]
_MATE_DISTANT = REASON["mate_distant"]


@helper
def _check(buffer, at, size, contigs):
    """Return MORE for a record whose fields fit into its ``size`` bytes, else what is wrong."""
    if not fields_fit(buffer, at, size) or buffer[at + FIXED + name_length(buffer, at) - 1] != 0:
        return BAD_FIELDS
    if start_of(buffer, at) < -1 or np.int64(i32(buffer, at + 28)) < -1:
        return BAD_FIELDS
    contig, mate_contig = contig_of(buffer, at), np.int64(i32(buffer, at + 24))
    if contig < -1 or contig >= contigs or mate_contig < -1 or mate_contig >= contigs:
        return BAD_CONTIG
    return MORE


@kernel
def scan(
    buffer: np.ndarray,
    state: np.ndarray,
    counts: np.ndarray,
    rules: np.ndarray,
    seed: int,
    used: np.ndarray,
    black_splits: np.ndarray,
    black_starts: np.ndarray,
    black_ends: np.ndarray,
    heads: np.ndarray,
    hashes: np.ndarray,
    at: np.ndarray,
    last: np.ndarray,
    following: np.ndarray,
    rows: np.ndarray,
    offsets: np.ndarray,
    states: np.ndarray,
    bias: np.ndarray,
    calls: np.ndarray,
    text: np.ndarray,
    sites: np.ndarray,
    modified: np.ndarray,
) -> int:
    """Read records until the bytes are used up or the rows full; the state tells where to go on.

    Parameters
    ----------
    buffer
        (n,) uint8; records from ``state[AT]`` to ``state[END]``, the last one perhaps not whole.
    state, counts, rules
        (STATE,), (COUNTS,), (RULES,) int64: see the names of their places.
    seed
        Seed of the fragments' hashes.
    used
        (contigs,) bool: contigs in use.
    black_splits, black_starts, black_ends
        Disjoint ascending intervals in compressed-row form by contig, int64.
    heads, hashes, at, last, following
        The reads that wait: chains by hash; each one's hash, place in the buffer (-1: no longer waiting),
        last position at which its mate can come, and next in its chain.
    rows, offsets, states
        Fragments and their calls, written from ``state[ROWS]`` and ``state[CALLS]``.
    bias
        (2, positions, 2) int64 M-bias of first and second mates, added to.
    calls
        (2, bases, 4) int32 room for the calls of two mates.
    text
        (2 * (bases + SLACK),) uint8 room for the letters of two mates.
    sites
        (n,) uint8 letters of the reference from ``state[SITES_BEGIN]`` of contig ``state[SITES_CONTIG]`` on.
    modified
        (3,) int64 added to: unclear, 5hmC and hemimethylated calls of modified bases.

    Returns
    -------
    MORE, FULL, GROW (``bias`` and ``calls`` are too small for ``state[LONGEST]``), MOVE (``sites`` must reach
    from the start of the record at ``state[AT]`` on), or what is wrong with that record.
    """
    contigs, slots = len(used), np.uint64(len(heads) - 1)
    while True:
        read = state[AT]
        if state[END] - read < 4:
            return MORE
        size = np.int64(i32(buffer, read))
        if size < FIXED - 4 or size > LARGEST:
            return BAD_SIZE
        if state[END] - read < 4 + size:
            return MORE
        wrong = _check(buffer, read, size, contigs)
        if wrong != MORE:
            return wrong
        contig, start = contig_of(buffer, read), start_of(buffer, read)
        if state[EXPECTED] >= 0:
            if contig != state[EXPECTED]:
                return STRAY
            state[EXPECTED] = -1
        if contig >= 0 and (contig < state[CONTIG] or (contig == state[CONTIG] and start < state[START])):
            return UNSORTED
        bases = bases_of(buffer, read)
        state[LONGEST] = max(state[LONGEST], bases)
        if state[LONGEST] > calls.shape[1]:
            return GROW
        if state[ROWS] == len(rows) or len(offsets) - state[CALLS] < 2 * state[LONGEST]:
            return FULL
        looked_up = rules[BY_REFERENCE] and contig >= 0 and used[contig]
        if looked_up and (contig != state[SITES_CONTIG] or start + REACH > state[SITES_BEGIN] + len(sites)):
            return MOVE
        state[AT] = record_end(buffer, read)
        if contig >= 0:
            if contig > state[CONTIG]:
                expire(buffer, state, counts, rules, heads, at)
            state[CONTIG], state[START] = contig, start

        counts[READS] += 1
        flag, mapq = flag_of(buffer, read), mapq_of(buffer, read)
        if flag & SECONDARY_SUPPLEMENTARY:
            counts[_SECONDARY_SUPPLEMENTARY] += 1
            continue
        if flag & UNMAPPED or contig < 0:
            counts[_UNMAPPED] += 1
            continue
        counts[MAPPED] += 1
        if flag & DUPLICATE:
            counts[FLAGGED_DUPLICATE] += 1
        else:
            counts[UNIQUE] += 1
            counts[BELOW_MAPQ] += mapq < rules[MIN_MAPQ]
        if not rules[SINGLE] and (flag & MATE_UNMAPPED or not flag & PAIRED):
            counts[_MATE_MISSING] += 1
            continue
        if not used[contig]:
            counts[_OFF_CONTIG] += 1
            continue
        until = start
        if not rules[SINGLE]:
            mate_contig, mate_start = np.int64(i32(buffer, read + 24)), np.int64(i32(buffer, read + 28))
            if mate_contig == contig:
                if abs(mate_start - start) > rules[MAX_LENGTH]:
                    counts[_MATE_DISTANT] += 1
                    continue
                until = mate_start
            elif mate_contig == -1:  # the aligner left the mate's place out
                until = start + rules[MAX_LENGTH]
            else:
                counts[_MATE_ELSEWHERE] += 1
                continue

        name = read + FIXED
        hashed = hash_bytes(buffer, name, name + name_length(buffer, read) - 1, np.uint64(seed))
        slot = np.int64(hashed & slots)
        mate = read if rules[SINGLE] else np.int64(-1)
        if not rules[SINGLE]:
            before, entry = -1, heads[slot]
            while entry >= 0:
                if hashes[entry] == hashed and same_name(buffer, at[entry], read):
                    break
                before, entry = entry, following[entry]
            if entry >= 0:
                place = at[entry]
                expired = last[entry] < start
                if not expired and (flag_of(buffer, place) ^ flag) & WHICH_MATE != WHICH_MATE:
                    # Two records claim to be the same mate: the name is used twice, and the first one stays.
                    counts[_MATE_MISSING] += 1
                    continue
                at[entry] = -1
                if before < 0:
                    heads[slot] = following[entry]
                else:
                    following[before] = following[entry]
                if expired:
                    counts[judge_alone(flag_of(buffer, place), mapq_of(buffer, place), rules)] += 1
                else:
                    mate = place
        if mate >= 0:
            reason = make_fragment(
                buffer,
                mate,
                read,
                hashed,
                state,
                counts,
                rules,
                black_splits,
                black_starts,
                black_ends,
                rows,
                offsets,
                states,
                bias,
                calls,
                text,
                sites,
                modified,
            )
            if reason == 0:
                counts[FRAGMENTS] += 1
            else:
                counts[reason] += 1 if rules[SINGLE] else 2
            continue
        if until < start:  # the mate should have come before
            counts[judge_alone(flag, mapq, rules)] += 1
            continue
        entry = state[WAITING]
        state[WAITING] += 1
        hashes[entry], at[entry], last[entry] = hashed, read, until
        following[entry] = heads[slot]
        heads[slot] = entry
