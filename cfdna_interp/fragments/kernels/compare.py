"""Letters by the reference: a comparison makes them, or they take the reference's contexts.

See :mod:`cfdna_interp.fragments.methylation.compare` and :mod:`cfdna_interp.fragments.methylation.mm`.
"""

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

# Reference positions that are compared, counted from a read's first one; no fragment is as long. With this
# limit calls don't depend on where a stretch of the reference ends.
REACH = 1 << 16
NO_SITE = 46  # ".": a position that is neither C nor G, or a base without a call
REVERSE_SITE = 128  # added to the letter of a G


# The loops below become vector instructions for tens of bases at a time. Numba needs unsigned indices for
# that: with signed ones it tests whether an index counts from the end.
@helper
def unpack(buffer, sequence, base, bases, codes, to):
    """Write the BAM codes of some bases to ``codes`` from ``to`` on.

    The codes are A 1, C 2, G 4, T 8, and 0 for a base equal to the reference. The first base, ``base``, is
    even.
    """
    source, target = np.uint64(sequence + (base >> 1)), np.uint64(to)
    for pair in range(np.uint64(bases >> 1)):
        both = buffer[source + pair]
        codes[target + np.uint64(2) * pair] = both >> 4
        codes[target + np.uint64(2) * pair + np.uint64(1)] = both & 15
    if bases & 1:
        codes[to + bases - 1] = buffer[sequence + ((base + bases) >> 1)] >> 4


@helper
def _no_calls(text, low, high):
    for place in range(np.uint64(low), np.uint64(max(low, high))):
        text[place] = NO_SITE


@helper
def _run(text, to, size, letters, first, strand):
    """Put letters in place of the codes of aligned bases; ``letters[first]`` is that of the first one."""
    intact_code, converted_code, strand_bit = (2, 8, 0) if strand > 0 else (4, 1, REVERSE_SITE)
    place, position = np.uint64(to), np.uint64(first)
    for step in range(np.uint64(size)):
        code, site = text[place + step], letters[position + step]
        lower = site & 127
        upper = lower ^ ((lower & 64) >> 1)  # "." stays what it is
        letter = upper if code == intact_code or code == 0 else (lower if code == converted_code else NO_SITE)
        text[place + step] = letter if site & 128 == strand_bit else NO_SITE


@helper
def _relabel_run(text, to, size, letters, first, strand):
    """Give letters of aligned bases the context of their sites; the case, which is the state, stays."""
    strand_bit = np.uint8(0 if strand > 0 else REVERSE_SITE)
    place, position = np.uint64(to), np.uint64(first)
    for step in range(np.uint64(size)):
        letter, site = text[place + step], letters[position + step]
        lower = site & 127
        has_site = letter != NO_SITE and lower != NO_SITE and site & 128 == strand_bit
        text[place + step] = (lower & 95) | (letter & 32) if has_site else NO_SITE


@helper
def genome_strand(buffer, at):
    """Return the genome strand of the record's molecule.

    It is 1, -1, or 0 for unknown; MALFORMED: the tags run beyond the record. The first of the tags YD, ZS and
    XG that holds text decides. Without them the library counts as directional: the first mate, or a single
    read, has the direction of its molecule.
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
def _along_sites(buffer, at, text, to, sites, strand, relabelled):
    """Put letters in place of the codes of a record's bases, or of its letters; ``.`` where no site is."""
    bases = bases_of(buffer, at)
    base = np.int64(0)
    here = start_of(buffer, at)
    letters, begin = sites.letters, sites.begin
    high = min(begin + len(letters), here + REACH)
    place, operations = cigar_of(buffer, at)
    for number in range(operations):
        along, over = moves(u32(buffer, place + 4 * number))
        if along > 0:
            along = min(along, bases - base)
            low = max(min(begin - here, along), 0)
            size = max(min(high - here, along) - low, 0) if over > 0 else np.int64(0)
            _no_calls(text, to + base, to + base + low)
            if size > 0:
                if relabelled:
                    _relabel_run(text, to + base + low, size, letters, here + low - begin, strand)
                else:
                    _run(text, to + base + low, size, letters, here + low - begin, strand)
            _no_calls(text, to + base + low + size, to + base + along)
        base += along
        here += over
        if base >= bases or here >= high:
            break
    _no_calls(text, to + base, to + bases)


@helper
def compare_letters(buffer, at, text, to, sites):
    """Write the letter of each base of the record at ``at`` to ``text`` from ``to`` on.

    Parameters
    ----------
    buffer, at
        The record. Its fields are checked.
    text, to
        Where to write the letters, one per base.
    sites
        The :class:`SiteLetters` of the record's contig. They must reach from the record's start to ``REACH``
        beyond it: outside of them there are no calls.

    Returns
    -------
    The genome strand, 0 unknown (no calls); MALFORMED: the tags run beyond the record.
    """
    bases = bases_of(buffer, at)
    strand = genome_strand(buffer, at)
    if strand == 0 or strand == MALFORMED:
        _no_calls(text, to, to + bases)
    else:
        unpack(buffer, sequence_at(buffer, at), 0, bases, text, to)
        _along_sites(buffer, at, text, to, sites, strand, False)
    return strand


@helper
def relabel(buffer, at, text, to, sites, strand):
    """Give the letters of a record of genome strand ``strand`` the contexts of the reference.

    A letter keeps its case where its base is aligned to a cytosine of that strand, and takes the site's
    letter; any other letter becomes ``.``. Parameters are those of :func:`compare_letters`.
    """
    _along_sites(buffer, at, text, to, sites, strand, True)
