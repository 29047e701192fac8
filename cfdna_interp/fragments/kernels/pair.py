"""Judge two mates, or one read of a whole molecule."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import DUPLICATE, PROPER, QC_FAIL, READ1, REVERSE
from cfdna_interp.fragments.kernels.codes import FURTHEST, REASON
from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.intervals import overlaps_any
from cfdna_interp.fragments.kernels.record import (
    bases_of,
    cigar_of,
    contig_of,
    flag_of,
    mapq_of,
    span_of,
    start_of,
)
from cfdna_interp.fragments.kernels.row import write_row

_MATE_MISSING, _QC_FAIL = REASON["mate_missing"], REASON["qc_fail"]
_DUPLICATE, _LOW_MAPQ, _MALFORMED = REASON["duplicate"], REASON["low_mapq"], REASON["malformed"]
_NOT_INWARD, _NOT_PROPER = REASON["not_inward"], REASON["not_proper"]
_LENGTH, _BLACKLISTED = REASON["length_out_of_range"], REASON["blacklisted"]
_NO_SEQUENCE = REASON["no_sequence"]


@helper
def judge_alone(flag, mapq, filters):
    """Return the reason against a read whose mate never came."""
    if flag & QC_FAIL:
        return _QC_FAIL
    if filters.drop_duplicates and flag & DUPLICATE:
        return _DUPLICATE
    return _LOW_MAPQ if mapq < filters.min_mapq else _MATE_MISSING


@helper
def make_fragment(scan, mate, read, hashed):
    """Judge two mates on one contig, or one read given twice.

    Returns
    -------
    The reason against them, or NO_REASON if they became a row.
    """
    buffer, filters = scan.buffer, scan.filters
    forward, reverse = (mate, read) if flag_of(buffer, read) & REVERSE else (read, mate)
    either = flag_of(buffer, mate) | flag_of(buffer, read)
    both = flag_of(buffer, mate) & flag_of(buffer, read)
    if either & QC_FAIL:
        return _QC_FAIL
    if filters.drop_duplicates and either & DUPLICATE:
        return _DUPLICATE
    mapq = min(mapq_of(buffer, mate), mapq_of(buffer, read))
    if filters.first_mapq:
        mapq = mapq_of(buffer, read if flag_of(buffer, read) & READ1 else mate)
    if mapq < filters.min_mapq:
        return _LOW_MAPQ
    end = start = np.int64(0)
    sequenced = True
    for at in (forward, reverse):
        place, operations = cigar_of(buffer, at)
        along, span, known = span_of(buffer, place, operations)
        bases = bases_of(buffer, at)
        if not known or span == 0 or (bases > 0 and bases != along):
            return _MALFORMED
        end = start_of(buffer, at) + span
        if end > FURTHEST:
            return _MALFORMED
        sequenced &= bases > 0
    start = start_of(buffer, forward)
    if mate != read:
        if flag_of(buffer, forward) & REVERSE or not flag_of(buffer, reverse) & REVERSE or start >= end:
            return _NOT_INWARD
        if filters.proper_only and not both & PROPER:
            return _NOT_PROPER
    if end - start < filters.min_length or end - start > filters.max_length:
        return _LENGTH
    if overlaps_any(scan.blacklist, contig_of(buffer, forward), start, end):
        return _BLACKLISTED
    if not sequenced:
        return _NO_SEQUENCE
    return write_row(scan, forward, reverse, end, hashed)
