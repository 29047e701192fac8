"""Open and read a sample's fragments, from alignments or from a fragment file, by the same functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.fragments.alignment import Alignment, Shard, open_alignment
from cfdna_interp.fragments.decode import Chunk, Settings, Totals, decode
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.fragment_file import FragmentFile, is_fragment_file, open_fragments
from cfdna_interp.fragments.fragment_lines import read_fragments
from cfdna_interp.fragments.intervals import Intervals, load_intervals
from cfdna_interp.fragments.reference import ReferenceGenome, with_reference_bases, with_reference_ends
from cfdna_interp.records.qc import Library

Source = Alignment | FragmentFile


@contextmanager
def open_source(sample: Sample, config: Config) -> Iterator[Source]:
    """Open and check what the sheet's ``bam`` column names.

    Raises
    ------
    InputError
        See :func:`cfdna_interp.fragments.alignment.open_alignment` and
        :func:`cfdna_interp.fragments.fragment_file.open_fragments`; or ``reference.fasta`` is of another
        build.
    """
    opened = open_fragments if is_fragment_file(sample.bam) else open_alignment
    with opened(sample, config) as source:
        if isinstance(source, FragmentFile) and config.reference.fasta is not None:
            lengths = dict(zip(source.contig_names, source.contig_lengths, strict=True))
            ReferenceGenome(config.reference.fasta).fit(lengths, source.who)
        yield source


def settings_of(sample: Sample, config: Config, source: Source, rules: Rules) -> Settings:
    """Return how a sample's source is read."""
    extract = config.extract
    return Settings(
        rules,
        source.dialect,
        config.seed,
        extract.ignore_5p,
        extract.ignore_3p,
        reads=source.reads,
        invert=_inverted(sample, source),
        converted_upper=source.dialect == "xm" and source.converted_upper,
        by_quality=extract.discordant == "quality",
        threshold=extract.mm_threshold,
        known_sites=_known_sites(config, source),
        opposite_strand=extract.opposite_strand,
        library=_library(source),
    )


def _library(source: Source) -> Library:
    library = source.library if isinstance(source, Alignment) else None
    return "directional" if library is None else library.taken


def _inverted(sample: Sample, source: Source) -> bool:
    """Return whether what the letters call methylated is unmethylated."""
    # Modified-base tags name the methylated bases, whatever the chemistry, and so do XM letters of 5-base
    # libraries.
    if source.dialect == "mm" or (source.dialect == "xm" and source.converted_upper):
        return False
    return sample.chemistry == "taps" or source.converted_upper


def _known_sites(config: Config, source: Source) -> Intervals:
    path = config.extract.known_sites
    return load_intervals(path, source.contig_names, "known_sites") if path else {}


def chunks(
    source: Source,
    config: Config,
    settings: Settings,
    totals: Totals,
    shard: Shard | None = None,
    ahead: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Chunk]:
    """Yield the fragments of a source, or of a part of it. ``totals`` is complete after the last chunk.

    End motifs come from the reads. Where these write ``=`` for bases that are the reference's, motifs and GC
    are the reference's. With ``extract.motifs: reference`` they are the reference's bases at the
    fragments' ends. A fragment file has no reads: its motifs and GC come from the reference if
    ``reference.fasta`` is set, and are unknown otherwise. A fragment file is always read whole. For
    ``shard``, ``ahead`` and ``progress`` see :func:`cfdna_interp.fragments.decode.decode`.

    Raises
    ------
    InputError
        The source breaks off or is damaged, or the reference can't be read or lacks a contig.
    """
    fasta = config.reference.fasta
    if isinstance(source, FragmentFile):
        yield from read_fragments(source, settings, totals, ReferenceGenome(fasta) if fasta else None)
    elif source.equal_bases and fasta:
        reference, sums = ReferenceGenome(fasta), Totals()
        strong = known = 0
        for chunk in decode(source, settings, sums, shard, ahead, progress):
            table, more_strong, more_known = with_reference_bases(chunk.table, reference)
            strong, known = strong + more_strong, known + more_known
            yield replace(chunk, table=table)
        sums.strong, sums.known = strong, known  # of their own bases the reads show those that differ
        totals.add(sums)
    elif config.extract.motifs == "reference" and fasta:
        reference = ReferenceGenome(fasta)
        for chunk in decode(source, settings, totals, shard, ahead, progress):
            yield replace(chunk, table=with_reference_ends(chunk.table, reference))
    else:
        yield from decode(source, settings, totals, shard, ahead, progress)
