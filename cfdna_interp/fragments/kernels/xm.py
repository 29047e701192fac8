"""CpG calls of the XM dialect (see :mod:`cfdna_interp.fragments.methylation.xm` for its letters)."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.memory import (
    bit_range,
    count_bits,
    lowest_bit,
    methylated_chh_mask,
    methylated_cpg_mask,
    u32,
    unmethylated_chh_mask,
    unmethylated_cpg_mask,
)
from cfdna_interp.fragments.kernels.record import bases_of, moves, record_end, tag_end, tags_at

MALFORMED = -2


@helper
def find_letters(buffer, at):
    """Return (where the XM letters of the record at ``at`` begin, its genome strand).

    (-1, 0): it has no usable pair of XM and XG tags; (MALFORMED, 0): its tags run beyond it.
    """
    tag, end = tags_at(buffer, at), record_end(buffer, at)
    letters, strand, found = -1, 0, 0
    while tag < end and found < 3:
        after = tag_end(buffer, tag, end)
        if after < 0:
            return MALFORMED, 0
        if buffer[tag] == 88 and buffer[tag + 2] == 90:  # X., text
            if buffer[tag + 1] == 77 and not found & 1:  # XM
                found |= 1
                if after - tag - 4 == bases_of(buffer, at):
                    letters = tag + 3
            elif buffer[tag + 1] == 71 and not found & 2:  # XG
                found |= 2
                if after - tag == 6:
                    if buffer[tag + 3] == 67 and buffer[tag + 4] == 84:  # CT
                        strand = 1
                    elif buffer[tag + 3] == 71 and buffer[tag + 4] == 65:  # GA
                        strand = -1
        tag = after
    if found < 3 or letters < 0:
        return -1, 0
    return letters, strand


@helper
def count_chh(buffer, letters, bases):
    """Return (methylated, all) CHH calls of a read."""
    methylated = every = base = 0
    while base < bases:
        inside = bit_range(0, bases - base)
        upper = count_bits(methylated_chh_mask(buffer, letters + base) & inside)
        methylated += upper
        every += upper + count_bits(unmethylated_chh_mask(buffer, letters + base) & inside)
        base += 32
    return methylated, every


@helper
def cpg_calls(
    buffer, letters, bases, place, operations, start, strand, reverse, ignore_5p, ignore_3p, bias, calls
):
    """Write a mate's CpG calls in ascending order, and count all of them by position along the read.

    Parameters
    ----------
    buffer, letters, bases
        Where the XM letters are, and how many.
    place, operations, start
        The CIGAR, and the read's first reference position.
    strand, reverse
        Genome strand (0: nothing is written), and whether the read is aligned to the reverse strand.
    ignore_5p, ignore_3p
        Bases at the ends, as sequenced, whose calls are not written.
    bias
        (positions, 2) int64 methylated and all calls, added to.
    calls
        (bases, 3) int32: position of the forward strand's C, position read, state.

    Returns
    -------
    Number of calls written.
    """
    written = number = 0
    base_from = base_to = 0  # read bases of the CIGAR operation at hand
    here = start  # reference position at its beginning
    over = np.int64(0)
    chunk = 0
    while chunk < bases:
        inside = bit_range(0, bases - chunk)
        methylated = methylated_cpg_mask(buffer, letters + chunk) & inside
        waiting = methylated | (unmethylated_cpg_mask(buffer, letters + chunk) & inside)
        while waiting != 0:
            bit = lowest_bit(waiting)
            waiting &= waiting - np.uint32(1)
            base = chunk + bit
            state = np.int64((methylated >> np.uint32(bit)) & np.uint32(1))
            left = bases - 1 - base
            from_5p, from_3p = (left, base) if reverse else (base, left)
            bias[from_5p, 0] += state
            bias[from_5p, 1] += 1
            if strand == 0 or from_5p < ignore_5p or from_3p < ignore_3p:
                continue
            while base >= base_to and number < operations:
                here += over
                along, over = moves(u32(buffer, place + 4 * number))
                base_from, base_to = base_to, base_to + along
                number += 1
            if base < base_to and over > 0:
                position = here + base - base_from
                calls[written, 0] = position - (strand < 0)
                calls[written, 1] = position
                calls[written, 2] = state
                written += 1
        chunk += 32
    return written
