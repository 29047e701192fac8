"""A BAM file read by the package and by the readable decoder, and what must hold of the two."""

from __future__ import annotations

import re
from functools import partialmethod
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pysam
from bams import write_build
from corpus_case import EQUAL, REFUSED, SOUND, Case
from mutations import Mutated
from reference_decode import decode_reads

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract, Reference
from cfdna_interp.errors import InputError
from cfdna_interp.fragments import alignment
from cfdna_interp.fragments.bgzf import WINDOW, Stretch
from cfdna_interp.fragments.decode import Settings, Totals
from cfdna_interp.fragments.extraction import Extraction, empty_table, read_sample
from cfdna_interp.fragments.filters import REASONS, Rules
from cfdna_interp.records.qc import ReadCounts

COLUMNS = ("contig", "start", "length", "mapq", "strand", "gc", "motif_5p", "motif_3p")
CALLS = ("cpg_splits", "cpg_offsets", "cpg_states")


class Bench:
    """A folder with what reading a file needs: a contig table, an index.

    ``methylation`` and the other settings are those of ``extract``.
    """

    def __init__(self, folder: Path, **extract: object):
        self.path = folder / "s.bam"
        settings = {"contigs": "all", "min_fragments": 1, "fragments_per_sample": 100_000, **extract}
        self.config = Config(
            sheet="s.tsv",
            outdir="out",
            seed=3,
            reference=Reference(build=str(write_build(folder / "made-up.tsv").resolve())),
            extract=Extract(**settings),  # type: ignore[arg-type]
        )
        self._index = folder / "s.bam.bai"
        pysam.set_verbosity(0)
        self.path.write_bytes(SOUND.written())
        pysam.index(str(self.path))
        self._of_sound = self._index.read_bytes()

    def lay(self, data: bytes) -> None:
        """Write the file, with its own index where it can have one."""
        self.path.write_bytes(data)
        try:
            pysam.index(str(self.path))
        except pysam.SamtoolsError:
            self._index.write_bytes(self._of_sound)

    def read(self, window: int = WINDOW) -> Extraction | str:
        """What the package makes of the file, or its message; ``window`` inflated bytes at a time."""
        sample = Sample("S7", "P7", str(self.path), 1, "discovery")
        # What pysam looks at before the kernels do is kept short, so that they meet the damage.
        windows = partialmethod(Stretch.windows, window)
        # Whether letters belong to their bases, and whether "=" stands for bases, is judged of a whole file.
        # Mutated ones don't, and it does.
        with (
            patch.object(alignment, "HEAD", 20),
            patch.object(alignment, "EQUAL", 0),
            patch.object(alignment, "converted_case", lambda *_, **__: "lower"),
            patch.object(Stretch, "windows", windows),
        ):
            try:
                return read_sample(sample, self.config, None)
            except InputError as error:
                return str(error)

    def tables(self, sound: list[bool] | None = None) -> tuple[FragmentTable, Totals]:
        """What the readable decoder makes of it; ``sound`` tells of each record whether its tags are.

        Raises
        ------
        OSError, ValueError
            pysam can't read the file, or a text in it.
        """
        totals, extract = Totals(), self.config.extract
        with pysam.AlignmentFile(str(self.path), check_sq=False) as file:
            names = tuple(file.references)
            reads = list(file.fetch(until_eof=True))
        broken = {
            id(read) for read, whole in zip(reads, sound or [True] * len(reads), strict=True) if not whole
        }
        dialect = "none" if extract.methylation == "none" else "xm"
        settings = Settings(
            Rules.of(extract, names, "S7"), dialect, self.config.seed, extract.ignore_5p, extract.ignore_3p
        )
        chunks = list(decode_reads(reads, names, settings, totals, lambda read: id(read) not in broken))
        if not chunks:
            return empty_table(names), totals
        table = FragmentTable.concatenate([chunk.table for chunk in chunks])
        hashes = np.concatenate([chunk.hashes for chunk in chunks])
        return table.take(np.lexsort((hashes, table.length, table.start, table.contig))), totals


def assert_refused(message: str, path: Path, place: tuple[int, int] | None = None) -> None:
    """One line that names sample, file and remedy, and the virtual offset where one is wanted."""
    assert message.startswith(f"sample S7: {path}"), message
    assert "\n" not in message
    assert "; " in message, message
    assert message.isprintable(), message
    if place is not None:
        assert (found := re.search(r" at offset (\d+):(\d+) ", message)), message
        assert (int(found[1]), int(found[2])) == place, message


def assert_adds_up(extraction: Extraction) -> None:
    """Every read is under one reason or in a fragment, and the table holds the fragments."""
    counts, table = extraction.qc.counts, extraction.fragments
    assert counts.reads == sum(getattr(counts, reason) for reason in REASONS) + 2 * counts.fragments
    assert len(table) == counts.fragments
    assert len(table.cpg_offsets) == len(table.cpg_states) == table.cpg_splits[-1]
    assert (table.cpg_counts >= 0).all()


def assert_equal(extraction: Extraction, table: FragmentTable, totals: Totals) -> None:
    """The same fragments, calls, counts and sums, to the last bit."""
    assert extraction.qc.counts == ReadCounts(**totals.tally.counts)
    for column in COLUMNS + CALLS:
        ours, theirs = getattr(extraction.fragments, column), getattr(table, column)
        np.testing.assert_array_equal(ours, theirs, err_msg=column)
    technical, tally = extraction.qc.technical, totals.tally
    assert technical.read_length == (totals.longest_read or None)
    assert technical.gc == (totals.strong / totals.known if totals.known else None)
    assert technical.duplicate_rate == (tally.flagged_duplicate / tally.mapped if tally.mapped else None)
    assert technical.mapq_loss == (tally.below_mapq / tally.unique if tally.unique else None)
    methylated, calls = totals.chh
    assert technical.conversion == (1 - methylated / calls if calls else None)
    for name, theirs in zip(("read1", "read2"), totals.m_bias, strict=True):
        ours = np.array(getattr(extraction.qc.m_bias, name), dtype=np.int64).reshape(-1, 2)
        size = max(len(ours), len(theirs))
        grown = [np.pad(bias, ((0, size - len(bias)), (0, 0))) for bias in (ours, theirs)]
        np.testing.assert_array_equal(*grown, err_msg=name)


def settle(case: Case, bench: Bench) -> None:
    """Assert that a case comes out as it must."""
    bench.lay(case.data)
    for window in (WINDOW, case.window):
        result = bench.read(window)
        if isinstance(result, str):
            assert case.outcome != EQUAL, result
            assert_refused(result, bench.path, case.place)
            continue
        assert case.outcome != REFUSED, result.qc.counts
        assert_adds_up(result)
        if case.outcome == EQUAL:
            assert_equal(result, *bench.tables())


def settle_mutated(file: Mutated, bench: Bench) -> str:
    """Assert what must hold of mutated records; return what came of them.

    ``equal``: the same as the readable decoder gives; ``unreadable``: pysam gives up where the package
    doesn't; ``refused``: an error, as only the style ``anything`` may cause.
    """
    bench.lay(file.data)
    result = bench.read(file.window)
    if isinstance(result, str):
        assert file.style == "anything", result
        assert_refused(result, bench.path)
        return "refused"
    assert_adds_up(result)
    try:
        # Without methylation no tag is looked at.
        expected = bench.tables(file.sound if bench.config.extract.methylation == "auto" else None)
    except (OSError, ValueError):
        return "unreadable"
    assert_equal(result, *expected)
    return "equal"
