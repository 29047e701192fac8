"""Modified bases as MM and ML list them: finding the tags, adding up the probabilities of each cytosine."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import REVERSE
from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.memory import i32, u16, u32
from cfdna_interp.fragments.kernels.record import (
    bases_of,
    cigar_of,
    flag_of,
    record_end,
    sequence_at,
    tag_end,
    tags_at,
)
from cfdna_interp.fragments.kernels.xm import MALFORMED

# Bits of what is listed: 5mC on either strand; 5mC on the read's own strand, and on the opposite one, so that
# the cytosines left out are unmodified; anything on the opposite strand.
LISTED, IMPLICIT, IMPLICIT_OPPOSITE, OPPOSITE = 1, 2, 4, 8
PLACE = 3  # the column of the room that holds where cytosines are
CYTOSINE, GUANINE = 2, 4  # BAM codes of bases
MODIFICATIONS = 255  # in a record, as in htslib; it bounds the work that a crafted record can ask for
_ANY, _HARD_CLIP = 15, 5


@helper
def _integer(buffer, tag):
    """Return the value of the tag at ``tag``, -2 where it is no integer, or negative."""
    kind = buffer[tag + 2]
    if kind == 67:  # C
        return np.int64(buffer[tag + 3])
    if kind == 99 and buffer[tag + 3] < 128:  # c
        return np.int64(buffer[tag + 3])
    if kind == 83 or (kind == 115 and u16(buffer, tag + 3) < 1 << 15):  # S s
        return np.int64(u16(buffer, tag + 3))
    if kind == 73 or (kind == 105 and i32(buffer, tag + 3) >= 0):  # I i
        return np.int64(u32(buffer, tag + 3))
    return np.int64(-2)


@helper
def find_lists(buffer, at):
    """Return (where the lists begin, where the values do, how many values, the length that MN tells).

    Lists: -1 none, MALFORMED: the tags run beyond the record, or the values aren't bytes. Values: -1 none.
    Length: -1 no tag, -2 no length.
    """
    tag, end = tags_at(buffer, at), record_end(buffer, at)
    lists = old_lists = values = old_values = length = np.int64(-1)
    while tag < end:
        after = tag_end(buffer, tag, end)
        if after < 0:
            return np.int64(MALFORMED), values, np.int64(0), length
        if buffer[tag] == 77:  # M
            second, text = buffer[tag + 1], buffer[tag + 2] == 90
            if second == 77 and text and lists < 0:  # MM
                lists = tag + 3
            elif second == 109 and text and old_lists < 0:  # Mm
                old_lists = tag + 3
            elif second == 76 and values < 0:  # ML
                values = tag + 2
            elif second == 108 and old_values < 0:  # Ml
                old_values = tag + 2
            elif second == 78 and length == -1:  # MN
                length = _integer(buffer, tag)
        tag = after
    lists = lists if lists >= 0 else old_lists
    values = values if values >= 0 else old_values
    if values < 0 or lists < 0:
        return lists, np.int64(-1), np.int64(0), length
    if buffer[values] != 66 or buffer[values + 1] != 67:  # B, C
        return np.int64(MALFORMED), values, np.int64(0), length
    return lists, values + 6, np.int64(u32(buffer, values + 2)), length


@helper
def hard_clipped(buffer, at):
    """Tell whether bases were cut off at an end of the read."""
    place, operations = cigar_of(buffer, at)
    if operations == 0:
        return False
    first, last = u32(buffer, place), u32(buffer, place + 4 * (operations - 1))
    return first & 15 == _HARD_CLIP or last & 15 == _HARD_CLIP


@helper
def base_at(buffer, sequence, base):
    """Return the BAM code of a base."""
    return np.int64((buffer[sequence + (base >> 1)] >> (0 if base & 1 else 4)) & 15)


@helper
def _fundamental(letter):
    """Return the BAM code of the base that a list counts, 0 where it is none."""
    if letter == 65:  # A
        return 1
    if letter == 67:  # C
        return CYTOSINE
    if letter == 71:  # G
        return GUANINE
    if letter == 84 or letter == 85:  # T U
        return 8
    return _ANY if letter == 78 else 0  # N


@helper
def _complement(code):
    """Return the BAM code of the opposite base; N stays."""
    return ((code & 1) << 3) | ((code & 2) << 1) | ((code & 4) >> 1) | ((code & 8) >> 3)


@helper
def _is_digit(letter):
    return 48 <= letter <= 57


@helper
def _is_letter(letter):
    return 65 <= letter <= 90 or 97 <= letter <= 122


@helper
def _column(letter):
    """Return the column of a modification: 0 5mC, 1 5hmC, 2 any other."""
    return 0 if letter == 109 else 1 if letter == 104 else 2


@helper
def find_cytosines(buffer, at, room, side):
    """Return how many cytosines the read's own strand has.

    The last column of ``room[side]`` gets their places, in the order of the BAM; at these the other columns
    are cleared.
    """
    sequence, bases = sequence_at(buffer, at), bases_of(buffer, at)
    cytosine = GUANINE if flag_of(buffer, at) & REVERSE else CYTOSINE
    # Written whether it is one or not: faster than a branch that nobody can predict. Unsigned, since a
    # negative index would count from the end, and that is tested at each access.
    found, base = np.uint64(0), np.uint64(0)
    for byte in range(sequence, sequence + (bases >> 1)):
        room[side, found, PLACE] = base
        found += np.uint64(buffer[byte] >> 4 == cytosine)
        room[side, found, PLACE] = base + np.uint64(1)
        found += np.uint64(buffer[byte] & 15 == cytosine)
        base += np.uint64(2)
    if bases & 1 and base_at(buffer, sequence, bases - 1) == cytosine:
        room[side, found, PLACE] = bases - 1
        found += np.uint64(1)
    for rank in range(found):
        _clear(room, side, room[side, rank, PLACE])
    return np.int64(found)


@helper
def _clear(room, side, base):
    room[side, base, 0] = -1
    room[side, base, 1] = room[side, base, 2] = 0


@helper
def _next_match(buffer, sequence, bases, reverse, fundamental, skip, after):
    """Return (the base that a list names, bases looked at), the base -1 where the read has too few."""
    code = np.int64(0)
    while after < bases:
        base = bases - 1 - after if reverse else after
        code = base_at(buffer, sequence, base)
        after += 1
        if fundamental == _ANY or code == fundamental:
            if skip == 0:
                return base, after
            skip -= 1
    return np.int64(-1), after


@helper
def read_lists(buffer, at, lists, values, count, cytosines, room, side):
    """Add up the probabilities of each cytosine, whichever strand it is on, in ``room[side]``.

    Parameters
    ----------
    buffer, at, lists, values, count
        The record, and what ``find_lists`` tells of it.
    cytosines, room, side
        What ``find_cytosines`` returns and writes. The columns of ``room[side]`` at a base become the
        summed bytes of 5mC (-1: not listed), of 5hmC and of all else.

    Returns
    -------
    Bits of what is listed, or MALFORMED.
    """
    sequence, bases = sequence_at(buffer, at), bases_of(buffer, at)
    reverse = (flag_of(buffer, at) & REVERSE) != 0
    found = used = modifications = 0
    place = lists
    while buffer[place] != 0:
        fundamental = _fundamental(buffer[place])
        if fundamental == 0 or (buffer[place + 1] != 43 and buffer[place + 1] != 45):  # + -
            return MALFORMED
        own = buffer[place + 1] == 43
        codes = place = place + 2
        numeric, column, number = _is_digit(buffer[place]), 2, 0
        with_5mc = False
        if numeric:
            while _is_digit(buffer[place]):
                number = min(10 * number + np.int64(buffer[place]) - 48, 1 << 30)
                place += 1
            column = 0 if number == 27551 else 1 if number == 76792 else 2  # ChEBI
            with_5mc = column == 0
        else:
            while _is_letter(buffer[place]):
                with_5mc |= buffer[place] == 109  # m
                place += 1
        kinds = 1 if numeric else place - codes
        modifications += kinds
        if kinds == 0 or modifications > MODIFICATIONS:
            return MALFORMED
        explicit = buffer[place] == 63  # ?
        if explicit or buffer[place] == 46:  # .
            place += 1
        cytosine = CYTOSINE if own else GUANINE  # what its cytosine reads as on the strand as sequenced
        ranked = own and fundamental == CYTOSINE
        of_cytosines = fundamental in (cytosine, _ANY)
        if of_cytosines:
            if not own and not found & OPPOSITE:
                found |= OPPOSITE
                for base in range(bases):
                    if base_at(buffer, sequence, base) == (CYTOSINE if reverse else GUANINE):
                        _clear(room, side, base)
            if with_5mc:
                found |= LISTED
                if not explicit:
                    found |= IMPLICIT if own else IMPLICIT_OPPOSITE
        if reverse:
            fundamental, cytosine = _complement(fundamental), _complement(cytosine)

        if buffer[place] == 44 and buffer[place + 1] == 59:  # a comma before nothing
            place += 1
        after = base = np.int64(0)  # cytosines or bases looked at, as sequenced
        while buffer[place] == 44:
            place += 1
            if not _is_digit(buffer[place]):
                return MALFORMED
            skip = np.int64(0)
            while _is_digit(buffer[place]):
                skip = min(10 * skip + np.int64(buffer[place]) - 48, bases)
                place += 1
            if ranked:
                after += skip + 1
                if after > cytosines:
                    return MALFORMED
                base = np.int64(room[side, cytosines - after if reverse else after - 1, PLACE])
            else:
                base, after = _next_match(buffer, sequence, bases, reverse, fundamental, skip, after)
                if base < 0:
                    return MALFORMED
            if values >= 0 and used + kinds > count:
                return MALFORMED
            if ranked or (of_cytosines and base_at(buffer, sequence, base) == cytosine):
                for kind in range(kinds):
                    into = column if numeric else _column(buffer[codes + kind])
                    value = np.int64(buffer[values + used + kind]) if values >= 0 else 255
                    room[side, base, into] = max(room[side, base, into], 0) + value
            used += kinds
        if buffer[place] != 59:  # ;
            return MALFORMED
        place += 1
    return found if values < 0 or used == count else MALFORMED
