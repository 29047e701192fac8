"""Modified bases as MM and ML list them: the probabilities of each cytosine, added up."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.filters import REVERSE
from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.record import base_at, bases_of, flag_of, sequence_at
from cfdna_interp.fragments.kernels.xm import MALFORMED

# Bits of what a record lists. LISTED: 5mC on the read's own strand. IMPLICIT: unlisted cytosines there are
# unmodified. LISTED_OPPOSITE, IMPLICIT_OPPOSITE: the same on the opposite strand. OPPOSITE: anything on it.
LISTED, IMPLICIT, LISTED_OPPOSITE, IMPLICIT_OPPOSITE, OPPOSITE = 1, 2, 4, 8, 16
CYTOSINE, GUANINE = 2, 4  # BAM codes of bases
MODIFICATIONS = 255  # most of a record, as in htslib; it bounds the work for a malicious record
_ANY = 15
_METHYL, _HYDROXY, _OTHER = 109, 104, 0  # the letters m and h of 5mC and 5hmC; any other


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
def _add(probabilities, kind, value):
    """Add a byte of a modification, named by its letter, to the sums of a base."""
    if kind == _METHYL:
        probabilities.methyl = max(probabilities.methyl, 0) + value
    elif kind == _HYDROXY:
        probabilities.hydroxy += value
    else:
        probabilities.other += value


@helper
def find_bases(buffer, at, cytosine, probabilities):
    """Return how many bases have the code ``cytosine``.

    ``place`` of the first elements is set to where they are, in the order of the BAM.
    """
    sequence, bases = sequence_at(buffer, at), bases_of(buffer, at)
    # Each base is written, counted or not: that is faster than a branch that can't be predicted. The index is
    # unsigned, since Numba tests at each access whether a signed one counts from the end.
    count, base = np.uint64(0), np.uint64(0)
    for byte in range(sequence, sequence + (bases >> 1)):
        probabilities[count].place = base
        count += np.uint64(buffer[byte] >> 4 == cytosine)
        probabilities[count].place = base + np.uint64(1)
        count += np.uint64(buffer[byte] & 15 == cytosine)
        base += np.uint64(2)
    if bases & 1 and base_at(buffer, sequence, bases - 1) == cytosine:
        probabilities[count].place = bases - 1
        count += np.uint64(1)
    return np.int64(count)


@helper
def find_cytosines(buffer, at, probabilities):
    """Return how many cytosines the read's own strand has.

    ``place`` of the first elements is set to where they are, in the order of the BAM. Their sums are cleared.
    """
    count = find_bases(buffer, at, GUANINE if flag_of(buffer, at) & REVERSE else CYTOSINE, probabilities)
    for rank in range(np.uint64(count)):
        _clear(probabilities[probabilities[rank].place])
    return count


@helper
def _clear(probabilities):
    probabilities.methyl = -1
    probabilities.hydroxy = probabilities.other = 0


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
def read_lists(buffer, at, tags, cytosines, probabilities):
    """Add up the probabilities of each cytosine, on both strands.

    Parameters
    ----------
    buffer, at, tags
        The record, and what ``find_lists`` returns of it.
    cytosines, probabilities
        What ``find_cytosines`` returns and writes. Probabilities are added to the sums of a base.

    Returns
    -------
    Bits of what is listed, or MALFORMED.
    """
    sequence, bases = sequence_at(buffer, at), bases_of(buffer, at)
    reverse = (flag_of(buffer, at) & REVERSE) != 0
    values = tags.values
    content = offset = modifications = 0
    place = tags.lists
    while buffer[place] != 0:
        fundamental = _fundamental(buffer[place])
        if fundamental == 0 or (buffer[place + 1] != 43 and buffer[place + 1] != 45):  # + -
            return MALFORMED
        same_strand = buffer[place + 1] == 43
        codes = place = place + 2
        numeric, modification, number = _is_digit(buffer[place]), _OTHER, 0
        with_5mc = False
        if numeric:
            while _is_digit(buffer[place]):
                number = min(10 * number + np.int64(buffer[place]) - 48, 1 << 30)
                place += 1
            modification = _METHYL if number == 27551 else _HYDROXY if number == 76792 else _OTHER  # ChEBI
            with_5mc = modification == _METHYL
        else:
            while _is_letter(buffer[place]):
                with_5mc |= buffer[place] == _METHYL
                place += 1
        kinds = 1 if numeric else place - codes
        modifications += kinds
        if kinds == 0 or modifications > MODIFICATIONS:
            return MALFORMED
        explicit = buffer[place] == 63  # ?
        if explicit or buffer[place] == 46:  # .
            place += 1
        # What the list's cytosine reads as on the strand as sequenced.
        cytosine = CYTOSINE if same_strand else GUANINE
        ranked = same_strand and fundamental == CYTOSINE
        of_cytosines = fundamental in (cytosine, _ANY)
        if of_cytosines:
            if not same_strand and not content & OPPOSITE:
                content |= OPPOSITE
                for base in range(bases):
                    if base_at(buffer, sequence, base) == (CYTOSINE if reverse else GUANINE):
                        _clear(probabilities[base])
            if with_5mc:
                content |= LISTED if same_strand else LISTED_OPPOSITE
                if not explicit:
                    content |= IMPLICIT if same_strand else IMPLICIT_OPPOSITE
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
                base = np.int64(probabilities[cytosines - after if reverse else after - 1].place)
            else:
                base, after = _next_match(buffer, sequence, bases, reverse, fundamental, skip, after)
                if base < 0:
                    return MALFORMED
            if values >= 0 and offset + kinds > tags.count:
                return MALFORMED
            if ranked or (of_cytosines and base_at(buffer, sequence, base) == cytosine):
                for kind in range(kinds):
                    value = np.int64(buffer[values + offset + kind]) if values >= 0 else 255
                    letter = modification if numeric else np.int64(buffer[codes + kind])
                    _add(probabilities[base], letter, value)
            offset += kinds
        if buffer[place] != 59:  # ;
            return MALFORMED
        place += 1
    return content if values < 0 or offset == tags.count else MALFORMED
