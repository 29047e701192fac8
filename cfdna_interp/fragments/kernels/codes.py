"""Numeric codes of a scan: why it stops, why a read becomes no fragment, and the dialects of calls."""

from __future__ import annotations

from cfdna_interp.fragments.filters import REASONS

# Why a scan stops. MORE: the bytes are used up. FULL: the rows are. GROW: an array is too small for the
# longest read. MOVE: the reads have left the stretch of the reference. All others: the record is damaged or
# misplaced.
MORE, FULL, GROW, MOVE, BAD_SIZE, BAD_FIELDS, BAD_CONTIG, STRAY, UNSORTED = range(9)
DAMAGE = {
    BAD_SIZE: "a record of impossible size",
    BAD_FIELDS: "a record whose fields don't fit into it",
    BAD_CONTIG: "a record on a contig that the header doesn't have",
    STRAY: "its index is of another file",
}
FURTHEST = (1 << 31) - 1  # last position of a contig that fits 32 bits
LARGEST = 1 << 26  # most bytes of a record; a larger size counts as damage

# Why a read becomes no fragment, as an index of ``ScanCounts.reasons``.
REASON = {name: number for number, name in enumerate(REASONS)}
NO_REASON = -1

# Dialects of methylation calls.
NO_CALLS, XM, COMPARE, MM = range(4)
