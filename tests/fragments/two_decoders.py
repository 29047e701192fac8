"""The same records through the kernels and through the readable decoder, as a file that both read."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial, partialmethod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
import pysam
import pytest
from bams import write_bam, write_build
from raw_bam import File, by_place, header
from reference_decode import decode_reads

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.fragments.alignment import Alignment, Shard, open_alignment
from cfdna_interp.fragments.bgzf import WINDOW, Stretch
from cfdna_interp.fragments.decode import Chunk, Settings, Totals, decode
from cfdna_interp.fragments.extraction import Extraction, empty_table
from cfdna_interp.fragments.filters import Rules

Records = Sequence[pysam.AlignedSegment] | Sequence[bytes]


@dataclass(frozen=True, eq=False)
class Decoded:
    """What came out, in its order."""

    chunks: list[Chunk]
    totals: Totals

    @property
    def table(self) -> FragmentTable:
        tables = [chunk.table for chunk in self.chunks]
        return FragmentTable.concatenate(tables) if tables else empty_table()

    @property
    def hashes(self) -> np.ndarray:
        return np.concatenate([np.zeros(0, np.uint64), *(chunk.hashes for chunk in self.chunks)])

    @property
    def counts(self) -> dict[str, int]:
        """The counts that are not zero, without the number of reads."""
        return {name: n for name, n in self.totals.tally.counts.items() if n and name != "reads"}

    @property
    def spans(self) -> list[tuple[int, int, int]]:
        """Contig, start and end of each fragment, in order."""
        table = self.table
        columns = (table.contig, table.start, table.start + table.length)
        return sorted(zip(*(column.tolist() for column in columns), strict=True))


def settings_of(
    dialect: str = "xm", seed: int = 5, ignore: tuple[int, int] = (0, 0), **rules: Any
) -> Settings:
    """Settings with all three contigs of the made-up genome in use, unless told otherwise."""
    made = Rules(**{"contigs": frozenset(range(3)), **rules})
    return Settings(made, dialect, seed, *ignore)


def written(path: Path, records: Records, block: int = 60_000) -> Path:
    """Write records in coordinate order, ``block`` bytes to a BGZF block, with an index.

    Of records given as bytes, which may be none that can be indexed, the index knows nothing.
    """
    if all(isinstance(made, bytes) for made in records):
        path.write_bytes(File.of([]).written())
        pysam.index(str(path))
        path.write_bytes(File.of(by_place(list(records)), header(), block).written())  # type: ignore[arg-type]
    else:
        data = gzip.decompress(write_bam(path, list(records), index=False).read_bytes())  # type: ignore[arg-type]
        path.write_bytes(File(data, tuple(range(block, len(data), block))).written())
        pysam.index(str(path))
    return path


def opened(path: Path, build: Path) -> Any:
    """``open_alignment`` for a file whose contigs are those of a table; no tags are asked for."""
    config = Config(
        sheet="s", outdir="o", reference=Reference(build=str(build)), extract=Extract(methylation="none")
    )
    return open_alignment(Sample("S7", "P7", str(path), 1, "discovery"), config)


def kernels(
    alignment: Alignment, settings: Settings, shard: Shard | None = None, window: int = WINDOW
) -> Decoded:
    """Decode by the kernels, ``window`` inflated bytes at a time."""
    totals = Totals()
    with patch.object(Stretch, "windows", partialmethod(Stretch.windows, window)):
        return Decoded(list(decode(alignment, settings, totals, shard)), totals)


def readable(alignment: Alignment, settings: Settings) -> Decoded:
    """Decode by the readable decoder."""
    totals = Totals()
    options = {"reference_filename": alignment.fasta} if alignment.path.endswith(".cram") else {}
    with pysam.AlignmentFile(alignment.path, **options) as file:
        reads = list(file.fetch(until_eof=True))
    return Decoded(list(decode_reads(reads, alignment.contig_names, settings, totals)), totals)


def run(how: str, records: Records, settings: Settings, block: int = 60_000) -> Decoded:
    """Write the records to a file and decode it, by the ``kernels`` or by the ``readable`` decoder."""
    with TemporaryDirectory() as name:
        path = written(Path(name) / "s7.bam", records, block)
        with opened(path, write_build(Path(name) / "made-up.tsv")) as alignment:
            if how == "readable":
                return readable(alignment, settings)
            return kernels(alignment, settings, window=max(block, WINDOW if block > 1_000 else block))


# For tests that must hold of both, and of the kernels also where most records lie across two windows.
both = pytest.mark.parametrize(
    "decoder",
    [partial(run, "kernels"), partial(run, "kernels", block=100), partial(run, "readable")],
    ids=["kernels", "kernels in small windows", "readable"],
)


def assert_identical(one: Decoded, other: Decoded) -> None:
    """The same fragments in the same order, and the same sums, to the last bit."""
    assert one.totals.tally == other.totals.tally
    np.testing.assert_array_equal(one.hashes, other.hashes)
    if len(one.hashes):
        for column in fields(FragmentTable):
            ours, theirs = getattr(one.table, column.name), getattr(other.table, column.name)
            np.testing.assert_array_equal(ours, theirs, err_msg=column.name)
            if column.name != "contig_names":
                assert ours.dtype == theirs.dtype, column.name
    for ours, theirs in zip(one.totals.m_bias, other.totals.m_bias, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name in ("chh", "strong", "known", "longest_read"):
        assert getattr(one.totals, name) == getattr(other.totals, name), name


def assert_same_extraction(one: Extraction, other: Extraction) -> None:
    """The same fragments, profile and quality record (but for the file's name), to the last bit."""
    for column in fields(FragmentTable):
        ours, theirs = getattr(one.fragments, column.name), getattr(other.fragments, column.name)
        np.testing.assert_array_equal(ours, theirs, err_msg=column.name)
    ours, theirs = (
        {kind: {key: counts.tolist() for key, counts in found.items()} for kind, found in part.items()}
        for part in (one.profile.counts, other.profile.counts)
    )
    assert ours == theirs
    ours, theirs = (msgspec.structs.replace(part.qc, bam="") for part in (one, other))
    assert ours == theirs
