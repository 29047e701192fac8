"""Elements with named int64 fields: the sums and states that kernels write and Python reads."""

from __future__ import annotations

import numpy as np


def int64_fields(*names: str) -> np.dtype[np.record]:
    """Return the type of an element with int64 fields.

    Kernels and Python read and write them alike: ``state = states[0]``, then ``state.rows += 1``. A kernel
    takes a single element as an array of one: Numba finds out an array's type several times as fast.
    """
    return np.dtype((np.record, np.dtype([(name, np.int64) for name in names], align=True)))


CALL_SUMS = int64_fields("methylated", "calls")  # CpG calls, methylated and all


def as_elements(table: np.ndarray, kind: np.dtype[np.record]) -> np.ndarray:
    """Return (...) elements that share the memory of a (..., fields) int64 table, a field for each column."""
    return table.view(kind)[..., 0]
