"""Arrow columns from buffers.

``pyarrow.array`` imports pandas, if installed, to check whether its argument is a Series. That takes a fifth
of a second in each of thousands of jobs, more than reading a small sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

_NUMPY_NAMES = {"float": "float32", "double": "float64"}  # types that have another name in Arrow


def number_column(values: np.ndarray | Sequence[float], kind: pa.DataType) -> pa.Array:
    """Return an Arrow array of fixed-width numbers without nulls."""
    name = str(kind)
    dense = np.ascontiguousarray(values, dtype=_NUMPY_NAMES.get(name, name))
    return pa.Array.from_buffers(kind, len(dense), [None, pa.py_buffer(dense)])


def text_column(values: Sequence[str]) -> pa.Array:
    """Return an Arrow array of strings without nulls."""
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int32)
    np.cumsum([len(value) for value in encoded], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)
