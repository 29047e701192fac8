"""Turn alignments into fragment tables, a chunk at a time, at about the speed of decompression.

The bytes of the records come in windows of bounded size. They come from the file itself or, for CRAM and
remote files, from htslib in a child process. Kernels turn them into fragments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from cfdna_interp.fragments.alignment import Alignment, Shard
from cfdna_interp.fragments.bgzf import ByteStream, Stretch, Window, after_header
from cfdna_interp.fragments.chunk import Chunk, Settings, Totals
from cfdna_interp.fragments.feed import feed
from cfdna_interp.fragments.intervals import Intervals
from cfdna_interp.fragments.methylation.sites import Sites
from cfdna_interp.fragments.methylation.variants import find_variants, joined
from cfdna_interp.fragments.reference import ReferenceGenome
from cfdna_interp.fragments.scan import Scanner

__all__ = ["Chunk", "Settings", "Totals", "decode"]


def decode(
    alignment: Alignment,
    settings: Settings,
    totals: Totals,
    shard: Shard | None = None,
    ahead: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Chunk]:
    """Yield the fragments of an alignment file, or of a part of it.

    Parameters
    ----------
    alignment
        Opened and checked.
    settings
        How to read it.
    totals
        The sums of this part are added to it after the last chunk.
    shard
        The part, see :func:`cfdna_interp.fragments.alignment.shards`; None for all of it.
    ahead
        Inflate on a second thread.
    progress
        Called after each window with the reads and the compressed bytes since the last call.

    Raises
    ------
    InputError
        The file is damaged, breaks off, or is not sorted by coordinate. The message says where.
    """
    shard = shard or Shard()
    scanner = Scanner(alignment, settings, shard.contig, _sites(alignment, settings, shard, ahead))
    reads = consumed = 0
    with _windows(alignment, shard, ahead) as windows:
        for window in windows:
            scanner.take(window)
            yield from scanner.chunks()
            if progress is not None:
                now = scanner.reads
                progress(now - reads, window.consumed - consumed)
                reads, consumed = now, window.consumed
    scanner.finish()
    if (last := scanner.flush()) is not None:
        yield last
    totals.add(scanner.totals())


def _sites(alignment: Alignment, settings: Settings, shard: Shard, ahead: bool) -> Sites | None:
    """Return the reference's cytosines without those that the person lacks; None: they aren't needed."""
    compared = settings.dialect == "reference"
    # Modified bases take their contexts from the reference, if there is one. Native reads themselves show
    # the person's bases, so the other strand isn't needed.
    if alignment.fasta is None or not (compared or settings.dialect == "mm"):
        return None
    reference, names = ReferenceGenome(alignment.fasta), alignment.contig_names
    unsure: Intervals = settings.known_sites
    if compared and settings.opposite_strand:
        with _windows(alignment, shard, ahead) as windows:
            asked = Sites(reference, names, unsure)
            variants = find_variants(windows, settings.rules, asked, len(names), settings.library)
        unsure = joined(unsure, variants)
    return Sites(reference, names, unsure)


@contextmanager
def _windows(alignment: Alignment, shard: Shard, ahead: bool) -> Iterator[Iterator[Window]]:
    who = alignment.who
    if alignment.local_bam:
        with open(alignment.path, "rb", buffering=0) as file:
            begin = alignment.first if shard.begin is None else shard.begin
            file.seek(begin >> 16)
            yield from _stretch(file, who, begin, shard.end, ahead, None)
    else:
        fasta = alignment.fasta if alignment.is_cram else None
        with feed(alignment.path, fasta, shard.contigs, who, alignment.index) as pipe:
            yield from _stretch(cast(ByteStream, pipe), who, 0, None, ahead, len(alignment.contig_names))


def _stretch(
    stream: ByteStream, who: str, begin: int, end: int | None, ahead: bool, header: int | None
) -> Iterator[Iterator[Window]]:
    stretch = Stretch(stream, who, begin, end)
    windows = stretch.windows(ahead=ahead)
    try:
        yield windows if header is None else after_header(windows, header, who)
    finally:
        windows.close()
        stretch.close()
