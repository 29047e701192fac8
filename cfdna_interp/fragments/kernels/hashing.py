"""XXH64, the 64-bit hash that orders a library's fragments. It is the same on every machine.

Yann Collet, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
"""

from __future__ import annotations

import numpy as np

from cfdna_interp.fragments.kernels.compiling import helper, kernel
from cfdna_interp.fragments.kernels.memory import u32, u64

_P1, _P2 = np.uint64(0x9E3779B185EBCA87), np.uint64(0xC2B2AE3D27D4EB4F)
_P3, _P4 = np.uint64(0x165667B19E3779F9), np.uint64(0x85EBCA77C2B2AE63)
_P5 = np.uint64(0x27D4EB2F165667C5)


@helper
def _rotate(value, bits):
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@helper
def _round(lane, word):
    return _rotate(lane + word * _P2, 31) * _P1


@helper
def _merge(value, lane):
    return (value ^ _round(np.uint64(0), lane)) * _P1 + _P4


@helper
def hash_bytes(buffer, begin, end, seed):
    """Return XXH64 (uint64) of ``buffer[begin:end]``, (n,) uint8, under a uint64 seed."""
    at = begin
    if end - begin >= 32:
        first, second, third, fourth = seed + _P1 + _P2, seed + _P2, seed, seed - _P1
        while end - at >= 32:
            first = _round(first, u64(buffer, at))
            second = _round(second, u64(buffer, at + 8))
            third = _round(third, u64(buffer, at + 16))
            fourth = _round(fourth, u64(buffer, at + 24))
            at += 32
        value = _rotate(first, 1) + _rotate(second, 7) + _rotate(third, 12) + _rotate(fourth, 18)
        value = _merge(_merge(_merge(_merge(value, first), second), third), fourth)
    else:
        value = seed + _P5
    value += np.uint64(end - begin)
    while end - at >= 8:
        value = _rotate(value ^ _round(np.uint64(0), u64(buffer, at)), 27) * _P1 + _P4
        at += 8
    if end - at >= 4:
        value = _rotate(value ^ (np.uint64(u32(buffer, at)) * _P1), 23) * _P2 + _P3
        at += 4
    while at < end:
        value = _rotate(value ^ (np.uint64(buffer[at]) * _P5), 11) * _P1
        at += 1
    value = (value ^ (value >> np.uint64(33))) * _P2
    value = (value ^ (value >> np.uint64(29))) * _P3
    return value ^ (value >> np.uint64(32))


def hash_rows(buffer: np.ndarray, splits: np.ndarray, seed: int) -> np.ndarray:
    """Return (n,) uint64 XXH64 of each row ``buffer[splits[i]:splits[i + 1]]``.

    Parameters
    ----------
    buffer
        (bytes,) uint8. Bytes after the last row aren't read.
    splits
        (n + 1,) int64, ascending.
    seed
        Seed of the hash.
    """
    hashes = np.empty(len(splits) - 1, dtype=np.uint64)
    _hash_rows(buffer, splits, seed, hashes)
    return hashes


@kernel
def _hash_rows(buffer: np.ndarray, splits: np.ndarray, seed: int, hashes: np.ndarray) -> None:
    for row in range(len(hashes)):
        hashes[row] = hash_bytes(buffer, splits[row], splits[row + 1], np.uint64(seed))
