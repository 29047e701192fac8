"""Numbers that stand for something in a scan: why it stops, why a read is no fragment, dialects of calls."""

from __future__ import annotations

from cfdna_interp.fragments.filters import REASONS

# Why the scan stops: the bytes are used up, the rows are full, an array is too small for the longest read,
# the reads have left the stretch of the reference; or the record at hand can't be right.
MORE, FULL, GROW, MOVE, BAD_SIZE, BAD_FIELDS, BAD_CONTIG, STRAY, UNSORTED = range(9)
DAMAGE = {
    BAD_SIZE: "a record of impossible size",
    BAD_FIELDS: "a record whose fields don't fit into it",
    BAD_CONTIG: "a record on a contig that the header doesn't have",
    STRAY: "its index is of another file",
}
FURTHEST = (1 << 31) - 1  # on a contig; beyond it positions don't fit their 32 bits
LARGEST = 1 << 26  # bytes of a record; above it the size is taken for damage

# Why a read becomes no fragment, as an index of ``ScanCounts.reasons``.
REASON = {name: number for number, name in enumerate(REASONS)}
NO_REASON = -1

# Dialects of methylation calls.
NO_CALLS, XM, COMPARE, MM = range(4)
