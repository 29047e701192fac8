"""Read unaligned little-endian numbers, and compare 32 bytes at once.

All offsets are absolute in ``buffer``, (n,) uint8. The caller checks that numbers lie inside. Comparisons
always read 32 bytes, so a buffer has ``SLACK`` bytes after its data. In the debug build both are plain loops
with bounds checks.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from cfdna_interp.fragments.kernels.compiling import DEBUG, helper

SLACK = 64
_LANES = 32


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any, kind: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    address = builder.gep(array.data, [arguments[1]])
    return builder.bitcast(address, kind.as_pointer())


def _number(bits: int, result: Any) -> Any:
    @intrinsic
    def load(typing_context, buffer, at):
        def codegen(context, builder, signature, arguments):
            pointer = _pointer(context, builder, signature, arguments, ir.IntType(bits))
            return builder.load(pointer, align=1)

        return result(buffer, types.int64), codegen

    return load


def _lanes(builder: Any, value: int) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(8), _LANES), [value] * _LANES)


def _mask(judge: Any) -> Any:
    """Return an intrinsic (buffer, at) -> uint32; bit k is what ``judge`` says of byte k."""

    @intrinsic
    def load(typing_context, buffer, at):
        def codegen(context, builder, signature, arguments):
            kind = ir.VectorType(ir.IntType(8), _LANES)
            vector = builder.load(_pointer(context, builder, signature, arguments, kind), align=1)
            return builder.bitcast(judge(builder, vector), ir.IntType(_LANES))

        return types.uint32(buffer, types.int64), codegen

    return load


def _any_of(letters: bytes) -> Any:
    def judge(builder: Any, vector: Any) -> Any:
        any_same = None
        for letter in letters:
            same = builder.icmp_unsigned("==", vector, _lanes(builder, letter))
            any_same = same if any_same is None else builder.or_(any_same, same)
        return any_same

    return judge


def _nibbles(shift: int, codes: tuple[int, ...]) -> Any:
    def judge(builder: Any, vector: Any) -> Any:
        half = builder.and_(builder.lshr(vector, _lanes(builder, shift)), _lanes(builder, 15))
        return _any_of(bytes(codes))(builder, half)

    return judge


def _plain_mask(letters: tuple[int, ...], shift: int, keep: int) -> Any:
    is_letter = np.zeros(256, dtype=np.bool_)
    is_letter[list(letters)] = True

    @helper
    def mask(buffer, at):
        bits = np.uint32(0)
        for lane in range(32):
            if is_letter[(buffer[at + lane] >> shift) & keep]:
                bits |= np.uint32(1) << np.uint32(lane)
        return bits

    return mask


def _plain_number(size: int, result: Any) -> Any:
    @helper
    def load(buffer, at):
        value = np.uint64(0)
        for byte in range(size):
            value |= np.uint64(buffer[at + byte]) << np.uint64(8 * byte)
        return result(value)

    return load


# BAM codes of bases: A 1, C 2, G 4, T 8; others are unknown. The high half of a byte is the first base of
# two.
_STRONG, _KNOWN = (2, 4), (1, 2, 4, 8)
if DEBUG:
    u16, i32 = _plain_number(2, numba.int64), _plain_number(4, numba.int32)
    u32, u64 = _plain_number(4, numba.int64), _plain_number(8, numba.uint64)
    nul_mask = _plain_mask((0,), 0, 255)
    methylated_cpg_mask, unmethylated_cpg_mask = _plain_mask((90,), 0, 255), _plain_mask((122,), 0, 255)
    methylated_chh_mask, unmethylated_chh_mask = _plain_mask((72,), 0, 255), _plain_mask((104,), 0, 255)
    lower_mask, upper_mask = _plain_mask(tuple(b"zxhu"), 0, 255), _plain_mask(tuple(b"ZXHU"), 0, 255)
    strong_high_mask, strong_low_mask = _plain_mask(_STRONG, 4, 15), _plain_mask(_STRONG, 0, 15)
    known_high_mask, known_low_mask = _plain_mask(_KNOWN, 4, 15), _plain_mask(_KNOWN, 0, 15)
else:
    u16, i32 = _number(16, types.uint16), _number(32, types.int32)
    u32, u64 = _number(32, types.uint32), _number(64, types.uint64)
    nul_mask = _mask(_any_of(b"\0"))
    methylated_cpg_mask, unmethylated_cpg_mask = _mask(_any_of(b"Z")), _mask(_any_of(b"z"))
    methylated_chh_mask, unmethylated_chh_mask = _mask(_any_of(b"H")), _mask(_any_of(b"h"))
    lower_mask, upper_mask = _mask(_any_of(b"zxhu")), _mask(_any_of(b"ZXHU"))
    strong_high_mask, strong_low_mask = _mask(_nibbles(4, _STRONG)), _mask(_nibbles(0, _STRONG))
    known_high_mask, known_low_mask = _mask(_nibbles(4, _KNOWN)), _mask(_nibbles(0, _KNOWN))


@intrinsic
def count_bits(typing_context, bits):
    """Return how many bits of a uint32 are set."""

    def codegen(context, builder, signature, arguments):
        return builder.zext(builder.ctpop(arguments[0]), ir.IntType(64))

    return types.int64(types.uint32), codegen


@intrinsic
def lowest_bit(typing_context, bits):
    """Return the number of the lowest bit set in a uint32, 32 where none is."""

    def codegen(context, builder, signature, arguments):
        bit = builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))
        return builder.zext(bit, ir.IntType(64))

    return types.int64(types.uint32), codegen


@helper
def bit_range(low, high):
    """Return a uint32 whose bits low..high - 1 are set; both limits are clipped to 0..32."""
    low, high = min(max(low, 0), 32), min(max(high, 0), 32)
    if high <= low:
        return np.uint32(0)
    wide = (np.uint64(1) << np.uint64(high)) - (np.uint64(1) << np.uint64(low))
    return np.uint32(wide)
