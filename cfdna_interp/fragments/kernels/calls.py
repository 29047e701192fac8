"""Turn letters into the CpG calls of a mate, and merge those of two mates into calls of their molecule."""

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
from cfdna_interp.fragments.kernels.record import moves

NO_QUALITY = 255  # in place of each quality where the record has none ("*")


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
def cpg_calls(buffer, mate, calling, bias, calls):
    """Write a mate's CpG calls in ascending order, and count all of them by position along the read.

    Parameters
    ----------
    buffer
        (n,) uint8 that holds the mate's record.
    mate
        The mate; its genome strand is known.
    calling
        The :class:`CallRules`.
    bias
        (2, positions) of ``CALL_SUMS``, added to at ``mate.number``.
    calls
        (2, bases) of ``CALL`` to write at ``mate.side``.

    Returns
    -------
    Number of calls written.
    """
    text, letters, bases, strand = mate.text, mate.letters, mate.bases, mate.strand
    ignore_5p, ignore_3p = calling.ignore_5p[mate.number], calling.ignore_3p[mate.number]
    if mate.merged:  # what is the end of this read was the begin of the second mate
        ignore_3p = calling.ignore_5p[1]
    qualities = mate.sequence + ((bases + 1) >> 1)
    count = number = 0
    base_from = base_to = 0  # read bases of the CIGAR operation at hand
    here = mate.start  # reference position at its beginning
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
            state = np.int64((methylated >> np.uint32(bit)) & np.uint32(1)) ^ calling.invert
            left = bases - 1 - base
            from_5p, from_3p = (left, base) if mate.backwards else (base, left)
            sums = bias[mate.number, from_5p]
            sums.methylated += state
            sums.calls += 1
            if from_5p < ignore_5p or from_3p < ignore_3p:
                continue
            while base >= base_to and number < mate.operations:
                here += over
                along, over = moves(u32(buffer, mate.cigar + 4 * number))
                base_from, base_to = base_to, base_to + along
                number += 1
            if base < base_to and over > 0:
                position = here + base - base_from
                call = calls[mate.side, count]
                call.cpg = position - (strand < 0)
                call.position = position
                call.state = state
                quality = np.int32(buffer[qualities + base])
                call.quality = -1 if quality == NO_QUALITY else quality
                count += 1
        chunk += 32
    return count


@helper
def merge_calls(scan, n_forward, n_reverse, start, end):
    """Write one call per CpG of the molecule to the output, from ``state.calls`` on. Return how many.

    Mates that agree count once. If they disagree, neither counts; with ``by_quality`` the one of higher base
    quality counts, if the qualities differ. An unknown quality is lower than any. Calls beyond the ends of
    the fragment don't count, since mates that are longer than the fragment read into the adapter.

    Parameters
    ----------
    scan
        The scan, whose room holds the mates' calls.
    n_forward, n_reverse
        How many there are.
    start, end
        Ends of the fragment on the reference, half-open.
    """
    calls, sums, output = scan.room.calls, scan.counts.sums[0], scan.output
    one = other = 0
    first = place = scan.state[0].calls
    while one < n_forward or other < n_reverse:
        left = calls[0, one].cpg if one < n_forward else np.int32(2147483647)
        right = calls[1, other].cpg if other < n_reverse else np.int32(2147483647)
        if left <= right:
            here, position, state = left, calls[0, one].position, calls[0, one].state
        else:
            here, position, state = right, calls[1, other].position, calls[1, other].state
        keep = True
        if left == right:
            forward, reverse = calls[0, one], calls[1, other]
            keep = state == reverse.state
            if keep:
                sums.overlap_merged += 1
            else:
                sums.overlap_discordant += 1
                if scan.calling.by_quality and forward.quality != reverse.quality:
                    keep = True
                    if reverse.quality > forward.quality:
                        state = reverse.state
        one += left <= right
        other += right <= left
        if keep and start <= position < end:
            output.offsets[place] = here - start
            output.states[place] = state
            place += 1
    return place - first
