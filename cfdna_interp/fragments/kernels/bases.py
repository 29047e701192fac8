"""Count GC in a mate's bases inside the fragment, and read its end motif."""

from __future__ import annotations

from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.memory import (
    bit_range,
    count_bits,
    known_high_mask,
    known_low_mask,
    lower_mask,
    strong_high_mask,
    strong_low_mask,
    u32,
    upper_mask,
)
from cfdna_interp.fragments.kernels.record import base_at, moves


@helper
def _count(buffer, mate, letters, upper, low, high):
    """Return (G and C, known bases) of read bases low..high - 1.

    Even bases are the high halves of the bytes, and odd ones the low halves. ``letters`` is where the letters
    are in ``mate.text``, negative: none. ``upper`` tells the case of letters at a C that was read as another
    base.
    """
    strong = known = 0
    byte = low >> 1
    even_low, even_high, odd_low, odd_high = (low + 1) >> 1, (high + 1) >> 1, low >> 1, high >> 1
    while 2 * byte < high:
        even = bit_range(even_low - byte, even_high - byte)
        odd = bit_range(odd_low - byte, odd_high - byte)
        at = mate.sequence + byte
        strong += count_bits(strong_high_mask(buffer, at) & even)
        strong += count_bits(strong_low_mask(buffer, at) & odd)
        known += count_bits(known_high_mask(buffer, at) & even)
        known += count_bits(known_low_mask(buffer, at) & odd)
        byte += 32
    if letters >= 0:
        base = low
        while base < high:
            inside = bit_range(0, high - base)
            if upper:
                strong += count_bits(upper_mask(mate.text, letters + base) & inside)
            else:
                strong += count_bits(lower_mask(mate.text, letters + base) & inside)
            base += 32
    return strong, known


@helper
def strong_bases(buffer, mate, letters, upper, low, high):
    """Return (G and C, known bases) of a mate's bases aligned to reference positions low..high - 1.

    ``letters`` is where the letters are in ``mate.text`` that restore converted bases, negative: none.
    ``upper`` tells the case that converted bases have.
    """
    strong = known = base = 0
    start = mate.start
    for number in range(mate.operations):
        along, over = moves(u32(buffer, mate.cigar + 4 * number))
        if along > 0 and over > 0:
            first, last = max(low - start, 0), min(high - start, along)
            if first < last:
                more_strong, more_known = _count(buffer, mate, letters, upper, base + first, base + last)
                strong += more_strong
                known += more_known
        base += along
        start += over
    return strong, known


@helper
def end_motif(buffer, mate, upper, clipped, last):
    """Return the index into ``MOTIFS`` of a mate's first four bases, -1 where it is unknown.

    With ``last`` it is the complement of the last four bases, read backwards. ``clipped`` bases at that end
    are no part of the alignment, and are left out. A converted base, whose letter is in upper case if
    ``upper`` says so, counts as what it was before.
    """
    letters, strand = mate.letters, mate.strand
    if mate.bases - clipped < 4:
        return -1
    motif = 0
    for step in range(4):
        base = mate.bases - 1 - clipped - step if last else clipped + step
        code = base_at(buffer, mate.sequence, base)
        if letters >= 0:
            letter = mate.text[letters + base] + (32 if upper else 0)
            if letter == 122 or letter == 120 or letter == 104 or letter == 117:  # z x h u
                if strand > 0 and code == 8:
                    code = 2
                elif strand < 0 and code == 1:
                    code = 4
        if code == 1:
            index = 0
        elif code == 2:
            index = 1
        elif code == 4:
            index = 2
        elif code == 8:
            index = 3
        else:
            return -1
        motif = 4 * motif + (3 - index if last else index)
    return motif
