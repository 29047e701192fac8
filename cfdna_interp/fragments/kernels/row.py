"""Write the row of a fragment from its two mates, or from one read of a whole molecule."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import PAIRED, READ1, REVERSE
from cfdna_interp.fragments.kernels.bases import end_motif, strong_bases
from cfdna_interp.fragments.kernels.calls import count_chh, cpg_calls, merge_calls
from cfdna_interp.fragments.kernels.codes import COMPARE, MM, NO_CALLS, NO_REASON, REASON, XM
from cfdna_interp.fragments.kernels.compare import compare_letters, relabel
from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.mm import mm_letters
from cfdna_interp.fragments.kernels.record import (
    bases_of,
    cigar_of,
    clip_of,
    contig_of,
    flag_of,
    mapq_of,
    sequence_at,
    span_of,
    start_of,
)
from cfdna_interp.fragments.kernels.scan_types import Mate
from cfdna_interp.fragments.kernels.xm import MALFORMED, OTHER_LENGTH, OTHER_STRAND, find_letters

_MALFORMED = REASON["malformed"]


@helper
def _letters(scan, at, side):
    """Return (whether the letters are in the buffer itself, where they are, genome strand).

    XM letters are in the buffer. Other dialects write letters to the room of ``side``. A place below 0 means
    that there are none, see :func:`find_letters`.
    """
    buffer, calling, room = scan.buffer, scan.calling, scan.room
    if calling.dialect == XM:
        letters, strand = find_letters(buffer, at)
        return True, letters, strand
    if calling.dialect == NO_CALLS:
        return True, np.int64(-1), np.int64(0)
    text, to = room.text, side * (len(room.text) // 2)
    if calling.dialect == COMPARE:
        fits, contig = scan.counts.reference, contig_of(buffer, at)
        strand = np.int64(compare_letters(buffer, at, text, to, scan.sites, calling.library, fits, contig))
    else:
        probabilities, sums = room.probabilities[side], scan.counts.sums[0]
        strand = np.int64(mm_letters(buffer, at, text, to, probabilities, calling.low, calling.high, sums))
        if calling.by_reference and (strand == 1 or strand == -1):
            relabel(buffer, at, text, to, scan.sites, strand)
    if strand == MALFORMED:
        return False, np.int64(MALFORMED), np.int64(0)
    return False, np.int64(to if strand != 0 else -1), strand


@helper
def _read_mate(scan, at, side, number, backwards):
    """Return the :class:`Mate` whose record begins at ``at``."""
    buffer = scan.buffer
    merged = scan.filters.merged and not flag_of(buffer, at) & PAIRED
    inside, letters, strand = _letters(scan, at, side)
    cigar, operations = cigar_of(buffer, at)
    return Mate(
        at,
        side,
        number,
        backwards,
        merged,
        start_of(buffer, at),
        bases_of(buffer, at),
        sequence_at(buffer, at),
        operations,
        cigar,
        buffer if inside else scan.room.text,
        letters,
        strand,
    )


@helper
def _count_mate(scan, mate, low, high):
    """Count a mate's bases from reference position ``low`` to ``high - 1`` and write its CpG calls.

    Returns
    -------
    G and C, known bases, number of calls.
    """
    buffer, calling, sums = scan.buffer, scan.calling, scan.counts.sums[0]
    sums.longest_read = max(sums.longest_read, mate.bases)
    # With calls of modified bases nothing was converted, so an unmethylated C is read as C.
    restored = mate.letters if mate.strand != 0 and calling.dialect != MM else -1
    strong, known = strong_bases(buffer, mate, restored, calling.converted_upper, low, high)
    sums.letters_misfit += mate.letters == OTHER_LENGTH
    sums.strand_unknown += mate.letters == OTHER_STRAND
    n_calls = 0
    if mate.letters >= 0:
        methylated, every = count_chh(mate.text, mate.letters, mate.bases)
        sums.chh_methylated += methylated
        sums.chh += every
        n_calls = cpg_calls(buffer, mate, calling, scan.counts.bias, scan.room.calls)
    return strong, known, n_calls


@helper
def write_row(scan, left, right, end, hashed):
    """Write the fragment of two mates, or of one read given twice, as the next row.

    Parameters
    ----------
    scan
        The scan.
    left, right
        Where the records of the forward and of the reverse mate begin.
    end
        Where the fragment ends on the reference.
    hashed
        Hash of the read name.

    Returns
    -------
    The reason against the fragment, or NO_REASON.
    """
    buffer, state, sums, output = scan.buffer, scan.state[0], scan.counts.sums[0], scan.output
    alone = left == right
    first = 0 if alone or flag_of(buffer, left) & READ1 else 1
    # In a pair the reverse mate is sequenced backwards. A read of a whole molecule may have either direction.
    forward = _read_mate(scan, left, 0, first, alone and flag_of(buffer, left) & REVERSE != 0)
    if forward.letters == MALFORMED:
        return _MALFORMED
    reverse = forward
    if not alone:
        reverse = _read_mate(scan, right, 1, 1 - first, True)
        if reverse.letters == MALFORMED:
            return _MALFORMED
    start = forward.start
    _, span, _ = span_of(buffer, forward.cigar, forward.operations)
    strong, known, n_forward = _count_mate(scan, forward, start, end)
    n_reverse = 0
    if not alone:
        # The overlap of the mates counts once, so the reverse mate counts from the end of the forward one.
        more_strong, more_known, n_reverse = _count_mate(scan, reverse, max(start, start + span), end)
        strong += more_strong
        known += more_known
    strong = min(strong, known)
    sums.strong += strong
    sums.known += known
    n_calls = merge_calls(scan, n_forward, n_reverse, start, end)
    state.calls += n_calls
    sums.calls += n_calls
    sums.whole_reads += alone
    clipped_5p, before = clip_of(buffer, forward.cigar, forward.operations, False)
    clipped_3p, after = clip_of(buffer, reverse.cigar, reverse.operations, True)
    sums.clipped_ends += np.int64(clipped_5p) + np.int64(clipped_3p)

    row = output.rows[state.rows]
    row.contig = contig_of(buffer, left)
    row.start = start
    row.length = end - start
    row.mapq = min(mapq_of(buffer, left), mapq_of(buffer, right))
    row.strand = forward.strand if forward.strand == reverse.strand else 0
    row.gc = np.float32(strong / known) if known > 0 else np.float32(0)
    row.motif_5p = end_motif(buffer, forward, scan.calling.converted_upper, before, False)
    row.motif_3p = end_motif(buffer, reverse, scan.calling.converted_upper, after, True)
    row.calls_end = state.calls
    row.hash = hashed
    state.rows += 1
    return NO_REASON
