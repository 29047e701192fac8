"""Find the tags MM, ML and MN of a record, and tell whether bases were cut off."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.memory import i32, u16, u32
from cfdna_interp.fragments.kernels.record import cigar_of, record_end, tag_end, tags_at
from cfdna_interp.fragments.kernels.scan_types import ModificationTags
from cfdna_interp.fragments.kernels.xm import MALFORMED

_HARD_CLIP = 5


@helper
def _integer(buffer, tag):
    """Return the value of the tag at ``tag``, -2 where it isn't an integer or is negative."""
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
    """Return the :class:`ModificationTags` of the record at ``at``."""
    tag, end = tags_at(buffer, at), record_end(buffer, at)
    lists = old_lists = values = old_values = length = np.int64(-1)
    while tag < end:
        after = tag_end(buffer, tag, end)
        if after < 0:
            return ModificationTags(np.int64(MALFORMED), values, np.int64(0), length)
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
        return ModificationTags(lists, np.int64(-1), np.int64(0), length)
    if buffer[values] != 66 or buffer[values + 1] != 67:  # B, C
        return ModificationTags(np.int64(MALFORMED), values, np.int64(0), length)
    return ModificationTags(lists, values + 6, np.int64(u32(buffer, values + 2)), length)


@helper
def hard_clipped(buffer, at):
    """Tell whether bases were cut off at an end of the read."""
    place, operations = cigar_of(buffer, at)
    if operations == 0:
        return False
    first, last = u32(buffer, place), u32(buffer, place + 4 * (operations - 1))
    return first & 15 == _HARD_CLIP or last & 15 == _HARD_CLIP
