"""Arrow columns made from buffers.

``pyarrow.array`` imports pandas, where it is installed, to ask whether its argument is a Series: a fifth
of a second for each of thousands of jobs, and more than reading a small sample takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

_NUMPY_NAMES = {"float": "float32", "double": "float64"}  # where Arrow's name of a type is another one


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
