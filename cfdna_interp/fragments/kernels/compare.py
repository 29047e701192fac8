"""Letters by comparing a read with the reference (see :mod:`cfdna_interp.fragments.methylation.compare`)."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import PAIRED, READ1, REVERSE
from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.memory import u32
from cfdna_interp.fragments.kernels.record import (
    bases_of,
    cigar_of,
    flag_of,
    moves,
    record_end,
    sequence_at,
    start_of,
    tag_end,
    tags_at,
)
from cfdna_interp.fragments.kernels.xm import MALFORMED

# Reference positions from a read's first one on that are compared; no fragment is as long. It is the read's
# own limit: what is called doesn't rest on where a stretch of the reference happens to end.
REACH = 1 << 16
NO_SITE = 46  # what stands for a position that is neither C nor G; also the letter of a base without a call
REVERSE_SITE = 128  # added to the letter of a G


@helper
def base_at(buffer, sequence, base):
    """Return the BAM code of a base: A 1, C 2, G 4, T 8, like the reference 0."""
    return (buffer[sequence + (base >> 1)] >> (0 if base & 1 else 4)) & 15


@helper
def genome_strand(buffer, at):
    """Return the genome strand of the record's molecule: 1, -1, 0 unknown; MALFORMED: its tags run beyond it.

    The first of the tags YD, ZS and XG that holds text decides. Without them the library is directional: the
    first mate, or a single read, has the direction of its molecule.
    """
    tag, end = tags_at(buffer, at), record_end(buffer, at)
    while tag < end:
        after = tag_end(buffer, tag, end)
        if after < 0:
            return MALFORMED
        one, two, kind = buffer[tag], buffer[tag + 1], buffer[tag + 2]
        first, size = buffer[tag + 3], after - tag
        if one == 89 and two == 68 and (kind == 90 or kind == 65):  # YD, text or character
            if size == (5 if kind == 90 else 4):
                if first == 102:  # f
                    return 1
                if first == 114:  # r
                    return -1
            return 0
        if one == 90 and two == 83 and kind == 90:  # ZS, text
            if size == 6:
                if first == 43:  # +
                    return 1
                if first == 45:  # -
                    return -1
            return 0
        if one == 88 and two == 71 and kind == 90:  # XG, text
            if size == 6:
                if first == 67 and buffer[tag + 4] == 84:  # CT
                    return 1
                if first == 71 and buffer[tag + 4] == 65:  # GA
                    return -1
            return 0
        tag = after
    flag = flag_of(buffer, at)
    second = flag & PAIRED and not flag & READ1
    return -1 if (flag & REVERSE != 0) != (second != 0) else 1


@helper
def compare_letters(buffer, at, text, to, sites, begin):
    """Write the letter of each base of the record at ``at`` to ``text`` from ``to`` on.

    Parameters
    ----------
    buffer, at
        The record, its fields checked.
    text, to
        Room for as many letters as the read has bases.
    sites, begin
        (n,) uint8 letters of the reference from position ``begin`` on, see
        :class:`cfdna_interp.fragments.methylation.sites.Sites`. They must reach from the record's start to
        ``REACH`` beyond it: outside of them there are no calls.

    Returns
    -------
    The genome strand, 0 unknown (no calls); MALFORMED: the tags run beyond the record.
    """
    bases = bases_of(buffer, at)
    for base in range(bases):
        text[to + base] = NO_SITE
    strand = genome_strand(buffer, at)
    if strand == 0 or strand == MALFORMED:
        return strand
    kept, converted = (2, 8) if strand > 0 else (4, 1)
    wanted = 0 if strand > 0 else REVERSE_SITE
    sequence, start = sequence_at(buffer, at), start_of(buffer, at)
    low, high = begin, min(begin + len(sites), start + REACH)
    place, operations = cigar_of(buffer, at)
    base, here = np.int64(0), start
    for number in range(operations):
        along, over = moves(u32(buffer, place + 4 * number))
        if along > 0 and over > 0:
            for step in range(max(low - here, 0), min(min(high - here, along), bases - base)):
                site = np.int64(sites[here - begin + step])
                code = base_at(buffer, sequence, base + step)
                lower = site & 127
                upper = lower ^ ((lower & 64) >> 1)  # "." stays what it is
                called = upper if code == kept or code == 0 else (lower if code == converted else NO_SITE)
                text[to + base + step] = called if site & 128 == wanted else NO_SITE
        base += along
        here += over
        if base >= bases or here >= high:
            break
    return strand
