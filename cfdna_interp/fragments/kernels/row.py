"""The row of a fragment: what two mates, or one read of a whole molecule, say of it."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import READ1, REVERSE
from cfdna_interp.fragments.kernels.bases import end_motif, strong_bases
from cfdna_interp.fragments.kernels.calls import count_chh, cpg_calls, merge_calls
from cfdna_interp.fragments.kernels.compare import compare_letters, relabel
from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.mm import mm_letters
from cfdna_interp.fragments.kernels.places import (
    BY_QUALITY,
    BY_REFERENCE,
    CALLS,
    CHH,
    CHH_METHYLATED,
    COMPARE,
    DIALECT,
    HIGH_PROBABILITY,
    KNOWN,
    LONGEST_READ,
    LOW_PROBABILITY,
    MM,
    NO_CALLS,
    REASON,
    ROWS,
    SITES_BEGIN,
    STRONG,
    XM,
)
from cfdna_interp.fragments.kernels.record import (
    bases_of,
    cigar_of,
    contig_of,
    flag_of,
    mapq_of,
    sequence_at,
    span_of,
    start_of,
)
from cfdna_interp.fragments.kernels.xm import MALFORMED, find_letters

_MATE_MISSING, _QC_FAIL = REASON["mate_missing"], REASON["qc_fail"]
_DUPLICATE, _LOW_MAPQ, _MALFORMED = REASON["duplicate"], REASON["low_mapq"], REASON["malformed"]
_NOT_INWARD, _NOT_PROPER = REASON["not_inward"], REASON["not_proper"]
_LENGTH, _BLACKLISTED = REASON["length_out_of_range"], REASON["blacklisted"]
_NO_SEQUENCE = REASON["no_sequence"]


@helper
def _letters(buffer, at, rules, text, to, room, side, sites, begin, modified):
    """Return (whether the letters are in the buffer itself, where they are or -1, genome strand).

    Other dialects write them to ``text[to:]``, and use ``room`` at ``side`` on the way. MALFORMED instead of
    a place: the tags run beyond the record.
    """
    if rules[DIALECT] == XM:
        letters, strand = find_letters(buffer, at)
        return True, letters, strand
    if rules[DIALECT] == NO_CALLS:
        return True, np.int64(-1), np.int64(0)
    if rules[DIALECT] == COMPARE:
        strand = np.int64(compare_letters(buffer, at, text, to, sites, begin))
    else:
        low, high = rules[LOW_PROBABILITY], rules[HIGH_PROBABILITY]
        strand = np.int64(mm_letters(buffer, at, text, to, room, side, low, high, modified))
        if rules[BY_REFERENCE] and (strand == 1 or strand == -1):
            relabel(buffer, at, text, to, sites, begin, strand)
    if strand == MALFORMED:
        return False, np.int64(MALFORMED), np.int64(0)
    return False, np.int64(to if strand != 0 else -1), strand


@helper
def _mate(
    buffer,
    at,
    text,
    letters,
    strand,
    last,
    backwards,
    side,
    mate,
    place,
    operations,
    low,
    high,
    counts,
    rules,
    bias,
    calls,
):
    """Count a mate's bases from reference position ``low`` to ``high`` and write its CpG calls.

    ``last`` says that its end motif is that of the fragment's last bases, ``backwards`` that it was sequenced
    against the reference's direction: of mates these are one thing, a read of a whole molecule may be either.

    Returns
    -------
    G and C, known bases, number of calls, end motif.
    """
    bases, sequence = bases_of(buffer, at), sequence_at(buffer, at)
    counts[LONGEST_READ] = max(counts[LONGEST_READ], bases)
    # Where calls come from modified bases nothing was converted: an unmethylated C is read as C.
    restored = letters if strand != 0 and rules[DIALECT] != MM else -1
    strong, known = strong_bases(
        buffer, sequence, text, restored, place, operations, start_of(buffer, at), low, high
    )
    motif = end_motif(buffer, sequence, bases, text, letters, strand, last)
    written = 0
    if letters >= 0:
        methylated, every = count_chh(text, letters, bases)
        counts[CHH_METHYLATED] += methylated
        counts[CHH] += every
        written = cpg_calls(
            buffer,
            sequence,
            text,
            letters,
            bases,
            place,
            operations,
            start_of(buffer, at),
            strand,
            backwards,
            side,
            rules,
            mate,
            bias,
            calls,
        )
    return strong, known, written, motif


@helper
def write_row(
    buffer,
    forward,
    reverse,
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
    text,
    sites,
    modified,
):
    """Write the fragment of two mates, or of one read given twice, as the next row.

    Returns
    -------
    The reason against it, 0 where there is none.
    """
    start = start_of(buffer, forward)
    second = len(text) // 2
    inside, forward_letters, forward_strand = _letters(
        buffer, forward, rules, text, 0, calls, 0, sites, state[SITES_BEGIN], modified
    )
    if forward_letters == MALFORMED:
        return _MALFORMED
    reverse_inside, reverse_letters, reverse_strand = inside, forward_letters, forward_strand
    if forward != reverse:
        reverse_inside, reverse_letters, reverse_strand = _letters(
            buffer, reverse, rules, text, second, calls, 1, sites, state[SITES_BEGIN], modified
        )
        if reverse_letters == MALFORMED:
            return _MALFORMED
    first = 0 if forward == reverse or flag_of(buffer, forward) & READ1 else 1
    place, operations = cigar_of(buffer, forward)
    _, span, _ = span_of(buffer, place, operations)
    strong, known, n_forward, motif_5p = _mate(
        buffer,
        forward,
        buffer if inside else text,
        forward_letters,
        forward_strand,
        False,
        forward == reverse and flag_of(buffer, forward) & REVERSE != 0,
        0,
        first,
        place,
        operations,
        start,
        end,
        counts,
        rules,
        bias,
        calls,
    )
    n_reverse = 0
    reverse_bases, reverse_sequence = bases_of(buffer, reverse), sequence_at(buffer, reverse)
    if forward != reverse:
        # The overlap of the mates counts once: the reverse mate from where the forward one ends.
        place, operations = cigar_of(buffer, reverse)
        more_strong, more_known, n_reverse, motif_3p = _mate(
            buffer,
            reverse,
            buffer if reverse_inside else text,
            reverse_letters,
            reverse_strand,
            True,
            True,
            1,
            1 - first,
            place,
            operations,
            max(start, start + span),
            end,
            counts,
            rules,
            bias,
            calls,
        )
        strong += more_strong
        known += more_known
    else:
        motif_3p = end_motif(
            buffer,
            reverse_sequence,
            reverse_bases,
            buffer if inside else text,
            reverse_letters,
            reverse_strand,
            True,
        )
    strong = min(strong, known)
    counts[STRONG] += strong
    counts[KNOWN] += known
    state[CALLS] += merge_calls(
        calls, n_forward, n_reverse, start, end, rules[BY_QUALITY], offsets, states, state[CALLS], counts
    )

    row = rows[state[ROWS]]
    row.contig = contig_of(buffer, forward)
    row.start = start
    row.length = end - start
    row.mapq = min(mapq_of(buffer, forward), mapq_of(buffer, reverse))
    row.strand = forward_strand if forward_strand == reverse_strand else 0
    row.gc = np.float32(strong / known) if known > 0 else np.float32(0)
    row.motif_5p = motif_5p
    row.motif_3p = motif_3p
    row.calls_end = state[CALLS]
    row.hash = hashed
    state[ROWS] += 1
    return 0
