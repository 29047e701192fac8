"""Turn the bytes of records into fragments: check records, filter reads, pair mates.

A read's record says where its mate begins. The read waits until the file has passed that place, so the number
of waiting reads grows with depth and not with the size of the file.
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
from cfdna_interp.fragments.kernels.codes import (
    BAD_CONTIG,
    BAD_FIELDS,
    BAD_SIZE,
    FULL,
    GROW,
    LARGEST,
    MORE,
    MOVE,
    NO_REASON,
    REASON,
    STRAY,
    UNSORTED,
)
from cfdna_interp.fragments.kernels.compiling import helper, kernel
from cfdna_interp.fragments.kernels.hashing import hash_bytes
from cfdna_interp.fragments.kernels.memory import i32
from cfdna_interp.fragments.kernels.pair import judge_alone, make_fragment
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
from cfdna_interp.fragments.kernels.scan_types import Scan
from cfdna_interp.fragments.kernels.waiting import expire, same_name

_SECONDARY_SUPPLEMENTARY = REASON["secondary_supplementary"]
_UNMAPPED, _MATE_MISSING = REASON["unmapped"], REASON["mate_missing"]
_OFF_CONTIG, _MATE_ELSEWHERE = REASON["off_contig"], REASON["mate_elsewhere"]
_MATE_DISTANT = REASON["mate_distant"]


@helper
def _check(buffer, at, size, contigs):
    """Return MORE if a record's fields fit into its ``size`` bytes, otherwise what is wrong."""
    if not fields_fit(buffer, at, size) or buffer[at + FIXED + name_length(buffer, at) - 1] != 0:
        return BAD_FIELDS
    if start_of(buffer, at) < -1 or np.int64(i32(buffer, at + 28)) < -1:
        return BAD_FIELDS
    contig, mate_contig = contig_of(buffer, at), np.int64(i32(buffer, at + 24))
    if contig < -1 or contig >= contigs or mate_contig < -1 or mate_contig >= contigs:
        return BAD_CONTIG
    return MORE


@kernel
def read_records(scan: Scan) -> int:
    """Read records until the bytes are used up or the rows are full. The state tells where to go on.

    Returns
    -------
    A code. MORE: the bytes are used up. FULL: the output is. GROW: the room and ``counts.bias`` are too small
    for ``state.longest`` bases. MOVE: the sites don't cover the record at ``state.at``. Any other code says
    what is wrong with that record.
    """
    buffer, state, filters, waiting = scan.buffer, scan.state[0], scan.filters, scan.waiting
    end, used = scan.end, scan.used
    counts, output, sites = scan.counts, scan.output, scan.sites
    reasons, sums = counts.reasons, counts.sums[0]
    heads, hashes, at, last, following = waiting
    contigs, slots = len(used), np.uint64(len(heads) - 1)
    while True:
        read = state.at
        if end - read < 4:
            return MORE
        size = np.int64(i32(buffer, read))
        if size < FIXED - 4 or size > LARGEST:
            return BAD_SIZE
        if end - read < 4 + size:
            return MORE
        wrong = _check(buffer, read, size, contigs)
        if wrong != MORE:
            return wrong
        contig, start = contig_of(buffer, read), start_of(buffer, read)
        if state.expected >= 0:
            if contig != state.expected:
                return STRAY
            state.expected = -1
        if contig >= 0 and (contig < state.contig or (contig == state.contig and start < state.start)):
            return UNSORTED
        bases = bases_of(buffer, read)
        state.longest = max(state.longest, bases)
        if state.longest > scan.room.calls.shape[1]:
            return GROW
        if state.rows == len(output.rows) or len(output.offsets) - state.calls < 2 * state.longest:
            return FULL
        looked_up = scan.calling.by_reference and contig >= 0 and used[contig]
        if looked_up and (contig != sites.contig or start > sites.until):
            return MOVE
        state.at = record_end(buffer, read)
        if contig >= 0:
            if contig > state.contig:
                expire(buffer, state, filters, waiting, reasons)
            state.contig, state.start = contig, start

        sums.reads += 1
        flag, mapq = flag_of(buffer, read), mapq_of(buffer, read)
        if flag & SECONDARY_SUPPLEMENTARY:
            reasons[_SECONDARY_SUPPLEMENTARY] += 1
            continue
        if flag & UNMAPPED or contig < 0:
            reasons[_UNMAPPED] += 1
            continue
        sums.mapped += 1
        if flag & DUPLICATE:
            sums.flagged_duplicate += 1
        else:
            sums.unique += 1
            sums.below_mapq += mapq < filters.min_mapq
        whole = filters.single or (filters.merged and not flag & PAIRED)
        if not whole and (flag & MATE_UNMAPPED or not flag & PAIRED):
            reasons[_MATE_MISSING] += 1
            continue
        if not used[contig]:
            reasons[_OFF_CONTIG] += 1
            continue
        until = start
        if not whole:
            mate_contig, mate_start = np.int64(i32(buffer, read + 24)), np.int64(i32(buffer, read + 28))
            if mate_contig == contig:
                if abs(mate_start - start) > filters.max_length:
                    reasons[_MATE_DISTANT] += 1
                    continue
                until = mate_start
            elif mate_contig == -1:  # the aligner left the mate's place out
                until = start + filters.max_length
            else:
                reasons[_MATE_ELSEWHERE] += 1
                continue

        name = read + FIXED
        hashed = hash_bytes(buffer, name, name + name_length(buffer, read) - 1, np.uint64(scan.seed))
        slot = np.int64(hashed & slots)
        mate = read if whole else np.int64(-1)
        if not whole:
            before, entry = -1, heads[slot]
            while entry >= 0:
                if hashes[entry] == hashed and same_name(buffer, at[entry], read):
                    break
                before, entry = entry, following[entry]
            if entry >= 0:
                place = at[entry]
                expired = last[entry] < start
                if not expired and (flag_of(buffer, place) ^ flag) & WHICH_MATE != WHICH_MATE:
                    # Two records claim to be the same mate. The name is in use twice, and the first record
                    # stays.
                    reasons[_MATE_MISSING] += 1
                    continue
                at[entry] = -1
                if before < 0:
                    heads[slot] = following[entry]
                else:
                    following[before] = following[entry]
                if expired:
                    reasons[judge_alone(flag_of(buffer, place), mapq_of(buffer, place), filters)] += 1
                else:
                    mate = place
        if mate >= 0:
            reason = make_fragment(scan, mate, read, hashed)
            if reason == NO_REASON:
                sums.fragments += 1
            else:
                reasons[reason] += 1 if whole else 2
            continue
        if until < start:  # the mate should have come before
            reasons[judge_alone(flag, mapq, filters)] += 1
            continue
        entry = state.waiting
        state.waiting += 1
        hashes[entry], at[entry], last[entry] = hashed, read, until
        following[entry] = heads[slot]
        heads[slot] = entry
