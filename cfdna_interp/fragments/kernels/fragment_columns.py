"""The columns of a fragment table, as kernels take them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cfdna_interp.artifacts.fragments import FragmentTable


class FragmentColumns(NamedTuple):
    """Columns of a :class:`~cfdna_interp.artifacts.fragments.FragmentTable`, under their names there.

    Attributes
    ----------
    contig, start, length
        (n,) int32.
    motif_5p, motif_3p
        (n,) int16.
    cpg_splits, cpg_offsets, cpg_states
        (n + 1,) int64, (calls,) int32 and (calls,) int8.
    block
        (n,) int32.
    """

    contig: np.ndarray
    start: np.ndarray
    length: np.ndarray
    motif_5p: np.ndarray
    motif_3p: np.ndarray
    cpg_splits: np.ndarray
    cpg_offsets: np.ndarray
    cpg_states: np.ndarray
    block: np.ndarray

    @classmethod
    def of(cls, table: FragmentTable) -> FragmentColumns:
        """Return the columns of a table; they share its memory."""
        return cls(*(getattr(table, name) for name in cls._fields))
