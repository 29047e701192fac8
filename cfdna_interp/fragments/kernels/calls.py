"""From letters to CpG calls: of a mate, and of the molecule that two mates come from."""

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
from cfdna_interp.fragments.kernels.places import (
    IGNORE_3P,
    IGNORE_5P,
    INVERT,
    OVERLAP_DISCORDANT,
    OVERLAP_MERGED,
)
from cfdna_interp.fragments.kernels.record import moves


@helper
def count_chh(text, letters, bases):
    """Return (methylated, all) CHH calls of a read."""
    methylated = every = base = 0
    while base < bases:
        inside = bit_range(0, bases - base)
        upper = count_bits(methylated_chh_mask(text, letters + base) & inside)
        methylated += upper
        every += upper + count_bits(unmethylated_chh_mask(text, letters + base) & inside)
        base += 32
    return methylated, every


@helper
def cpg_calls(
    buffer,
    sequence,
    text,
    letters,
    bases,
    place,
    operations,
    start,
    strand,
    reverse,
    side,
    rules,
    mate,
    bias,
    calls,
):
    """Write a mate's CpG calls in ascending order, and count all of them by position along the read.

    Parameters
    ----------
    buffer, sequence
        Where the bases are; the qualities follow them.
    text, letters, bases
        Where the letters are, and how many.
    place, operations, start
        The CIGAR, and the read's first reference position.
    strand, reverse
        Genome strand (0: nothing is written), and whether the read is aligned to the reverse strand.
    rules
        See the names of their places: bases at the ends, as sequenced, whose calls are not written, and
        whether what was converted is methylated.
    mate, bias
        (2, positions, 2) int64 methylated and all calls, added to at ``mate``.
    side, calls
        (2, bases, 4) int32 to write at ``side``: position of the forward strand's C, position read, state,
        base quality.

    Returns
    -------
    Number of calls written.
    """
    qualities = sequence + ((bases + 1) >> 1)
    written = number = 0
    base_from = base_to = 0  # read bases of the CIGAR operation at hand
    here = start  # reference position at its beginning
    over = np.int64(0)
    chunk = 0
    while chunk < bases:
        inside = bit_range(0, bases - chunk)
        methylated = methylated_cpg_mask(text, letters + chunk) & inside
        waiting = methylated | (unmethylated_cpg_mask(text, letters + chunk) & inside)
        while waiting != 0:
            bit = lowest_bit(waiting)
            waiting &= waiting - np.uint32(1)
            base = chunk + bit
            state = np.int64((methylated >> np.uint32(bit)) & np.uint32(1)) ^ rules[INVERT]
            left = bases - 1 - base
            from_5p, from_3p = (left, base) if reverse else (base, left)
            bias[mate, from_5p, 0] += state
            bias[mate, from_5p, 1] += 1
            if strand == 0 or from_5p < rules[IGNORE_5P + mate] or from_3p < rules[IGNORE_3P + mate]:
                continue
            while base >= base_to and number < operations:
                here += over
                along, over = moves(u32(buffer, place + 4 * number))
                base_from, base_to = base_to, base_to + along
                number += 1
            if base < base_to and over > 0:
                position = here + base - base_from
                calls[side, written, 0] = position - (strand < 0)
                calls[side, written, 1] = position
                calls[side, written, 2] = state
                calls[side, written, 3] = buffer[qualities + base]
                written += 1
        chunk += 32
    return written


@helper
def merge_calls(calls, n_forward, n_reverse, start, end, by_quality, offsets, states, at, counts):
    """Write one call per CpG of the molecule to ``offsets`` and ``states`` from ``at`` on; return how many.

    Mates that agree count once. Where they don't, neither counts, or the one of the higher base quality;
    equal qualities decide nothing. Nothing beyond the ends of the fragment counts: mates longer than it
    read into the adapter.
    """
    one = other = 0
    written = at
    while one < n_forward or other < n_reverse:
        left = calls[0, one, 0] if one < n_forward else np.int32(2147483647)
        right = calls[1, other, 0] if other < n_reverse else np.int32(2147483647)
        if left <= right:
            here, position, called = left, calls[0, one, 1], calls[0, one, 2]
        else:
            here, position, called = right, calls[1, other, 1], calls[1, other, 2]
        keep = True
        if left == right:
            keep = called == calls[1, other, 2]
            counts[OVERLAP_MERGED if keep else OVERLAP_DISCORDANT] += 1
            if not keep and by_quality and calls[0, one, 3] != calls[1, other, 3]:
                keep = True
                if calls[1, other, 3] > calls[0, one, 3]:
                    called = calls[1, other, 2]
        one += left <= right
        other += right <= left
        if keep and start <= position < end:
            offsets[written] = here - start
            states[written] = called
            written += 1
    return written - at
