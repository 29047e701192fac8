"""``profiles/{sample}.parquet``: whole-sample counts over all fragments, in tidy form."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cfdna_interp.artifacts.columns import number_column, text_column
from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.errors import InputError

# kind -> its statistics, in the order of the columns of its array.
KINDS: dict[str, tuple[str, ...]] = {
    "length_1bp": ("n",),  # key: absolute fragment length in bp
    "motif": ("n",),  # key: 4-mer at a 5' end; two ends per fragment
    "block_uxm": ("U", "X", "M"),  # key: block name; fragments with enough CpGs inside the block
    # key: block name; methylated and all calls in it, fragments that touch no other before, bp of it in them
    "block_calls": ("methylated", "calls", "fragments", "bp"),
    "window": ("short", "long", "n"),  # key: contig:start of the window, 0-based; fragments by midpoint
    # Of fragments outside blocks:
    "methylation": ("n",),  # key: calls:methylated of a fragment, 5:3; fragments with a call
    "methylation_length": ("methylated", "n"),  # key: fragment length in bp; CpG calls
    "methylation_context": ("methylated", "n"),  # key: context by the annotation, or elsewhere; CpG calls
    "methylation_pattern": ("n",),  # key: states of a fragment's middle four calls, 0110
    "methylation_pairs": ("different", "n"),  # key: 4; pairs of molecules that read the same four CpGs
}


@dataclass(frozen=True, eq=False)
class Profile:
    """Counts of one sample.

    Attributes
    ----------
    counts
        kind -> key -> counts, one integer per statistic of the kind (see ``KINDS``).
    """

    counts: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def add(self, kind: str, key: str, counts: np.ndarray | list[int]) -> None:
        """Add integer ``counts`` to the cell (``kind``, ``key``)."""
        values = np.asarray(counts, dtype=np.int64)
        if values.shape != (len(KINDS[kind]),):
            raise ValueError(f"kind {kind} counts {KINDS[kind]}, got an array of shape {values.shape}")
        cells = self.counts.setdefault(kind, {})
        cells[key] = cells[key] + values if key in cells else values

    def get(self, kind: str, key: str) -> np.ndarray:
        """Return the counts of a cell, zeros if nothing was counted."""
        return self.counts.get(kind, {}).get(key, np.zeros(len(KINDS[kind]), dtype=np.int64))

    def save(self, path: Path | str) -> None:
        """Write rows (kind, key, statistic, count), sorted, as Parquet."""
        rows = [
            (kind, key, statistic, int(count))
            for kind in sorted(self.counts)
            for key in sorted(self.counts[kind])
            for statistic, count in zip(KINDS[kind], self.counts[kind][key], strict=True)
        ]
        columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
        table = pa.table(
            {
                "kind": text_column(columns[0]),
                "key": text_column(columns[1]),
                "statistic": text_column(columns[2]),
                "count": number_column(columns[3], pa.int64()),
            }
        )
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    @classmethod
    def load(cls, path: Path | str) -> Profile:
        """Read a profile that :meth:`save` wrote; raise ``InputError`` if the file is damaged."""
        try:
            columns = pq.read_table(path, columns=["kind", "key", "statistic", "count"]).to_pydict()
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{path} is not a profile ({error}); delete it and run again") from None
        profile = cls()
        for kind, key, statistic, count in zip(*columns.values(), strict=True):
            if kind not in KINDS or statistic not in KINDS[kind]:
                raise InputError(f"{path} holds the unknown cell {kind}/{statistic}; delete it and run again")
            cells = profile.counts.setdefault(kind, {})
            values = cells.setdefault(key, np.zeros(len(KINDS[kind]), dtype=np.int64))
            values[KINDS[kind].index(statistic)] = count
        return profile
