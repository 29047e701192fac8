"""Count what molecules of the other strand read at a cytosine. Conversion doesn't change their base there."""

from __future__ import annotations

from typing import NamedTuple

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
from cfdna_interp.fragments.kernels.codes import LARGEST
from cfdna_interp.fragments.kernels.compare import NO_SITE, REACH, genome_strand, unpack
from cfdna_interp.fragments.kernels.compiling import helper, kernel
from cfdna_interp.fragments.kernels.memory import i32, u32
from cfdna_interp.fragments.kernels.named_numbers import int64_fields
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
from cfdna_interp.fragments.kernels.scan_types import SiteLetters
from cfdna_interp.fragments.kernels.xm import MALFORMED

# Why counting stops. MORE: the bytes are used up. MOVE: the reads have left the stretch of the reference.
# WRONG: a record is damaged or out of order.
MORE, MOVE, WRONG = range(3)
STATE = int64_fields(
    "at",  # where the next record begins in the buffer
    "end",  # where the bytes end; the last record is perhaps not whole
    "contig",  # of the last record, -1 before the first one
    "start",  # of the last record, 0-based
)


class OtherStrandCounts(NamedTuple):
    """Molecules of the other strand, by their base at a cytosine of the reference.

    Attributes
    ----------
    same, different
        (n,) int32 molecules with the reference's base, and with another base. Kernels add to them.
    codes
        (at least 2,) uint8 room for the codes of some bases.
    """

    same: np.ndarray
    different: np.ndarray
    codes: np.ndarray


@helper
def _own_part(buffer, at, contig, start):
    """Return the positions from ``start`` on, up to the one returned, that this mate counts for its molecule.

    Each position of the molecule counts once. In the overlap of the mates only the right one counts, which
    comes later in the file. If the left mate is the reverse one, its bases before its mate lie beyond the
    molecule.
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
def _count_run(skipped, size, letters, first, strand_bit, expected, counts):
    """Count the bases whose codes begin at ``skipped``. The first one's letter is ``letters[first]``."""
    place, position = np.uint64(skipped), np.uint64(first)
    same, different, codes = counts
    for step in range(np.uint64(size)):
        code, site = codes[place + step], letters[position + step]
        is_site = site & 128 == strand_bit and site != NO_SITE
        agrees = code == 0 or code == expected
        differs = (code == 1 or code == 2 or code == 4 or code == 8) and code != expected
        same[position + step] += is_site and agrees
        different[position + step] += is_site and differs


@helper
def _count(buffer, at, strand, high, sites, counts):
    sequence, here, bases = sequence_at(buffer, at), start_of(buffer, at), bases_of(buffer, at)
    strand_bit, expected = (128, 4) if strand > 0 else (0, 2)
    place, operations = cigar_of(buffer, at)
    begin, codes = sites.begin, counts.codes
    high = min(high, begin + len(sites.letters))
    base = np.int64(0)
    for number in range(operations):
        along, over = moves(u32(buffer, place + 4 * number))
        if along > 0 and over > 0:
            step, last = max(begin - here, 0), min(min(high - here, along), bases - base)
            while step < last:
                odd = (base + step) & 1
                size = min(last - step, len(codes) - 1)
                unpack(buffer, sequence, base + step - odd, size + odd, codes, 0)
                _count_run(odd, size, sites.letters, here + step - begin, strand_bit, expected, counts)
                step += size
        base += along
        here += over
        if base >= bases or here >= high:
            break


@kernel
def count_other_strand(
    buffer: np.ndarray,
    states: np.ndarray,
    used: np.ndarray,
    min_mapq: int,
    drop_duplicates: bool,
    library: int,
    sites: SiteLetters,
    counts: OtherStrandCounts,
) -> int:
    """Read records until the bytes are used up or the reads leave the stretch.

    The state tells where to go on.

    Parameters
    ----------
    buffer
        (n,) uint8 that holds the records.
    states
        (1,) of ``STATE``.
    used
        (contigs,) bool: contigs in use.
    min_mapq, drop_duplicates
        Which reads count.
    library
        How reads without strand tags lie to their molecules, see ``compare.genome_strand``.
    sites, counts
        A stretch of the reference, and the counts at each of its positions.

    Returns
    -------
    MORE, WRONG, or MOVE: the stretch must cover reads from ``state.start`` of ``state.contig`` on.
    """
    state = states[0]
    while True:
        at = state.at
        if state.end - at < 4:
            return MORE
        size = np.int64(i32(buffer, at))
        if size < FIXED - 4 or size > LARGEST:
            return WRONG
        if state.end - at < 4 + size:
            return MORE
        if not fields_fit(buffer, at, size):
            return WRONG
        contig, start, flag = contig_of(buffer, at), start_of(buffer, at), flag_of(buffer, at)
        if contig >= len(used) or (0 <= contig < state.contig):
            return WRONG
        if contig >= 0 and contig == state.contig and start < state.start:
            return WRONG
        skipped = SECONDARY_SUPPLEMENTARY | UNMAPPED | QC_FAIL | (DUPLICATE if drop_duplicates else 0)
        if contig >= 0:
            state.contig, state.start = contig, start
            if used[contig] and flag & skipped == 0 and start >= 0 and mapq_of(buffer, at) >= min_mapq:
                if contig != sites.contig or start > sites.until:
                    return MOVE
                codes = counts.codes
                strand = genome_strand(buffer, at, library, sites, codes, 0, len(codes))
                if strand != 0 and strand != MALFORMED:
                    high = _own_part(buffer, at, contig, start)
                    _count(buffer, at, strand, min(high, start + REACH), sites, counts)
        state.at = record_end(buffer, at)
