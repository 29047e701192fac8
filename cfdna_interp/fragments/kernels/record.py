"""Fields of a BAM record that begins at ``at`` of a buffer (SAM specification, section 4.2)."""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.kernels.compiling import helper
from cfdna_interp.fragments.kernels.memory import i32, lowest_bit, nul_mask, u16, u32

FIXED = 36  # bytes before the name, with the four of the record's size

# CIGAR operations MIDNSHP=X are 0 to 8. Bit k tells whether operation k moves along read or reference.
_ALONG_READ = 0b110010011
_ALONG_REFERENCE = 0b110001101
SKIP, SOFT_CLIP, HARD_CLIP = 3, 4, 5


@helper
def contig_of(buffer, at):
    """Return the index of the contig, -1 none."""
    return np.int64(i32(buffer, at + 4))


@helper
def start_of(buffer, at):
    """Return the 0-based position of the first aligned base, -1 none."""
    return np.int64(i32(buffer, at + 8))


@helper
def name_length(buffer, at):
    """Return the bytes of the read name with its NUL."""
    return np.int64(buffer[at + 12])


@helper
def mapq_of(buffer, at):
    """Return the mapping quality."""
    return np.int64(buffer[at + 13])


@helper
def operations_of(buffer, at):
    """Return how many operations the record's own CIGAR has."""
    return np.int64(u16(buffer, at + 16))


@helper
def flag_of(buffer, at):
    """Return the flags."""
    return np.int64(u16(buffer, at + 18))


@helper
def bases_of(buffer, at):
    """Return how many bases the read has."""
    return np.int64(i32(buffer, at + 20))


@helper
def sequence_at(buffer, at):
    """Return where the bases begin, two to a byte."""
    return at + FIXED + name_length(buffer, at) + 4 * operations_of(buffer, at)


@helper
def base_at(buffer, sequence, base):
    """Return the BAM code of a base (A 1, C 2, G 4, T 8) of the bases that begin at ``sequence``."""
    return np.int64((buffer[sequence + (base >> 1)] >> (0 if base & 1 else 4)) & 15)


@helper
def record_end(buffer, at):
    """Return where the next record begins."""
    return at + 4 + np.int64(i32(buffer, at))


@helper
def tags_at(buffer, at):
    """Return where the tags begin."""
    bases = bases_of(buffer, at)
    return sequence_at(buffer, at) + ((bases + 1) >> 1) + bases


@helper
def fields_fit(buffer, at, size):
    """Tell whether name, CIGAR, bases and qualities fit into a record of ``size`` bytes after the first 4."""
    name, bases = name_length(buffer, at), bases_of(buffer, at)
    if name < 1 or bases < 0:
        return False
    return FIXED - 4 + name + 4 * operations_of(buffer, at) + ((bases + 1) >> 1) + bases <= size


@helper
def text_end(buffer, at, end):
    """Return where the text that begins at ``at`` has its NUL, -1 if no NUL comes before ``end``."""
    while at < end:
        nul = lowest_bit(nul_mask(buffer, at))
        if nul < 32:
            return at + nul if at + nul < end else -1
        at += 32
    return -1


@helper
def array_bytes(buffer, at, end):
    """Return the size of the ``B`` value that begins at ``at``, in bytes; -1 where it isn't one."""
    if end - at < 5:
        return -1
    kind = buffer[at]
    if kind == 99 or kind == 67:  # c C
        size = 1
    elif kind == 115 or kind == 83:  # s S
        size = 2
    elif kind == 105 or kind == 73 or kind == 102:  # i I f
        size = 4
    else:
        return -1
    return 5 + size * np.int64(u32(buffer, at + 1))


@helper
def tag_end(buffer, at, end):
    """Return where the tag at ``at`` ends, -1 where it runs beyond ``end`` or is of no known type."""
    if end - at < 4:
        return -1
    kind = buffer[at + 2]
    value = at + 3
    if kind == 65 or kind == 99 or kind == 67:  # A c C
        after = value + 1
    elif kind == 115 or kind == 83:  # s S
        after = value + 2
    elif kind == 105 or kind == 73 or kind == 102:  # i I f
        after = value + 4
    elif kind == 90 or kind == 72:  # Z H
        last = text_end(buffer, value, end)
        after = last + 1 if last >= 0 else end + 1
    elif kind == 66:  # B
        size = array_bytes(buffer, value, end)
        after = value + size if size >= 0 else end + 1
    else:
        return -1
    return after if after <= end else -1


@helper
def cigar_of(buffer, at):
    """Return (where the CIGAR is, its operations).

    A CIGAR of more than 65,535 operations is in the tag ``CG``. The record itself then has two operations as
    a placeholder: a clip of all bases, and a skip of the length on the reference.
    """
    operations = operations_of(buffer, at)
    place = at + FIXED + name_length(buffer, at)
    if operations == 2:
        clip, skip = u32(buffer, place), u32(buffer, place + 4)
        if clip & 15 == SOFT_CLIP and skip & 15 == SKIP and np.int64(clip >> 4) == bases_of(buffer, at):
            tag, end = tags_at(buffer, at), record_end(buffer, at)
            while tag < end:
                after = tag_end(buffer, tag, end)
                if after < 0:
                    break
                if buffer[tag] == 67 and buffer[tag + 1] == 71 and buffer[tag + 2] == 66:
                    if buffer[tag + 3] == 73 or buffer[tag + 3] == 105:
                        return tag + 8, np.int64(u32(buffer, tag + 4))
                    break
                tag = after
    return place, operations


@helper
def clip_of(buffer, place, operations, last):
    """Return (whether a read has bases beyond its alignment, how many of them the record still has).

    ``last`` tells the end: that of the last CIGAR operation, or of the first one.
    """
    clipped, bases = False, np.int64(0)
    for step in range(min(operations, 2)):
        operation = u32(buffer, place + 4 * (operations - 1 - step if last else step))
        code = operation & 15
        if code != SOFT_CLIP and code != HARD_CLIP:
            break
        clipped |= operation >> 4 > 0
        if code == SOFT_CLIP:
            bases += np.int64(operation >> 4)
    return clipped, bases


@helper
def moves(operation):
    """Return (bases along the read, bases along the reference) of a CIGAR operation with its size."""
    size, code = np.int64(operation >> 4), np.int64(operation & 15)
    return size * ((_ALONG_READ >> code) & 1), size * ((_ALONG_REFERENCE >> code) & 1)


@helper
def span_of(buffer, place, operations):
    """Return (bases of the read, bases on the reference, whether all operations are known)."""
    read = reference = 0
    known = True
    for number in range(operations):
        operation = u32(buffer, place + 4 * number)
        known &= (operation & 15) <= 8
        along, over = moves(operation)
        read += along
        reference += over
    return read, reference, known
