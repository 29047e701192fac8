"""Counting what molecules of the other strand read at a cytosine, where conversion changes nothing."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import (
    DUPLICATE,
    MATE_UNMAPPED,
    PAIRED,
    QC_FAIL,
    READ1,
    REVERSE,
    SECONDARY_SUPPLEMENTARY,
    UNMAPPED,
)
from cfdna_interp.fragments.kernels.compare import NO_SITE, REACH, genome_strand, unpack
from cfdna_interp.fragments.kernels.compiling import helper, kernel
from cfdna_interp.fragments.kernels.memory import i32, u32
from cfdna_interp.fragments.kernels.places import LARGEST
from cfdna_interp.fragments.kernels.record import (
    FIXED,
    bases_of,
    cigar_of,
    contig_of,
    fields_fit,
    flag_of,
    mapq_of,
    moves,
    record_end,
    sequence_at,
    start_of,
)
from cfdna_interp.fragments.kernels.xm import MALFORMED

# Why the count stops: the bytes are used up, the reads have left the stretch of the reference, or a record
# can't be right or in its place.
MORE, MOVE, WRONG = range(3)
# Places in the state of a count.
AT, END, CONTIG, START, STATE = range(5)


@helper
def _own_part(buffer, at, contig, start):
    """Return the positions from ``start`` on, up to the one returned, that this mate counts for its molecule.

    The mate further left leaves their overlap to the other one, which comes later in the file. Where it is
    the reverse one, all that lies before its mate is read beyond the end of the molecule.
    """
    flag = flag_of(buffer, at)
    mate_contig, mate_start = np.int64(i32(buffer, at + 24)), np.int64(i32(buffer, at + 28))
    if flag & PAIRED and not flag & MATE_UNMAPPED and mate_contig == contig:
        if mate_start > start:
            return start if flag & REVERSE else mate_start
        if mate_start == start and not flag & READ1:
            return start
    return start + REACH


@helper
def _count_run(codes, skipped, size, sites, first, wanted, expected, seen):
    """Count the bases whose codes begin at ``skipped``; ``sites[first]`` is that of the first one."""
    place, position = np.uint64(skipped), np.uint64(first)
    same, other = np.uint64(0), np.uint64(1)
    for step in range(np.uint64(size)):
        code, site = codes[place + step], sites[position + step]
        is_site = site & 128 == wanted and site != NO_SITE
        agrees = code == 0 or code == expected
        differs = (code == 1 or code == 2 or code == 4 or code == 8) and code != expected
        seen[same, position + step] += is_site and agrees
        seen[other, position + step] += is_site and differs


@helper
def _count(buffer, at, strand, high, codes, sites, begin, seen):
    sequence, here, bases = sequence_at(buffer, at), start_of(buffer, at), bases_of(buffer, at)
    wanted, expected = (128, 4) if strand > 0 else (0, 2)
    place, operations = cigar_of(buffer, at)
    high = min(high, begin + len(sites))
    base = np.int64(0)
    for number in range(operations):
        along, over = moves(u32(buffer, place + 4 * number))
        if along > 0 and over > 0:
            step, last = max(begin - here, 0), min(min(high - here, along), bases - base)
            while step < last:
                odd = (base + step) & 1
                size = min(last - step, len(codes) - 1)
                unpack(buffer, sequence, base + step - odd, size + odd, codes, 0)
                _count_run(codes, odd, size, sites, here + step - begin, wanted, expected, seen)
                step += size
        base += along
        here += over
        if base >= bases or here >= high:
            break


@kernel
def count_other_strand(
    buffer: np.ndarray,
    state: np.ndarray,
    used: np.ndarray,
    min_mapq: int,
    drop_duplicates: bool,
    sites: np.ndarray,
    sites_contig: int,
    begin: int,
    seen: np.ndarray,
    codes: np.ndarray,
) -> int:
    """Read records until the bytes are used up or the reads leave the stretch; the state tells where it is.

    Parameters
    ----------
    buffer
        (n,) uint8; records from ``state[AT]`` to ``state[END]``, the last one perhaps not whole.
    state
        (STATE,) int64: see the names of its places.
    used
        (contigs,) bool: contigs in use.
    min_mapq, drop_duplicates
        Which reads count.
    sites, sites_contig, begin
        (n,) uint8 letters of the reference, their contig and first position.
    seen
        (2, n) int32 added to: molecules of the other strand that read a cytosine as the reference has it, and
        as another base.
    codes
        (at least 2,) uint8 room for the codes of some bases.

    Returns
    -------
    MORE, MOVE (the stretch must reach from ``state[START]`` of ``state[CONTIG]`` on), WRONG.
    """
    while True:
        at = state[AT]
        if state[END] - at < 4:
            return MORE
        size = np.int64(i32(buffer, at))
        if size < FIXED - 4 or size > LARGEST:
            return WRONG
        if state[END] - at < 4 + size:
            return MORE
        if not fields_fit(buffer, at, size):
            return WRONG
        contig, start, flag = contig_of(buffer, at), start_of(buffer, at), flag_of(buffer, at)
        if contig >= len(used) or (0 <= contig < state[CONTIG]):
            return WRONG
        if contig >= 0 and contig == state[CONTIG] and start < state[START]:
            return WRONG
        skipped = SECONDARY_SUPPLEMENTARY | UNMAPPED | QC_FAIL | (DUPLICATE if drop_duplicates else 0)
        if contig >= 0:
            state[CONTIG], state[START] = contig, start
            if used[contig] and flag & skipped == 0 and start >= 0 and mapq_of(buffer, at) >= min_mapq:
                if contig != sites_contig or start + REACH > begin + len(sites):
                    return MOVE
                strand = genome_strand(buffer, at)
                if strand != 0 and strand != MALFORMED:
                    high = _own_part(buffer, at, contig, start)
                    _count(buffer, at, strand, min(high, start + REACH), codes, sites, begin, seen)
        state[AT] = record_end(buffer, at)
