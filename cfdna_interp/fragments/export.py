"""Write all fragments of a sample to one file: Parquet, or a fragment file that other tools read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pysam

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.columns import number_column, text_column
from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.alignment import SIMULATED
from cfdna_interp.fragments.decode import Chunk, Totals
from cfdna_interp.fragments.extraction import empty_table
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.profile import check_atlas, touch_blocks
from cfdna_interp.fragments.source import Source, chunks, open_source, settings_of

SUFFIXES = (".parquet", ".frag.gz", ".bed.gz")
_ROWS = 131_072  # fragments of a Parquet row group
_APART = 1 << 33  # bp from the start of a contig to the start of the next on one axis; longer than any contig
_HEADER = "#chrom\tstart\tstop\tmapq\tstrand\n"


class _Writer(Protocol):
    def write(self, table: FragmentTable) -> None: ...


def export_fragments(sample: Sample, config: Config, out: Path) -> int:
    """Write all fragments of a sample, by contig (in the order of the source), start and length.

    Parameters
    ----------
    sample, config
        What to read and how. It is read as ``extract`` reads it, but no fragment is left out.
    out
        ``.parquet``: the columns of :class:`FragmentTable`, read back by its ``load``. ``.frag.gz``:
        bgzipped text with FinaleDB's columns chrom, start, stop, mapq, strand, and a tabix index.
        ``.bed.gz``: the same as BED6. Strand is always ``.``, since fragments don't record which
        mate came first. FinaleToolkit takes ``.`` for the reverse strand. That changes what it counts by
        strand (cleavage profile, motifs of one strand), but not lengths, coverage or motifs of both strands.

    Returns
    -------
    The number of fragments.

    Raises
    ------
    InputError
        ``out`` has another suffix or cannot be written, the source is unusable, or it is a fragment file that
        is not sorted. Then no file is written.
    """
    if not out.name.endswith(SUFFIXES):
        raise InputError(f"{out}: unknown format; give a file ending in {', '.join(SUFFIXES)}")
    atlas = Atlas.load(config.atlas) if config.atlas else None
    count = 0
    with open_source(sample, config) as source:
        extract = config.extract
        rules = Rules.of(extract, source.contig_names, source.who, source.contig_lengths)
        if atlas is not None:
            check_atlas(atlas, source.contig_names, source.contig_lengths, source.who)
        settings = settings_of(sample, config, source, rules)
        with _open_writer(out, source) as writer:
            fragments = chunks(source, config, settings, Totals())
            # The empty table gives a file without fragments its columns.
            tables = in_order(fragments, rules.max_length, source.who)
            for table in chain([empty_table(source.contig_names)], tables):
                writer.write(touch_blocks(table, atlas))
                count += len(table)
    return count


def in_order(parts: Iterator[Chunk], max_length: int, who: str) -> Iterator[FragmentTable]:
    """Yield the fragments of a source sorted by contig, start, length and hash, in bounded memory.

    A fragment comes out of sorted alignments together with its later mate. That mate begins less than
    ``max_length`` after the fragment's start. No later fragment therefore starts more than ``max_length``
    before the last start so far, and everything further back is complete.

    Raises
    ------
    InputError
        The source is a fragment file that is not sorted: a fragment starts further back, or a contig comes
        a second time.
    """
    rank: dict[int, int] = {}  # contig -> its place in the source's order
    waiting: list[Chunk] = []
    complete = -1  # place before which all fragments are out; contigs lie on one axis, one after another
    for part in parts:
        for contig in part.table.contig[np.sort(np.unique(part.table.contig, return_index=True)[1])].tolist():
            rank.setdefault(contig, len(rank))
        if not len(part.table):
            continue
        places = _places(part.table, rank)
        if places.min() < complete:
            raise InputError(
                f"{who} is not sorted by contig and start; sort it (sort -k1,1 -k2,2n), then bgzip it again"
            )
        waiting.append(part)
        complete = max(complete, int(places.max()) - max_length)
        ready, rest = _divide(waiting, rank, complete)
        waiting = [rest]
        if len(ready):
            yield ready
    if waiting:
        ready, _ = _divide(waiting, rank, np.iinfo(np.int64).max)
        yield ready


def _places(table: FragmentTable, rank: dict[int, int]) -> np.ndarray:
    ranks = np.zeros(len(table.contig_names), dtype=np.int64)
    ranks[list(rank)] = list(rank.values())
    places: np.ndarray = ranks[table.contig] * _APART + table.start
    return places


def _divide(parts: list[Chunk], rank: dict[int, int], before: int) -> tuple[FragmentTable, Chunk]:
    """Return the fragments that begin before a place, sorted, and the remaining ones."""
    table = FragmentTable.concatenate([part.table for part in parts])
    hashes = np.concatenate([part.hashes for part in parts])
    places = _places(table, rank)
    order = np.lexsort((hashes, table.length, places))
    count = int(np.searchsorted(places[order], before))
    rest = np.sort(order[count:])
    return table.take(order[:count]), Chunk(table.take(rest), hashes[rest])


@contextmanager
def _open_writer(out: Path, source: Source) -> Iterator[_Writer]:
    try:
        with _open_format(out, source) as writer:
            yield writer
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error}); free some space or give another path") from None


@contextmanager
def _open_format(out: Path, source: Source) -> Iterator[_Writer]:
    if out.suffix == ".parquet":
        with atomic_path(out) as temporary:
            writer = _ParquetWriter(temporary)
            try:
                yield writer
            finally:
                writer.close()
        return
    with atomic_path(f"{out}.tbi") as index, atomic_path(out) as temporary:
        temporary.touch()  # pysam crashes on a path that cannot be opened
        with pysam.BGZFile(str(temporary), "wb", None) as file:
            if source.simulated:
                file.write(f"# {SIMULATED}\n".encode())
            bed = out.name.endswith(".bed.gz")
            if not bed:
                file.write(_HEADER.encode())
            yield _TextWriter(file, bed)
        pysam.tabix_index(str(temporary), preset="bed", index=str(index), force=True)


class _ParquetWriter:
    """Writes tables as row groups of at least ``_ROWS`` fragments; the last group may be smaller."""

    def __init__(self, path: Path):
        self._path = path
        self._file: pq.ParquetWriter | None = None
        self._tables: list[pa.Table] = []

    def write(self, table: FragmentTable) -> None:
        self._tables.append(table.to_arrow())
        if sum(len(part) for part in self._tables) >= _ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        if not self._tables:
            return
        table = pa.concat_tables(self._tables)
        if self._file is None:
            self._file = pq.ParquetWriter(
                self._path, table.schema, compression="zstd", use_dictionary=["contig"]
            )
        self._file.write_table(table)
        self._tables = []


class _TextWriter:
    def __init__(self, file: pysam.BGZFile, bed: bool):
        self._file = file
        self._bed = bed
        self._options = pyarrow.csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")

    def write(self, table: FragmentTable) -> None:
        dot = text_column(["."]).take(number_column(np.zeros(len(table), np.int8), pa.int8()))
        columns = {
            "chrom": text_column(table.contig_names).take(number_column(table.contig, pa.int32())),
            "start": number_column(table.start, pa.int64()),
            "stop": number_column(table.start.astype(np.int64) + table.length, pa.int64()),
            **({"name": dot} if self._bed else {}),
            "mapq": number_column(table.mapq, pa.uint8()),
            "strand": dot,
        }
        buffer = pa.BufferOutputStream()
        pyarrow.csv.write_csv(pa.table(columns), buffer, self._options)
        self._file.write(buffer.getvalue().to_pybytes())
