"""Turn the lines of a fragment file into fragment tables, a chunk at a time.

Lines are read and checked by column. If a check fails, the file is read again line by line, to say which line
is wrong and why.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from cfdna_interp.artifacts.columns import number_column, text_column
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import bare
from cfdna_interp.fragments.chunk import CHUNK, Chunk, Settings, Totals
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.fragment_error import explain
from cfdna_interp.fragments.fragment_file import BLANK, MAX_MAPQ, STRANDS, FragmentFile, damaged
from cfdna_interp.fragments.kernels.hashing import hash_rows
from cfdna_interp.fragments.reference import ReferenceGenome, with_reference_bases

_BLOCK = 1 << 20  # bytes of text decoded at once
_TYPES = {
    "contig": pa.dictionary(pa.int32(), pa.string()),
    "start": pa.int64(),
    "stop": pa.int64(),
    "name": pa.string(),
    "mapq": pa.int64(),
    "strand": pa.dictionary(pa.int32(), pa.string()),
}
_TAB = text_column(["\t"])[0]  # an Arrow scalar, since converting a Python one imports pandas
# Reasons against a line, in the order in which they are judged.
_REASONS = ("off_contig", "low_mapq", "length_out_of_range", "blacklisted")


def read_fragments(
    source: FragmentFile, settings: Settings, totals: Totals, reference: ReferenceGenome | None
) -> Iterator[Chunk]:
    """Yield the fragments of a fragment file in its order, in bounded memory.

    A line counts as two reads, so that counts add up as those of alignments do. Contigs that the build
    doesn't name count as ``off_contig``. What the file can't tell is unknown: strands are 0, and there are no
    CpG calls and no duplicates. Without the column, mapping quality is 255: "not available" in the SAM
    specification, which passes every threshold. The file's ``strand`` says which mate came first; it enters
    the hash only. A fragment's hash is XXH64 of ``contig start stop mapq strand ordinal``, joined by tabs.
    The contig is named as in the build, and the ordinal counts equal lines that follow one another.

    Parameters
    ----------
    source
        The file.
    settings
        Rules and seed.
    totals
        Sums that are added to. They are complete after the last chunk.
    reference
        Source of end motifs and GC; None leaves them unknown (-1, NaN).

    Raises
    ------
    InputError
        A line is malformed or lies outside of its contig, the file breaks off, or it has no contig of the
        build.
    """
    repeats = _Repeats()
    any_contig = False
    for batch in _batches(source):
        lines = _Lines(batch, source)
        if not lines.are_valid():
            raise InputError(explain(source, "a line is malformed"))
        any_contig = any_contig or bool((lines.contig >= 0).any())
        ordinals = repeats.count(lines)
        reasons = _judge(lines, settings.rules)
        counts = totals.tally.counts
        counts["reads"] += 2 * len(reasons)
        for number, reason in enumerate(_REASONS):
            counts[reason] += 2 * int(np.count_nonzero(reasons == number))
        rows = np.flatnonzero(reasons == len(_REASONS))
        counts["fragments"] += len(rows)
        hashes = lines.hashes(rows, ordinals, settings.seed)
        for begin in range(0, len(rows), CHUNK):
            part = slice(begin, begin + CHUNK)
            table = lines.table(rows[part])
            if reference is not None:
                table, strong, known = with_reference_bases(table, reference)
                totals.strong += strong
                totals.known += known
            yield Chunk(table, hashes[part])
    if not any_contig:
        raise InputError(
            f"{source.who} has no contig of {source.build}; set reference.build to the build of its fragments"
        )


def _batches(source: FragmentFile) -> Iterator[pa.RecordBatch]:
    options = {
        "read_options": pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=_BLOCK,
            skip_rows=source.skipped,
            column_names=list(source.columns),
        ),
        "parse_options": pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
        "convert_options": pyarrow.csv.ConvertOptions(
            column_types={name: _TYPES[name] for name in source.columns},
            include_columns=[name for name in source.columns if name != "name"],
            null_values=[],
            strings_can_be_null=False,
        ),
    }
    try:
        with pa.input_stream(source.path, compression="gzip" if source.compressed else None) as stream:
            yield from pyarrow.csv.open_csv(pa.PythonFile(_Bounded(stream, source.who), "r"), **options)
    except pa.ArrowInvalid as error:
        raise InputError(explain(source, " ".join(str(error).split()))) from None
    except OSError as error:
        raise InputError(damaged(source.who, error)) from None


class _Bounded(io.RawIOBase):
    """A stream that ends with an error where too many bytes in a row are blank lines."""

    def __init__(self, stream: Any, who: str) -> None:
        self._stream, self._who, self._blank = stream, who, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        # Stops at the first letter that isn't blank, so that it costs nothing where there are fragments.
        self._blank = self._blank + len(data) if data.isspace() else 0
        if self._blank > BLANK:
            raise InputError(f"{self._who}: {BLANK:,} bytes in a row are blank; write the file again")
        return data


class _Lines:
    """The columns of some lines as arrays. ``contig`` is -1 where the build doesn't name the contig."""

    def __init__(self, batch: pa.RecordBatch, source: FragmentFile):
        self._names = source.contig_names
        index = {bare(name): number for number, name in enumerate(source.contig_names)}
        names = batch.column("contig")
        numbers = np.array([index.get(bare(name), -1) for name in names.dictionary.to_pylist()], np.int32)
        self.contig = numbers[_numbers(names.indices)]
        self.start = _numbers(batch.column("start"))
        self.stop = _numbers(batch.column("stop"))
        self.has_mapq = "mapq" in source.columns
        if self.has_mapq:
            self.mapq = _numbers(batch.column("mapq"))
            strands = batch.column("strand")
            codes = [STRANDS.index(s) if s in STRANDS else -1 for s in strands.dictionary.to_pylist()]
            self.strand = np.array(codes, np.int8)[_numbers(strands.indices)]
        else:
            self.mapq = np.full(len(self.start), MAX_MAPQ)
            self.strand = np.full(len(self.start), STRANDS.index("."), np.int8)
        # The last element is the end of contigs that the build doesn't name: it is unknown.
        ends = np.append(np.array(source.contig_lengths, np.int64), np.iinfo(np.int64).max)
        self._ends = ends[self.contig]

    def are_valid(self) -> bool:
        """Tell whether every line is a stretch of its contig with a known strand and a possible MAPQ."""
        inside = (self.start >= 0) & (self.start < self.stop) & (self.stop <= self._ends)
        return bool((inside & (self.mapq >= 0) & (self.mapq <= MAX_MAPQ) & (self.strand >= 0)).all())

    def hashes(self, rows: np.ndarray, ordinals: np.ndarray, seed: int) -> np.ndarray:
        names, strands = text_column(self._names), text_column(STRANDS)
        numbers = [number_column(c[rows], pa.int64()) for c in (self.start, self.stop, self.mapq, ordinals)]
        start, stop, mapq, ordinal = (column.cast(pa.string()) for column in numbers)
        contig = names.take(number_column(self.contig[rows], pa.int32()))
        strand = strands.take(number_column(self.strand[rows], pa.int8()))
        text = pc.binary_join_element_wise(contig, start, stop, mapq, strand, ordinal, _TAB)
        _, splits, data = text.buffers()
        if not len(rows):
            return np.zeros(0, np.uint64)
        ends = np.frombuffer(splits, np.int32)[: len(rows) + 1].astype(np.int64)
        return hash_rows(np.frombuffer(data, np.uint8), ends, seed)

    def table(self, rows: np.ndarray) -> FragmentTable:
        n = len(rows)
        return FragmentTable(
            contig_names=self._names,
            contig=self.contig[rows],
            start=self.start[rows].astype(np.int32),
            length=(self.stop - self.start)[rows].astype(np.int32),
            mapq=self.mapq[rows].astype(np.uint8),
            strand=np.zeros(n, np.int8),
            gc=np.full(n, np.nan, np.float32),
            motif_5p=np.full(n, -1, np.int16),
            motif_3p=np.full(n, -1, np.int16),
            cpg_splits=np.zeros(n + 1, np.int64),
            cpg_offsets=np.zeros(0, np.int32),
            cpg_states=np.zeros(0, np.int8),
            block=np.full(n, -1, np.int32),
        )


class _Repeats:
    """Numbers equal lines that follow one another 0, 1, 2, ..., across batches."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._count = 0

    def count(self, lines: _Lines) -> np.ndarray:
        fields = np.stack([lines.contig, lines.start, lines.stop, lines.mapq, lines.strand])
        n = fields.shape[1]
        if n == 0:  # a batch of blank lines
            return np.zeros(0, dtype=np.int64)
        again = np.zeros(n, dtype=bool)
        again[1:] = (fields[:, 1:] == fields[:, :-1]).all(axis=0)
        first_again = self._last is not None and bool((fields[:, 0] == self._last).all())
        here = np.arange(n)
        opened = np.maximum.accumulate(np.where(again, 0, here))
        ordinals = here - opened
        if first_again:
            ordinals[opened == 0] += self._count + 1
        self._last, self._count = fields[:, -1], int(ordinals[-1])
        return ordinals


def _numbers(column: pa.Array) -> np.ndarray:
    """Return a view of numbers without nulls; ``to_numpy`` would import pandas."""
    values: np.ndarray = np.from_dlpack(column)
    return values


def _judge(lines: _Lines, rules: Rules) -> np.ndarray:
    """Return (n,) the number of the first reason in ``_REASONS`` against each line, their count for none."""
    length = lines.stop - lines.start
    against = (
        ~np.isin(lines.contig, sorted(rules.contigs)),
        lines.mapq < rules.min_mapq,
        (length < rules.min_length) | (length > rules.max_length),
        _on_blacklist(lines, rules),
    )
    return np.select(against, range(len(_REASONS)), default=len(_REASONS))


def _on_blacklist(lines: _Lines, rules: Rules) -> np.ndarray:
    touches = np.zeros(len(lines.contig), dtype=bool)
    for contig, (starts, ends) in rules.blacklist.items():
        rows = np.flatnonzero(lines.contig == contig)
        # The last interval that begins before the fragment ends; intervals are disjoint.
        last = np.searchsorted(starts, lines.stop[rows], side="left") - 1
        touches[rows] = (last >= 0) & (np.asarray(ends)[last] > lines.start[rows])
    return touches
