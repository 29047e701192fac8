"""``fragments/{sample}.parquet``: one row per cfDNA fragment, in memory as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cfdna_interp.artifacts.columns import number_column, text_column
from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.errors import InputError

# 4-mers in alphabetical order: AAAA is 0, TTTT is 255; -1 where a base is unknown.
MOTIFS: tuple[str, ...] = tuple(a + b + c + d for a in "ACGT" for b in "ACGT" for c in "ACGT" for d in "ACGT")


@dataclass(frozen=True, eq=False)
class FragmentTable:
    """Fragments of one sample, one array per column, CpG calls in compressed-row form.

    Coordinates are 0-based, half-open. A CpG call is at the C of the forward strand and occurs once per
    molecule.

    Attributes
    ----------
    contig_names
        Contigs in header order; ``contig`` indexes it.
    contig, start, length
        (n,) contig index; 0-based start; absolute fragment length in bp.
    mapq
        (n,) the lower mapping quality of the two mates.
    strand
        (n,) +1: the molecule comes from the forward (CT) strand, -1: from the reverse (GA) strand,
        0: unknown (no bisulfite strand tag).
    gc
        (n,) share of G and C in the read bases of the fragment, with conversion undone where calls allow it.
    motif_5p, motif_3p
        (n,) index into ``MOTIFS`` of the first four bases of the forward and of the reverse strand,
        each read 5' to 3'; -1 unknown.
    cpg_splits
        (n + 1,) call ``j`` of fragment ``i`` is at ``cpg_splits[i] + j``.
    cpg_offsets
        (calls,) bp from the fragment's start to the C of the CpG, ascending within a fragment; -1 and
        ``length - 1`` can occur only when the CpG straddles a fragment end.
    cpg_states
        (calls,) 1 methylated, 0 unmethylated.
    block
        (n,) index of the atlas block that the fragment touches, -1 for none.
    """

    contig_names: tuple[str, ...]
    contig: np.ndarray
    start: np.ndarray
    length: np.ndarray
    mapq: np.ndarray
    strand: np.ndarray
    gc: np.ndarray
    motif_5p: np.ndarray
    motif_3p: np.ndarray
    cpg_splits: np.ndarray
    cpg_offsets: np.ndarray
    cpg_states: np.ndarray
    block: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    @property
    def cpg_counts(self) -> np.ndarray:
        """(n,) number of CpG calls per fragment."""
        return np.diff(self.cpg_splits)

    def take(self, rows: np.ndarray) -> FragmentTable:
        """Return the fragments at ``rows`` (integer indices), in that order."""
        counts = self.cpg_counts[rows]
        splits = np.concatenate([[0], np.cumsum(counts)])
        # The position of a call is the start of its fragment's calls plus its rank in the fragment.
        calls = np.repeat(self.cpg_splits[rows] - splits[:-1], counts) + np.arange(splits[-1])
        taken = {name: getattr(self, name)[rows] for name in _PER_FRAGMENT}
        return FragmentTable(
            contig_names=self.contig_names,
            cpg_splits=splits,
            cpg_offsets=self.cpg_offsets[calls],
            cpg_states=self.cpg_states[calls],
            **taken,
        )

    @staticmethod
    def concatenate(tables: Sequence[FragmentTable]) -> FragmentTable:
        """Stack tables that share their contig names."""
        if len({table.contig_names for table in tables}) != 1:
            raise ValueError("fragment tables to stack must share their contig names, and be at least one")
        columns = {name: np.concatenate([getattr(t, name) for t in tables]) for name in _PER_FRAGMENT}
        calls = {
            name: np.concatenate([getattr(t, name) for t in tables]) for name in ("cpg_offsets", "cpg_states")
        }
        splits = np.concatenate([[0], np.cumsum(np.concatenate([t.cpg_counts for t in tables]))])
        return FragmentTable(contig_names=tables[0].contig_names, cpg_splits=splits, **columns, **calls)

    def to_arrow(self) -> pa.Table:
        """Return the table as an Arrow table, with the columns of a file."""
        names = text_column(self.contig_names)
        columns: dict[str, pa.Array] = {
            "contig": pa.DictionaryArray.from_arrays(number_column(self.contig, pa.int32()), names),
            **{name: number_column(getattr(self, name), kind) for name, kind in _TYPES.items()},
        }
        splits = number_column(self.cpg_splits, pa.int32())
        for name, kind in (("cpg_offsets", pa.int32()), ("cpg_states", pa.int8())):
            columns[name] = pa.ListArray.from_arrays(splits, number_column(getattr(self, name), kind))
        return pa.table(columns).replace_schema_metadata({"contig_names": "\t".join(self.contig_names)})

    def save(self, path: Path | str) -> None:
        """Write the table as Parquet, atomically."""
        table = self.to_arrow()
        with atomic_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", use_dictionary=["contig"])

    @classmethod
    def load(cls, path: Path | str) -> FragmentTable:
        """Read a table that :meth:`save` wrote.

        Raises
        ------
        InputError
            The file is missing, damaged, or lacks a column.
        """
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{path} cannot be read as Parquet ({error}); delete it and run again") from None
        wanted = {"contig", "cpg_offsets", "cpg_states", *_TYPES}
        missing = sorted(wanted - set(table.column_names))
        names = (table.schema.metadata or {}).get(b"contig_names")
        if missing or names is None:
            raise InputError(
                f"{path} is not a fragment table (missing: {', '.join(missing) or 'contig names'}); "
                "delete it and run again"
            )
        contig_names = tuple(names.decode().split("\t"))
        index = {name: i for i, name in enumerate(contig_names)}
        contig = table["contig"].combine_chunks()
        if isinstance(contig, pa.ChunkedArray):  # an empty column stays chunked
            contig = pa.concat_arrays(contig.chunks) if contig.num_chunks else pa.array([], pa.string())
        if pa.types.is_dictionary(contig.type):
            codes = np.array([index[name] for name in contig.dictionary.to_pylist()], dtype=np.int32)
            contig_codes = codes[contig.indices.to_numpy()] if len(contig) else np.zeros(0, np.int32)
        else:
            contig_codes = np.array([index[name] for name in contig.to_pylist()], dtype=np.int32)
        lists = table["cpg_offsets"].to_pylist() if len(table) == 0 else None
        if lists is not None:
            splits, offsets, states = np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int8)
        else:
            offset_lists = pa.concat_arrays(table["cpg_offsets"].chunks)
            state_lists = pa.concat_arrays(table["cpg_states"].chunks)
            splits = np.asarray(offset_lists.offsets, dtype=np.int64)
            offsets = np.asarray(offset_lists.values, dtype=np.int32)[splits[0] : splits[-1]]
            states = np.asarray(state_lists.values, dtype=np.int8)[splits[0] : splits[-1]]
            splits = splits - splits[0]
        columns = {name: table[name].to_numpy() for name in _TYPES}
        return cls(
            contig_names=contig_names,
            contig=contig_codes,
            cpg_splits=splits,
            cpg_offsets=offsets,
            cpg_states=states,
            **columns,
        )


_TYPES = {
    "start": pa.int32(),
    "length": pa.int32(),
    "mapq": pa.uint8(),
    "strand": pa.int8(),
    "gc": pa.float32(),
    "motif_5p": pa.int16(),
    "motif_3p": pa.int16(),
    "block": pa.int32(),
}
_PER_FRAGMENT = tuple(
    field.name
    for field in fields(FragmentTable)
    if field.name not in {"contig_names", "cpg_splits", "cpg_offsets", "cpg_states"}
)
