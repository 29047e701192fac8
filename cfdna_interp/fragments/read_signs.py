"""Signs in a few reads of a file that say why reads like them are lost.

The kernels count reads by filter and don't ask why. A look at some thousand records can tell: what it finds
is said of a sample where the loss is large (:mod:`cfdna_interp.fragments.losses`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cfdna_interp.fragments.filters import (
    MATE_UNMAPPED,
    PAIRED,
    PROPER,
    READ1,
    REVERSE,
    SECONDARY_SUPPLEMENTARY,
    UNMAPPED,
    WHICH_MATE,
)
from cfdna_interp.records.qc import Dialect, LossCause, LossFilter

MATE_REVERSE = 0x20
LEAST = 50  # fewer reads show nothing
ONE_MATE = 0.95  # least share of one mate from which the other one is said to be left out
# Least share of unpaired reads that are longer than every paired one, so that they must be merged: reads that
# only lost their mate are as long as others, and some of the merged ones are short.
LONGER = 0.05
# How a name says which mate a read is: /1 .1 _1, and the comment of Illumina's FASTQ (" 1:N:0:ACGT").
_WHICH = re.compile(r"(?:[/._]R?[12]|[ _][12]:[YN]:\d+(?::\S*)?)$")
# A list of modified bases: the base, its strand, what it is modified to, and the bases skipped in between.
_LIST = re.compile(r"[ACGTUN][+-](?:[a-z]+|\d+)[.?]?(?:,\d+)*")


@dataclass(frozen=True)
class Sign:
    """How many of the reads that were looked at show a cause.

    Attributes
    ----------
    filter
        Where reads that show it are counted.
    cause
        The cause.
    reads, of
        Reads that show it, and primary mapped reads that were looked at.
    """

    filter: LossFilter
    cause: LossCause
    reads: int
    of: int


def find_signs(
    stretches: Iterable[Sequence[Any]],
    *,
    single: bool,
    merged: bool,
    dialect: Dialect,
    min_mapq: int,
    max_length: int,
) -> tuple[Sign, ...]:
    """Return the signs in stretches of a file, those of most reads first.

    Parameters
    ----------
    stretches
        pysam records as they follow one another in the file, one sequence a stretch.
    single, merged
        Whether each read is a molecule; whether each read that isn't paired is one.
    dialect
        How methylation calls are written.
    min_mapq, max_length
        As in the settings.
    """
    found: Counter[tuple[LossFilter, LossCause]] = Counter()
    looked_at: list[Any] = []
    for stretch in stretches:
        reads = [read for read in stretch if not read.flag & (SECONDARY_SUPPLEMENTARY | UNMAPPED)]
        looked_at += reads
        if not single:
            found.update(_mates(reads, max_length))
    if len(looked_at) < LEAST:
        return ()
    if not single:
        found.update(_one_mate(looked_at))
        if not merged:
            found.update(_unpaired(looked_at))
    found.update(_qualities(looked_at, min_mapq))
    found.update(sign for read in looked_at if (sign := _tags(read, dialect)) is not None)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Sign(name, cause, count, len(looked_at)) for (name, cause), count in ordered if count)


def _mates(reads: Sequence[Any], max_length: int) -> Counter[tuple[LossFilter, LossCause]]:
    """Count what flags, names and positions of mates show."""
    found: Counter[tuple[LossFilter, LossCause]] = Counter()
    by_stem: dict[str, list[Any]] = defaultdict(list)
    for read in reads:
        by_stem[_WHICH.sub("", read.query_name)].append(read)
    for read in reads:
        flag = read.flag
        if not flag & PAIRED:
            continue
        if flag & MATE_UNMAPPED:
            found["mate_missing", "mate unmapped"] += 1
            continue
        if flag & WHICH_MATE in (0, WHICH_MATE):
            found["mate_missing", "mates not told apart"] += 1
            continue
        here, mate = read.reference_start, read.next_reference_start
        others = [
            other
            for other in by_stem[_WHICH.sub("", read.query_name)]
            if other.flag & PAIRED and (other.flag ^ flag) & WHICH_MATE == WHICH_MATE
        ]
        same = [other for other in others if other.query_name == read.query_name]
        where = _filter_of(read, max_length)
        if others and not same:
            found["mate_missing" if where is None else where, "mate names"] += 1
        elif same and all(other.reference_start != mate for other in same):
            if read.next_reference_id != -1:  # the place may be left out
                found["mate_missing" if where is None else where, "mate positions"] += 1
        elif not others and where is None and _within(mate, read, reads):
            found["mate_missing", "mate absent"] += 1
        elif where is None and bool(flag & REVERSE) == bool(flag & MATE_REVERSE):
            found["not_inward", "old flags" if flag & PROPER else "one direction"] += 1
        elif where is None and _outward(read, here, mate):
            found["not_inward", "outward"] += 1
    return found


def _filter_of(read: Any, max_length: int) -> LossFilter | None:
    """Return the filter that a read's own record fails by where its mate is said to be."""
    if read.next_reference_id not in (read.reference_id, -1):
        return "mate_elsewhere"
    if read.next_reference_id >= 0 and abs(read.next_reference_start - read.reference_start) > max_length:
        return "mate_distant"
    return None


def _within(mate: int, read: Any, reads: Sequence[Any]) -> bool:
    """Tell whether a read at the mate's place would be in the stretch."""
    first, last = reads[0], reads[-1]
    after = first.reference_id < read.reference_id or first.reference_start < mate
    before = last.reference_id > read.reference_id or last.reference_start > mate
    return bool(read.next_reference_id >= 0 and after and before)


def _outward(read: Any, here: int, mate: int) -> bool:
    """Tell whether the mates have no base in common and look away from each other."""
    if read.flag & REVERSE:
        return bool(mate >= (read.reference_end or here))
    return bool(mate >= 0 and mate + (read.query_length or 0) <= here)


def _one_mate(reads: Sequence[Any]) -> Counter[tuple[LossFilter, LossCause]]:
    paired = [read for read in reads if read.flag & PAIRED and read.flag & WHICH_MATE]
    first = sum(bool(read.flag & READ1) for read in paired)
    most = max(first, len(paired) - first)
    if len(paired) < LEAST or most < ONE_MATE * len(paired):
        return Counter()
    return Counter({("mate_missing", "one mate only"): most})


def _unpaired(reads: Sequence[Any]) -> Counter[tuple[LossFilter, LossCause]]:
    alone = [_length(read) for read in reads if not read.flag & PAIRED]
    longest = max((_length(read) for read in reads if read.flag & PAIRED), default=0)
    merged = sum(length > longest for length in alone) >= LONGER * max(len(alone), 1)
    return Counter({("mate_missing", "merged reads" if merged else "unpaired reads"): len(alone)})


def _length(read: Any) -> int:
    return int(read.infer_read_length() or read.query_length or 0)


def _qualities(reads: Sequence[Any], min_mapq: int) -> Counter[tuple[LossFilter, LossCause]]:
    qualities = [read.mapping_quality for read in reads]
    below = sum(quality < min_mapq for quality in qualities)
    cause: LossCause = "several places" if max(qualities) >= min_mapq else "quality scale"
    return Counter({("low_mapq", cause): below})


def _tags(read: Any, dialect: Dialect) -> tuple[LossFilter, LossCause] | None:
    """Return what is wrong with a read's CIGAR or its tags of calls, None where nothing is."""
    size = len(read.query_sequence or "")
    along = read.infer_query_length()
    if size and along and along != size:
        return "malformed", "cigar"
    if dialect == "xm" and read.has_tag("XM"):
        letters = read.get_tag("XM")
        if isinstance(letters, str) and len(letters) != size:
            return "calls", "XM length"
    if dialect == "mm":
        return _modifications(read, size)
    return None


def _modifications(read: Any, size: int) -> tuple[LossFilter, LossCause] | None:
    lists = next((read.get_tag(name) for name in ("MM", "Mm") if read.has_tag(name)), None)
    if not isinstance(lists, str) or not lists or not size:
        return None
    if read.has_tag("MN"):
        if read.get_tag("MN") != size:
            return "calls", "MN length"
    elif any(operation == 5 for operation, _ in read.cigartuples or ()):
        return "calls", "cut without MN"
    sequence = read.get_forward_sequence() or ""
    for part in lists.rstrip(";").split(";"):
        if not _LIST.fullmatch(part):
            return "malformed", "tag format"
        base, skips = part[0], part.split(",")[1:]
        # The list counts bases as sequenced; U stands for T.
        known = size if base == "N" else sequence.count("T" if base == "U" else base)
        if sum(int(skip) + 1 for skip in skips) > known:
            return "malformed", "tags not cut"
    return None
