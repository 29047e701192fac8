"""Joining mates by name in one pass, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cfdna_interp.fragments.filters import (
    DUPLICATE,
    MATE_UNMAPPED,
    PAIRED,
    REVERSE,
    SECONDARY_SUPPLEMENTARY,
    UNMAPPED,
    WHICH_MATE,
    Rules,
    Tally,
)

# pysam's AlignedSegment: the package carries no types.
Read = Any


def pair_reads(reads: Iterable[Read], rules: Rules, tally: Tally) -> Iterator[tuple[Read, Read]]:
    """Yield (forward mate, reverse mate) of each fragment.

    A fragment is two primary, mapped, inward-facing mates on one contig that pass ``rules``. The result
    doesn't depend on the order of the reads, except for the order of the fragments. Only reads whose
    mate is still to come are held: a mate on another contig or unmapped, by the read's own record, is
    never waited for.

    Parameters
    ----------
    reads
        Records of one file.
    rules
        What a fragment must be.
    tally
        Counts; afterwards every read is under one reason or in a fragment.
    """
    waiting: dict[str, Read] = {}
    counts = tally.counts
    contigs = rules.contigs
    for read in reads:
        counts["reads"] += 1
        flag = read.flag
        if flag & SECONDARY_SUPPLEMENTARY:
            counts["secondary_supplementary"] += 1
            continue
        if flag & UNMAPPED:
            counts["unmapped"] += 1
            continue
        tally.mapped += 1
        if flag & DUPLICATE:
            tally.flagged_duplicate += 1
        else:
            tally.unique += 1
            if read.mapping_quality < rules.min_mapq:
                tally.below_mapq += 1
        if flag & MATE_UNMAPPED or not flag & PAIRED:
            counts["mate_missing"] += 1
            continue
        contig = read.reference_id
        if contig not in contigs:
            counts["off_contig"] += 1
            continue
        if read.next_reference_id not in (contig, -1):  # -1: the aligner left the mate's place out
            counts["mate_elsewhere"] += 1
            continue
        name = read.query_name
        mate = waiting.pop(name, None)
        if mate is None:
            waiting[name] = read
            continue
        if (mate.flag ^ flag) & WHICH_MATE != WHICH_MATE:
            # Two records claim to be the same mate: the name is used twice, and the first one stays.
            waiting[name] = mate
            counts["mate_missing"] += 1
            continue
        if mate.reference_id != contig:
            counts["mate_elsewhere"] += 2
            continue
        forward, reverse = (mate, read) if flag & REVERSE else (read, mate)
        reason = rules.judge_pair(forward, reverse)
        if reason is None:
            counts["fragments"] += 1
            yield forward, reverse
        else:
            counts[reason] += 2
    for read in waiting.values():
        counts[rules.judge_alone(read)] += 1
