"""From record bytes to fragments: checks, filters, pairing in a window of positions, one row a fragment.

A read waits for its mate only while the file has not passed the place where its own record says that the mate
is, so what waits is bounded by depth, not by the size of the file.
"""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import (
    DUPLICATE,
    MATE_UNMAPPED,
    PAIRED,
    PROPER,
    QC_FAIL,
    READ1,
    REASONS,
    REVERSE,
    SECONDARY_SUPPLEMENTARY,
    UNMAPPED,
    WHICH_MATE,
)
from cfdna_interp.fragments.kernels.bases import end_motif, strong_bases
from cfdna_interp.fragments.kernels.compiling import helper, kernel
from cfdna_interp.fragments.kernels.hashing import hash_bytes
from cfdna_interp.fragments.kernels.memory import i32
from cfdna_interp.fragments.kernels.record import (
    FIXED,
    bases_of,
    cigar_of,
    contig_of,
    flag_of,
    mapq_of,
    name_length,
    operations_of,
    record_end,
    sequence_at,
    span_of,
    start_of,
)
from cfdna_interp.fragments.kernels.xm import MALFORMED, count_chh, cpg_calls, find_letters

# Why the scan stops: the bytes are used up, the rows are full, an array is too small for the longest read;
# or the record at hand can't be right.
MORE, FULL, GROW, BAD_SIZE, BAD_FIELDS, BAD_CONTIG, STRAY, UNSORTED = range(8)
DAMAGE = {
    BAD_SIZE: "a record of impossible size",
    BAD_FIELDS: "a record whose fields don't fit into it",
    BAD_CONTIG: "a record on a contig that the header doesn't have",
    STRAY: "its index is of another file",
}
FURTHEST = (1 << 31) - 1  # on a contig; beyond it positions don't fit their 32 bits
LARGEST = 1 << 26  # bytes of a record; above it the size is taken for damage

# Places in the state of a scan.
# EXPECTED is the contig of the first record, by the index; -1 where it may be any.
AT, END, CONTIG, START, WAITING, ROWS, CALLS, LONGEST, EXPECTED, STATE = range(10)
# Places in the counts: reads, reads by reason, fragments, and sums over reads and fragments.
_REASON = {name: 1 + number for number, name in enumerate(REASONS)}
READS, FRAGMENTS = 0, 1 + len(REASONS)
(
    OVERLAP_MERGED,
    OVERLAP_DISCORDANT,
    MAPPED,
    FLAGGED_DUPLICATE,
    UNIQUE,
    BELOW_MAPQ,
    CHH_METHYLATED,
    CHH,
    STRONG,
    KNOWN,
    LONGEST_READ,
    COUNTS,
) = range(FRAGMENTS + 1, FRAGMENTS + 13)

_SECONDARY_SUPPLEMENTARY = _REASON["secondary_supplementary"]
_UNMAPPED, _MATE_MISSING = _REASON["unmapped"], _REASON["mate_missing"]
_OFF_CONTIG, _MATE_ELSEWHERE = _REASON["off_contig"], _REASON["mate_elsewhere"]
_MATE_DISTANT, _QC_FAIL = _REASON["mate_distant"], _REASON["qc_fail"]
_DUPLICATE, _LOW_MAPQ, _MALFORMED = _REASON["duplicate"], _REASON["low_mapq"], _REASON["malformed"]
_NOT_INWARD, _NOT_PROPER = _REASON["not_inward"], _REASON["not_proper"]
_LENGTH, _BLACKLISTED = _REASON["length_out_of_range"], _REASON["blacklisted"]
_NO_SEQUENCE = _REASON["no_sequence"]

# Places in the rules' numbers.
(
    MIN_MAPQ,
    FIRST_MAPQ,
    DROP_DUPLICATES,
    MIN_LENGTH,
    MAX_LENGTH,
    PROPER_ONLY,
    DIALECT,
    IGNORE_5P,
    IGNORE_3P,
    RULES,
) = range(10)


@helper
def _judge_alone(flag, mapq, rules):
    """Return the reason against a read whose mate never came."""
    if flag & QC_FAIL:
        return _QC_FAIL
    if rules[DROP_DUPLICATES] and flag & DUPLICATE:
        return _DUPLICATE
    return _LOW_MAPQ if mapq < rules[MIN_MAPQ] else _MATE_MISSING


@helper
def _blacklisted(contig, start, end, splits, starts, ends):
    low, high = splits[contig], splits[contig + 1]
    while low < high:  # the first interval that begins at or after the fragment's end
        middle = (low + high) >> 1
        if starts[middle] < end:
            low = middle + 1
        else:
            high = middle
    return low > splits[contig] and ends[low - 1] > start


@helper
def _same_name(buffer, one, other):
    size = name_length(buffer, one)
    byte = 0
    while byte < size and buffer[one + FIXED + byte] == buffer[other + FIXED + byte]:
        byte += 1
    return byte == size and name_length(buffer, other) == size


@helper
def _expire(buffer, state, counts, rules, heads, at):
    """Judge alone whatever waits, and forget it."""
    for entry in range(state[WAITING]):
        if at[entry] >= 0:
            counts[_judge_alone(flag_of(buffer, at[entry]), mapq_of(buffer, at[entry]), rules)] += 1
    state[WAITING] = 0
    heads[:] = -1


@helper
def _merge(forward, n_forward, reverse, n_reverse, start, end, offsets, states, counts):
    """Write one call per CpG of the molecule to ``offsets`` and ``states``; return how many.

    Mates that agree count once; where they don't, neither counts. Nothing beyond the fragment's ends counts:
    mates longer than their molecule read into the adapter.
    """
    written = one = other = 0
    while one < n_forward or other < n_reverse:
        left = forward[one, 0] if one < n_forward else np.int32(2147483647)
        right = reverse[other, 0] if other < n_reverse else np.int32(2147483647)
        if left <= right:
            here, position, called = left, forward[one, 1], forward[one, 2]
        else:
            here, position, called = right, reverse[other, 1], reverse[other, 2]
        keep = True
        if left == right:
            keep = called == reverse[other, 2]
            counts[OVERLAP_MERGED if keep else OVERLAP_DISCORDANT] += 1
        one += left <= right
        other += right <= left
        if keep and start <= position < end:
            offsets[written] = here - start
            states[written] = called
            written += 1
    return written


@helper
def _row(
    buffer,
    forward,
    reverse,
    reverse_place,
    reverse_operations,
    end,
    hashed,
    state,
    counts,
    rules,
    rows,
    offsets,
    states,
    bias,
    calls,
):
    """Write the fragment of two mates as the next row, or return the reason against it (0: none)."""
    start = start_of(buffer, forward)
    forward_bases, reverse_bases = bases_of(buffer, forward), bases_of(buffer, reverse)
    forward_letters = reverse_letters = -1
    forward_strand = reverse_strand = 0
    if rules[DIALECT] == 1:
        forward_letters, forward_strand = find_letters(buffer, forward)
        reverse_letters, reverse_strand = find_letters(buffer, reverse)
        if forward_letters == MALFORMED or reverse_letters == MALFORMED:
            return _MALFORMED
    forward_place, forward_operations = cigar_of(buffer, forward)
    _, forward_span, _ = span_of(buffer, forward_place, forward_operations)
    forward_sequence, reverse_sequence = sequence_at(buffer, forward), sequence_at(buffer, reverse)
    strong, known = strong_bases(
        buffer,
        forward_sequence,
        forward_letters if forward_strand != 0 else -1,
        forward_place,
        forward_operations,
        start,
        start,
        end,
    )
    # The overlap of the mates counts once: the reverse mate from where the forward one ends.
    more_strong, more_known = strong_bases(
        buffer,
        reverse_sequence,
        reverse_letters if reverse_strand != 0 else -1,
        reverse_place,
        reverse_operations,
        start_of(buffer, reverse),
        max(start, start + forward_span),
        end,
    )
    known += more_known
    strong = min(strong + more_strong, known)
    counts[STRONG] += strong
    counts[KNOWN] += known
    counts[LONGEST_READ] = max(counts[LONGEST_READ], max(forward_bases, reverse_bases))

    n_forward = n_reverse = 0
    first = 0 if flag_of(buffer, forward) & READ1 else 1
    if forward_letters >= 0:
        methylated, every = count_chh(buffer, forward_letters, forward_bases)
        counts[CHH_METHYLATED] += methylated
        counts[CHH] += every
        n_forward = cpg_calls(
            buffer,
            forward_letters,
            forward_bases,
            forward_place,
            forward_operations,
            start,
            forward_strand,
            False,
            rules[IGNORE_5P],
            rules[IGNORE_3P],
            bias[first],
            calls[0],
        )
    if reverse_letters >= 0:
        methylated, every = count_chh(buffer, reverse_letters, reverse_bases)
        counts[CHH_METHYLATED] += methylated
        counts[CHH] += every
        n_reverse = cpg_calls(
            buffer,
            reverse_letters,
            reverse_bases,
            reverse_place,
            reverse_operations,
            start_of(buffer, reverse),
            reverse_strand,
            True,
            rules[IGNORE_5P],
            rules[IGNORE_3P],
            bias[1 - first],
            calls[1],
        )
    written = state[CALLS]
    written += _merge(
        calls[0], n_forward, calls[1], n_reverse, start, end, offsets[written:], states[written:], counts
    )
    state[CALLS] = written

    row = rows[state[ROWS]]
    row.contig = contig_of(buffer, forward)
    row.start = start
    row.length = end - start
    row.mapq = min(mapq_of(buffer, forward), mapq_of(buffer, reverse))
    row.strand = forward_strand if forward_strand == reverse_strand else 0
    row.gc = np.float32(strong / known) if known > 0 else np.float32(0)
    row.motif_5p = end_motif(buffer, forward_sequence, forward_bases, forward_letters, forward_strand, False)
    row.motif_3p = end_motif(buffer, reverse_sequence, reverse_bases, reverse_letters, reverse_strand, True)
    row.calls_end = written
    row.hash = hashed
    state[ROWS] += 1
    return 0


@helper
def _pair(
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
):
    """Judge two mates on one contig; return the reason against them, 0 where they became a row."""
    forward, reverse = (mate, read) if flag_of(buffer, read) & REVERSE else (read, mate)
    either = flag_of(buffer, mate) | flag_of(buffer, read)
    both = flag_of(buffer, mate) & flag_of(buffer, read)
    if either & QC_FAIL:
        return _QC_FAIL
    if rules[DROP_DUPLICATES] and either & DUPLICATE:
        return _DUPLICATE
    mapq = min(mapq_of(buffer, mate), mapq_of(buffer, read))
    if rules[FIRST_MAPQ]:
        mapq = mapq_of(buffer, read if flag_of(buffer, read) & READ1 else mate)
    if mapq < rules[MIN_MAPQ]:
        return _LOW_MAPQ
    place, operations = cigar_of(buffer, reverse)
    read_bases, span, known = span_of(buffer, place, operations)
    other_place, other_operations = cigar_of(buffer, forward)
    other_bases, other_span, other_known = span_of(buffer, other_place, other_operations)
    bases, forward_bases = bases_of(buffer, reverse), bases_of(buffer, forward)
    if not (known and other_known) or span == 0 or other_span == 0:
        return _MALFORMED
    if max(start_of(buffer, reverse) + span, start_of(buffer, forward) + other_span) > FURTHEST:
        return _MALFORMED
    if (bases and bases != read_bases) or (forward_bases and forward_bases != other_bases):
        return _MALFORMED
    start, end = start_of(buffer, forward), start_of(buffer, reverse) + span
    if flag_of(buffer, forward) & REVERSE or not flag_of(buffer, reverse) & REVERSE or start >= end:
        return _NOT_INWARD
    if rules[PROPER_ONLY] and not both & PROPER:
        return _NOT_PROPER
    if end - start < rules[MIN_LENGTH] or end - start > rules[MAX_LENGTH]:
        return _LENGTH
    if _blacklisted(contig_of(buffer, forward), start, end, black_splits, black_starts, black_ends):
        return _BLACKLISTED
    if bases == 0 or forward_bases == 0:
        return _NO_SEQUENCE
    return _row(
        buffer,
        forward,
        reverse,
        place,
        operations,
        end,
        hashed,
        state,
        counts,
        rules,
        rows,
        offsets,
        states,
        bias,
        calls,
    )


@helper
def _check(buffer, at, size, contigs):
    """Return MORE for a record whose fields fit into its ``size`` bytes, else what is wrong."""
    name, bases = name_length(buffer, at), bases_of(buffer, at)
    if name < 1 or bases < 0 or start_of(buffer, at) < -1 or np.int64(i32(buffer, at + 28)) < -1:
        return BAD_FIELDS
    if FIXED - 4 + name + 4 * operations_of(buffer, at) + ((bases + 1) >> 1) + bases > size:
        return BAD_FIELDS
    if buffer[at + FIXED + name - 1] != 0:
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
        (2, bases, 3) int32 room for the calls of two mates.

    Returns
    -------
    MORE, FULL, GROW (``bias`` and ``calls`` are too small for ``state[LONGEST]``), or what is wrong with the
    record at ``state[AT]``.
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
        state[AT] = record_end(buffer, read)
        if contig >= 0:
            if contig > state[CONTIG]:
                _expire(buffer, state, counts, rules, heads, at)
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
        if flag & MATE_UNMAPPED or not flag & PAIRED:
            counts[_MATE_MISSING] += 1
            continue
        if not used[contig]:
            counts[_OFF_CONTIG] += 1
            continue
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
        before, entry = -1, heads[slot]
        while entry >= 0:
            if hashes[entry] == hashed and _same_name(buffer, at[entry], read):
                break
            before, entry = entry, following[entry]
        if entry >= 0:
            mate = at[entry]
            expired = last[entry] < start
            if not expired and (flag_of(buffer, mate) ^ flag) & WHICH_MATE != WHICH_MATE:
                # Two records claim to be the same mate: the name is used twice, and the first one stays.
                counts[_MATE_MISSING] += 1
                continue
            at[entry] = -1
            if before < 0:
                heads[slot] = following[entry]
            else:
                following[before] = following[entry]
            if not expired:
                reason = _pair(
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
                )
                if reason == 0:
                    counts[FRAGMENTS] += 1
                else:
                    counts[reason] += 2
                continue
            counts[_judge_alone(flag_of(buffer, mate), mapq_of(buffer, mate), rules)] += 1
        if until < start:  # the mate should have come before
            counts[_judge_alone(flag, mapq, rules)] += 1
            continue
        entry = state[WAITING]
        state[WAITING] += 1
        hashes[entry], at[entry], last[entry] = hashed, read, until
        following[entry] = heads[slot]
        heads[slot] = entry


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
            counts[_judge_alone(flag_of(old, place), mapq_of(old, place), rules)] += 1
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
    _expire(buffer, state, counts, rules, heads, at)
