"""Letters by the reference: a comparison makes them, or they take the reference's contexts.

See :mod:`cfdna_interp.fragments.methylation.compare` and :mod:`cfdna_interp.fragments.methylation.mm`.
"""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import PAIRED, READ1, REVERSE
from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.memory import u32
from cfdna_interp.fragments.kernels.named_numbers import int64_fields
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

RUN = 255  # bases that are compared at once: so many fit a count of one byte

# How a library's reads lie to their molecules, where no tag tells the strand.
DIRECTIONAL, PBAT, NON_DIRECTIONAL = range(3)
LIBRARIES = {"directional": DIRECTIONAL, "pbat": PBAT, "non-directional": NON_DIRECTIONAL}
NO_TAG = 2  # in place of a strand: no tag tells it
# A read's own conversion tells its strand from so many converted bases outside CpGs on, if there are so many
# times more of them than on the other strand. There they are sequencing errors and variants: at an error
# rate of 5 % a read of 150 bases shows about one. Bases in CpGs have no vote, since a strand told by
# unmethylated CpGs would make levels too low.
LEAST_CONVERTED, TIMES = 3, 4
REFERENCE_SUMS = int64_fields(
    "cytosines",  # known bases of the reads at cytosines of their own strand
    "third",  # those of them that are neither the cytosine nor what conversion makes of it
    "strandless",  # reads whose strand can't be told
)


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
    """Put letters in place of the codes of aligned bases; ``letters[first]`` is that of the first one.

    At most ``RUN`` bases.

    Returns
    -------
    (bases at cytosines of the strand, those of them that are a third base).
    """
    intact_code, converted_code, strand_bit = (2, 8, 0) if strand > 0 else (4, 1, REVERSE_SITE)
    third_codes = np.uint8(5 if strand > 0 else 10)  # A and G, or C and T
    place, position = np.uint64(to), np.uint64(first)
    # Counts of a byte, as everything here: wider ones would leave room for fewer bases in a vector.
    known, third = np.uint8(0), np.uint8(0)
    for step in range(np.uint64(size)):
        code, site = text[place + step], letters[position + step]
        lower = site & 127
        upper = lower ^ ((lower & 64) >> 1)  # "." stays what it is
        letter = upper if code == intact_code or code == 0 else (lower if code == converted_code else NO_SITE)
        own = site & 128 == strand_bit
        text[place + step] = letter if own else NO_SITE
        is_site = own and lower != NO_SITE and code != 15
        known = np.uint8(known + np.uint8(is_site))
        third = np.uint8(third + np.uint8(is_site and code & third_codes != 0))
    return np.int64(known), np.int64(third)


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
def _tag_strand(buffer, at):
    """Return the genome strand that a record's tags tell: 1, -1, or 0 where BISCUIT says it is unknown.

    NO_TAG: no tag tells it; MALFORMED: the tags run beyond the record. Of the tags YD, ZS and XG the first
    one counts that holds what the aligners write there. Other programs store other things under these names.
    """
    tag, end = tags_at(buffer, at), record_end(buffer, at)
    while tag < end:
        after = tag_end(buffer, tag, end)
        if after < 0:
            return MALFORMED
        one, two, kind = buffer[tag], buffer[tag + 1], buffer[tag + 2]
        first, size = buffer[tag + 3], after - tag
        if one == 89 and two == 68:  # YD, text or character
            if (kind == 90 and size == 5) or kind == 65:
                if first == 102:  # f
                    return 1
                if first == 114:  # r
                    return -1
                if first == 117:  # u
                    return 0
        elif one == 90 and two == 83 and kind == 90 and size == 6:  # ZS, text
            if first == 43:  # +
                return 1
            if first == 45:  # -
                return -1
        elif one == 88 and two == 71 and kind == 90 and size == 6:  # XG, text
            if first == 67 and buffer[tag + 4] == 84:  # CT
                return 1
            if first == 71 and buffer[tag + 4] == 65:  # GA
                return -1
        tag = after
    return NO_TAG


@helper
def genome_strand(buffer, at, library, sites, codes, to, room):
    """Return the genome strand of the record's molecule: 1, -1, or 0 for unknown.

    MALFORMED: the tags run beyond the record. Tags decide. Without them it is the library: in a directional
    one the first mate, or a single read, has the direction of its molecule, in a PBAT one the opposite
    direction, and in a non-directional one each read's own conversion tells.

    Parameters
    ----------
    buffer, at
        The record. Its fields are checked.
    library
        DIRECTIONAL, PBAT or NON_DIRECTIONAL.
    sites
        The :class:`SiteLetters` of the record's contig.
    codes, to, room
        uint8 array with room for ``room`` >= 2 codes from ``to`` on. It is written only in a non-directional
        library.
    """
    strand = _tag_strand(buffer, at)
    if strand != NO_TAG:
        return strand
    if library == NON_DIRECTIONAL:
        return _converted_strand(buffer, at, sites, codes, to, room)
    flag = flag_of(buffer, at)
    second = flag & PAIRED and not flag & READ1
    along = (flag & REVERSE != 0) == (second != 0)
    return 1 if along == (library == DIRECTIONAL) else -1


@helper
def _count_converted(codes, place, size, letters, first):
    """Return the converted bases outside CpGs (on the forward strand, on the reverse strand)."""
    here, position = np.uint64(place), np.uint64(first)
    forward, reverse = np.int64(0), np.int64(0)
    for step in range(np.uint64(size)):
        code, site = codes[here + step], letters[position + step]
        lower = site & 127
        outside = lower == 120 or lower == 104  # x h
        forward += outside and site < 128 and code == 8
        reverse += outside and site >= 128 and code == 1
    return forward, reverse


@helper
def _converted_strand(buffer, at, sites, codes, to, room):
    """Return the genome strand that a read's own conversion tells, 0 where it doesn't."""
    sequence, here, bases = sequence_at(buffer, at), start_of(buffer, at), bases_of(buffer, at)
    place, operations = cigar_of(buffer, at)
    begin = sites.begin
    high = min(begin + len(sites.letters), here + REACH)
    forward = reverse = base = np.int64(0)
    for number in range(operations):
        along, over = moves(u32(buffer, place + 4 * number))
        if along > 0 and over > 0:
            step, last = max(begin - here, 0), min(min(high - here, along), bases - base)
            while step < last:
                odd = (base + step) & 1
                size = min(last - step, room - 1)
                unpack(buffer, sequence, base + step - odd, size + odd, codes, to)
                more, other = _count_converted(codes, to + odd, size, sites.letters, here + step - begin)
                forward += more
                reverse += other
                step += size
        base += along
        here += over
        if base >= bases or here >= high:
            break
    if max(forward, reverse) < LEAST_CONVERTED or max(forward, reverse) < TIMES * min(forward, reverse):
        return 0
    return 1 if forward > reverse else -1


@helper
def _along_sites(buffer, at, text, to, sites, strand, relabelled):
    """Put letters in place of the codes of a record's bases, or of its letters; ``.`` where no site is.

    Returns
    -------
    What ``_run`` returns, over all bases; zeros if letters are relabelled.
    """
    bases = bases_of(buffer, at)
    base = known = third = np.int64(0)
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
                    done = np.int64(0)
                    while done < size:
                        step, at_base = min(size - done, RUN), low + done
                        more, other = _run(
                            text, to + base + at_base, step, letters, here + at_base - begin, strand
                        )
                        known += more
                        third += other
                        done += step
            _no_calls(text, to + base + low + size, to + base + along)
        base += along
        here += over
        if base >= bases or here >= high:
            break
    _no_calls(text, to + base, to + bases)
    return known, third


@helper
def compare_letters(buffer, at, text, to, sites, library, counts, contig):
    """Write the letter of each base of the record at ``at`` to ``text`` from ``to`` on.

    Parameters
    ----------
    buffer, at
        The record. Its fields are checked.
    text, to
        Where to write the letters, one per base; there is room for two at least.
    sites
        The :class:`SiteLetters` of the record's contig. They must reach from the record's start to ``REACH``
        beyond it, or to the end of the contig: outside of them there are no calls.
    library
        See :func:`genome_strand`.
    counts, contig
        (contigs,) of ``REFERENCE_SUMS``, and the record's contig: its element is added to.

    Returns
    -------
    The genome strand, 0 unknown (no calls); MALFORMED: the tags run beyond the record.
    """
    bases = bases_of(buffer, at)
    strand = genome_strand(buffer, at, library, sites, text, to, max(bases, 2))
    if strand == 0 or strand == MALFORMED:
        _no_calls(text, to, to + bases)
        counts[contig].strandless += strand == 0
    else:
        unpack(buffer, sequence_at(buffer, at), 0, bases, text, to)
        known, third = _along_sites(buffer, at, text, to, sites, strand, False)
        sums = counts[contig]
        sums.cytosines += known
        sums.third += third
    return strand


@helper
def relabel(buffer, at, text, to, sites, strand):
    """Give the letters of a record of genome strand ``strand`` the contexts of the reference.

    A letter keeps its case where its base is aligned to a cytosine of that strand, and takes the site's
    letter; any other letter becomes ``.``. Parameters are those of :func:`compare_letters`.
    """
    _along_sites(buffer, at, text, to, sites, strand, True)
