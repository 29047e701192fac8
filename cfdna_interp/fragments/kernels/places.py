"""What stands where in the arrays that a scan is given: its state, its counts, the rules."""

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

# Places in the state of a scan.
# EXPECTED is the contig of the first record, by the index; -1 where it may be any.
# SITES_CONTIG and SITES_BEGIN say where the stretch of the reference is.
(
    AT,
    END,
    CONTIG,
    START,
    WAITING,
    ROWS,
    CALLS,
    LONGEST,
    EXPECTED,
    SITES_CONTIG,
    SITES_BEGIN,
    STATE,
) = range(12)
# Places in the counts: reads, reads by reason, fragments, and sums over reads and fragments.
REASON = {name: 1 + number for number, name in enumerate(REASONS)}
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

# Places in the rules' numbers; where there is one for each mate, the second's follows the first's.
# BY_REFERENCE: calls or their contexts come from the reference.
(
    MIN_MAPQ,
    FIRST_MAPQ,
    DROP_DUPLICATES,
    MIN_LENGTH,
    MAX_LENGTH,
    PROPER_ONLY,
    SINGLE,
    DIALECT,
    INVERT,
    BY_QUALITY,
    IGNORE_5P,
    IGNORE_5P_SECOND,
    IGNORE_3P,
    IGNORE_3P_SECOND,
    LOW_PROBABILITY,
    HIGH_PROBABILITY,
    BY_REFERENCE,
    RULES,
) = range(18)

# Dialects of methylation calls.
NO_CALLS, XM, COMPARE, MM = range(4)
