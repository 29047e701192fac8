"""An h5ad file as one table, read in a process of its own: the HDF5 library may crash on a damaged file.

    python -m cfdna_interp.cohort.h5ad_table FILE

writes the table to standard output as an Arrow stream.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

# Kinds of NumPy types that can be features: numbers and truth values, nothing complex or compound.
_NUMBERS = "biuf"


def read_h5ad(file: Path) -> pa.Table:
    """Return the columns of ``obs``, its index under its own name or ``sample``, and the variables of ``X``.

    Raises
    ------
    ValueError
        The file is damaged, has no numbers in ``X``, or points outside itself.
    """
    done = subprocess.run([sys.executable, "-m", __name__, str(file)], capture_output=True, check=False)
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ValueError(f"it is damaged: the HDF5 library ended with {name}")
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(lines[-1] if lines else "it is damaged")
    with pa.ipc.open_stream(done.stdout) as stream:
        return stream.read_all()


def _check(file: Path) -> None:
    """Check by h5py what anndata would trust: that the file holds its data itself, and numbers in ``X``."""
    import h5py

    def walk(group: Any) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise ValueError(f"{group.name}/{name} links to another file; store the data inside")
            if isinstance(link, h5py.SoftLink):
                raise ValueError(f"{group.name}/{name} is a link; store the data itself")
            item = group[name]
            if isinstance(item, h5py.Group):
                walk(item)
            elif isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
                raise ValueError(f"{item.name} lies in another file; store the data inside")

    with h5py.File(file) as handle:
        walk(handle)
        X = handle.get("X")
        if X is None:
            raise ValueError("it has no X")
        values = X["data"] if isinstance(X, h5py.Group) else X
        if values.dtype.kind not in _NUMBERS:
            raise ValueError(f"X holds {values.dtype}, which are no plain numbers")


def _table(file: Path) -> pa.Table:
    import anndata
    import pandas as pd
    from scipy import sparse

    data = anndata.read_h5ad(file)
    if data.X is None:
        raise ValueError("it has no X")
    names = [str(data.obs.index.name or "sample")]
    arrays: list[Any] = [pa.array([str(name) for name in data.obs_names])]
    for name, column in data.obs.items():
        if name == names[0]:  # a column of its own says more than the index
            arrays[0] = pa.array(["" if pd.isna(cell) else str(cell) for cell in column])
            continue
        names.append(str(name))
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        arrays.append(pa.Array.from_pandas(column))
    X = data.X.toarray() if sparse.issparse(data.X) else np.asarray(data.X)
    names += [str(name) for name in data.var_names]
    arrays += [pa.array(np.ascontiguousarray(column)) for column in X.T]
    return pa.Table.from_arrays(arrays, names=names)


def main() -> None:
    """Write the table of the file that is named; on any error a line on standard error, and exit code 2."""
    file = Path(sys.argv[1])
    try:
        _check(file)
        table = _table(file)
    except Exception as error:  # whatever a library makes of a damaged file, the file can't be read
        print(" ".join(str(error).split()) or type(error).__name__, file=sys.stderr)
        sys.exit(2)
    with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
        stream.write_table(table)


if __name__ == "__main__":
    main()
