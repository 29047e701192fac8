"""Find a record's XM letters (see :mod:`cfdna_interp.fragments.methylation.xm`)."""

from __future__ import annotations

from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.record import bases_of, record_end, tag_end, tags_at

UNTAGGED, MALFORMED, OTHER_LENGTH, OTHER_STRAND = -1, -2, -3, -4


@helper
def find_letters(buffer, at):
    """Return (where the XM letters of the record at ``at`` begin, its genome strand).

    Both have to be known: letters without a strand are no calls. Otherwise the first number says what is
    wrong. UNTAGGED: the record lacks XM or XG. OTHER_LENGTH: XM doesn't hold one letter per base.
    OTHER_STRAND: XG is neither CT nor GA. MALFORMED: its tags run beyond it.
    """
    tag, end = tags_at(buffer, at), record_end(buffer, at)
    letters, strand, tags = -1, 0, 0
    while tag < end and tags < 3:
        after = tag_end(buffer, tag, end)
        if after < 0:
            return MALFORMED, 0
        if buffer[tag] == 88 and buffer[tag + 2] == 90:  # X., text
            if buffer[tag + 1] == 77 and not tags & 1:  # XM
                tags |= 1
                if after - tag - 4 == bases_of(buffer, at):
                    letters = tag + 3
            elif buffer[tag + 1] == 71 and not tags & 2:  # XG
                tags |= 2
                if after - tag == 6:
                    if buffer[tag + 3] == 67 and buffer[tag + 4] == 84:  # CT
                        strand = 1
                    elif buffer[tag + 3] == 71 and buffer[tag + 4] == 65:  # GA
                        strand = -1
        tag = after
    if tags < 3:
        return UNTAGGED, 0
    if letters < 0:
        return OTHER_LENGTH, 0
    if strand == 0:
        return OTHER_STRAND, 0
    return letters, strand
