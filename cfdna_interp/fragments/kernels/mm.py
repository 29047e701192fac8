"""XM-like letters of the MM/ML dialect (see :mod:`cfdna_interp.fragments.methylation.mm` for its rules)."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import REVERSE
from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.mm_lists import (
    CYTOSINE,
    GUANINE,
    IMPLICIT,
    IMPLICIT_OPPOSITE,
    LISTED,
    LISTED_OPPOSITE,
    OPPOSITE,
    find_bases,
    find_cytosines,
    read_lists,
)
from cfdna_interp.fragments.kernels.mm_tags import find_lists, hard_clipped
from cfdna_interp.fragments.kernels.record import base_at, bases_of, flag_of, sequence_at
from cfdna_interp.fragments.kernels.xm import MALFORMED

_NONE = 46  # the letter of a base without a call
# What the probabilities of a cytosine say.
_UNKNOWN, _UNMETHYLATED, _METHYLATED, _UNCLEAR, _HYDROXY = range(5)


@helper
def _judge(methyl, hydroxy, other, low, high):
    """Return what the probabilities of a cytosine say. A negative ``methyl`` is unknown."""
    unmodified = 255 - max(methyl, 0) - hydroxy - other
    if hydroxy > max(methyl, other) and hydroxy >= max(unmodified, high):
        return _HYDROXY
    if methyl < 0:
        return _UNKNOWN
    if methyl > max(hydroxy, other) and methyl >= max(unmodified, high):
        return _METHYLATED
    if unmodified > max(max(methyl, hydroxy), other) and 255 - unmodified <= low:
        return _UNMETHYLATED
    return _UNCLEAR


@helper
def _call(probabilities, implicit, low, high):
    """Return what the lists say of a cytosine. If ``implicit``, an unlisted one is unmodified."""
    methyl = np.int64(probabilities.methyl)
    if methyl < 0 and implicit:
        methyl = np.int64(0)
    return _judge(methyl, np.int64(probabilities.hydroxy), np.int64(probabilities.other), low, high)


@helper
def _both_strands(same, opposite, sums):
    """Return what the two cytosines of a CpG say together, and count calls that are lost."""
    if same == _HYDROXY or opposite == _HYDROXY:
        sums.hydroxy += 1
        return _UNKNOWN
    clear = same in (_METHYLATED, _UNMETHYLATED)
    if opposite in (_METHYLATED, _UNMETHYLATED):
        if clear and same != opposite:
            sums.hemi += 1
            return _UNKNOWN
        return opposite
    if not clear and (same == _UNCLEAR or opposite == _UNCLEAR):
        sums.unclear += 1
    return same


@helper
def _letter(first, second, guanine):
    """Return the lower-case letter of a cytosine from the codes of the next two bases, 0 beyond the read."""
    if first == guanine:
        return 122  # z
    if first != 1 and first != 2 and first != 4 and first != 8:
        return 117  # u
    if second == guanine:
        return 120  # x
    if second != 1 and second != 2 and second != 4 and second != 8:
        return 117
    return 104  # h


@helper
def mm_letters(buffer, at, text, to, probabilities, low, high, sums):
    """Write the letters of a record, one per base in the order of the BAM.

    Parameters
    ----------
    buffer, at
        The bytes, and where a record begins whose fixed fields fit into it.
    text, to
        uint8 array to write to, and where to begin.
    probabilities
        (bases,) of ``PROBABILITIES``; it is overwritten.
    low, high
        Bytes of probability. From ``high`` on a base is 5mC. It is unmodified if all its modifications
        together have at most ``low``.
    sums
        An element of ``SUMS``; its ``unclear``, ``hydroxy`` and ``hemi`` are added to.

    Returns
    -------
    Genome strand of the molecule that the letters are of, 0: no calls; or MALFORMED.
    """
    bases = bases_of(buffer, at)
    text[to : to + bases] = _NONE
    tags = find_lists(buffer, at)
    if tags.lists < 0:
        return MALFORMED if tags.lists == MALFORMED else 0
    # After a hard clip without MN, the lists may or may not have been cut.
    if bases == 0 or (tags.length != bases and (tags.length != -1 or hard_clipped(buffer, at))):
        return 0
    cytosines = find_cytosines(buffer, at, probabilities)
    content = read_lists(buffer, at, tags, cytosines, probabilities)
    if content == MALFORMED or not content & (LISTED | LISTED_OPPOSITE):
        return MALFORMED if content == MALFORMED else 0

    sequence = sequence_at(buffer, at)
    reverse = (flag_of(buffer, at) & REVERSE) != 0
    implicit, implicit_opposite, both = content & IMPLICIT, content & IMPLICIT_OPPOSITE, content & OPPOSITE
    if not content & LISTED:  # letters are of the other strand; lists of this one may hold 5hmC
        reverse = not reverse
        implicit, implicit_opposite = implicit_opposite, implicit
        cytosines = find_bases(buffer, at, GUANINE if reverse else CYTOSINE, probabilities)
    guanine, step = (CYTOSINE, -1) if reverse else (GUANINE, 1)
    for rank in range(cytosines):
        base = np.int64(probabilities[rank].place)
        call = _call(probabilities[base], implicit, low, high)
        first = second = np.int64(0)
        if 0 <= base + step < bases:
            first = base_at(buffer, sequence, base + step)
        if first == guanine:
            opposite = _UNKNOWN
            if both:
                opposite = _call(probabilities[base + step], implicit_opposite, low, high)
            call = _both_strands(call, opposite, sums)
        if call in (_METHYLATED, _UNMETHYLATED):
            if 0 <= base + 2 * step < bases:
                second = base_at(buffer, sequence, base + 2 * step)
            text[to + base] = _letter(first, second, guanine) - (32 if call == _METHYLATED else 0)
    return -1 if reverse else 1
