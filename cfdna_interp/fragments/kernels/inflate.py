"""Find BGZF blocks by their headers, inflate them with libdeflate, and check their CRC.

A block is a gzip member with an extra field ``BC`` that holds its size (SAM specification, section 4.1).
libdeflate's functions are addresses here, so that no Python runs between blocks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from cfdna_interp.fragments.kernels.compiling import helper, kernel
from cfdna_interp.fragments.kernels.memory import u16, u32

BLOCK = 65_536  # bytes of the largest block, compressed or not
HEADER, TRAILER = 18, 8  # bytes of an ordinary block's header, and of its CRC and size at the end

# Why inflating stops. MORE: the input is used up. FULL: the output is full. All others: the block is damaged.
MORE, FULL, NO_BLOCK, BAD_DATA, BAD_CRC, BAD_SIZE = range(6)
DAMAGE = {
    NO_BLOCK: "no BGZF block begins there",
    BAD_DATA: "its compressed data is damaged",
    BAD_CRC: "its checksum is wrong",
    BAD_SIZE: "its sizes contradict each other",
}


class Piece(NamedTuple):
    """A stretch of bytes.

    Attributes
    ----------
    data
        (n,) uint8.
    begin, end
        Where the stretch begins and ends in ``data``.
    """

    data: np.ndarray
    begin: int
    end: int


class Functions(NamedTuple):
    """Addresses of libdeflate's functions, and of a decompressor."""

    decompress: int
    checksum: int
    decompressor: int


@intrinsic
def _inflate(typing_context, function, state, source, at, size, target, to, room):
    """Call ``libdeflate_deflate_decompress`` at an address. 0 means that exactly ``room`` bytes came out."""

    def codegen(context, builder, signature, arguments):
        function, state, source, at, size, target, to, room = arguments
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(64)
        kind = ir.FunctionType(ir.IntType(32), [byte, byte, word, byte, word, word.as_pointer()])
        pointers = []
        for array_type, array, offset in ((signature.args[2], source, at), (signature.args[5], target, to)):
            data = context.make_array(array_type)(context, builder, array).data
            pointers.append(builder.bitcast(builder.gep(data, [offset]), byte))
        return builder.call(
            builder.inttoptr(function, kind.as_pointer()),
            [
                builder.inttoptr(state, byte),
                pointers[0],
                size,
                pointers[1],
                room,
                ir.Constant(word.as_pointer(), None),
            ],
        )

    number = types.int64
    return types.int32(number, number, source, number, number, target, number, number), codegen


@intrinsic
def _checksum(typing_context, function, buffer, at, size):
    """Call ``libdeflate_crc32`` at an address."""

    def codegen(context, builder, signature, arguments):
        function, buffer, at, size = arguments
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(64)
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32), byte, word])
        data = context.make_array(signature.args[1])(context, builder, buffer).data
        pointer = builder.bitcast(builder.gep(data, [at]), byte)
        return builder.call(
            builder.inttoptr(function, kind.as_pointer()), [ir.Constant(ir.IntType(32), 0), pointer, size]
        )

    return types.uint32(types.int64, buffer, types.int64, types.int64), codegen


@helper
def _block_size(source, at, end):
    """Return (bytes of the block, bytes of its header).

    (0, 0): the input ends too early to tell; (-1, 0): no block begins here.
    """
    if end - at < 12:
        return 0, 0
    is_gzip = source[at] == 31 and source[at + 1] == 139 and source[at + 2] == 8
    if not is_gzip or source[at + 3] != 4:  # gzip, deflate, an extra field and nothing else
        return -1, 0
    extra = np.int64(u16(source, at + 10))
    if end - at < 12 + extra:
        return 0, 0
    field, last = at + 12, at + 12 + extra
    while last - field >= 4:
        size = np.int64(u16(source, field + 2))
        if source[field] == 66 and source[field + 1] == 67 and size == 2 and last - field >= 6:
            return np.int64(u16(source, field + 4)) + 1, 12 + extra
        field += 4 + size
    return -1, 0


@kernel
def next_block(source: np.ndarray, at: int, end: int) -> tuple[int, int, int, int]:
    """Look at the block that begins at ``source[at]``.

    Returns
    -------
    Bytes of the block (0 where the input ends before the block does), of its header, and of its inflated
    data; and a code: MORE, NO_BLOCK or BAD_SIZE.
    """
    size, header = _block_size(source, at, end)
    if size < 0:
        return 0, 0, 0, NO_BLOCK
    if size == 0:
        return 0, 0, 0, MORE
    if size < header + TRAILER:
        return 0, 0, 0, BAD_SIZE
    if end - at < size:
        return 0, 0, 0, MORE
    inflated = np.int64(u32(source, at + size - 4))
    return size, header, inflated, BAD_SIZE if inflated > BLOCK else MORE


@kernel
def inflate_blocks(
    source: Piece, target: Piece, marks: np.ndarray, offset: int, last: int, functions: Functions
) -> tuple[int, int, int, int]:
    """Inflate whole blocks, until the source ends or the target is full.

    Parameters
    ----------
    source, target
        Compressed bytes to read, and bytes to fill.
    marks
        (blocks, 2) int64: where each block's data begins in ``target``, and the block in the file.
    offset
        Where in the file ``source.data[0]`` is.
    last
        Blocks that begin after this offset in the file aren't read; -1: all are.
    functions
        libdeflate's functions.

    Returns
    -------
    A code, where the next block begins in ``source.data``, where data ends in ``target.data``, and the number
    of blocks.
    """
    blocks, at, to = 0, source.begin, target.begin
    while blocks < len(marks):
        if last >= 0 and offset + at > last:
            return MORE, at, to, blocks
        size, header, inflated, code = next_block(source.data, at, source.end)
        if code != MORE or size == 0:
            return code, at, to, blocks
        if target.end - to < inflated:
            return FULL, at, to, blocks
        data = size - header - TRAILER
        address, state = functions.decompress, functions.decompressor
        if _inflate(address, state, source.data, at + header, data, target.data, to, inflated) != 0:
            return BAD_DATA, at, to, blocks
        if _checksum(functions.checksum, target.data, to, inflated) != u32(source.data, at + size - 8):
            return BAD_CRC, at, to, blocks
        marks[blocks, 0], marks[blocks, 1] = to, offset + at
        blocks += 1
        at += size
        to += inflated
    return FULL, at, to, blocks
