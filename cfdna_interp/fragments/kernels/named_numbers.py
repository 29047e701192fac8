"""Array elements with named int64 fields: sums and states that kernels write and Python reads."""

from __future__ import annotations

import numpy as np


def int64_fields(*names: str) -> np.dtype[np.void]:
    """Return the type of an element with int64 fields.

    With ``state = states[0]``, a kernel writes ``state.rows += 1`` and Python ``state["rows"] += 1``.
    ``np.record`` would give Python the dot as well, at six times the cost; Python reads the state at every
    window. A kernel takes a single element as an array of one, since Numba is faster to tell an array's type.
    """
    return np.dtype([(name, np.int64) for name in names], align=True)


CALL_SUMS = int64_fields("methylated", "calls")  # CpG calls, methylated and all


def as_elements(table: np.ndarray, kind: np.dtype[np.void]) -> np.ndarray:
    """Return (...) elements that share the memory of a (..., fields) int64 table, a field for each column."""
    return table.view(kind)[..., 0]
