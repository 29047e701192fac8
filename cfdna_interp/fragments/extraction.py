"""Read a sample's alignments once, for its subsample, its counts and its quality record."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from msgspec import structs

from cfdna_interp.artifacts.addresses import shown
from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract
from cfdna_interp.fragments.alignment import Alignment, Shard, shards
from cfdna_interp.fragments.annotation import ContextAnnotation, load_annotation
from cfdna_interp.fragments.call_quality import call_warnings, larger, read_warnings, suggest_ends
from cfdna_interp.fragments.decode import Settings, Totals
from cfdna_interp.fragments.filters import REASONS, Rules, Tally
from cfdna_interp.fragments.loss_words import loss_words
from cfdna_interp.fragments.losses import explain_loss, judge_losses
from cfdna_interp.fragments.profile import Counter, check_atlas, touch_blocks
from cfdna_interp.fragments.progress import Progress
from cfdna_interp.fragments.reference_fit import check_contigs
from cfdna_interp.fragments.source import Source, chunks, open_source, settings_of
from cfdna_interp.fragments.spike_ins import measure_spike_ins, spike_in_warnings
from cfdna_interp.records.qc import (
    FewFragments,
    LibraryStrand,
    MethylationBias,
    ModifiedBases,
    MoleculesLost,
    NoCalls,
    ReadCounts,
    ReadLoss,
    ReferenceFit,
    SampleObstacle,
    SampleQuality,
    SpikeIn,
    SuggestedEnds,
    Technical,
    Unreadable,
)

logger = logging.getLogger(__name__)

VERY_LONG = 600  # bp; above it fragments are mostly of lysed cells


@dataclass(frozen=True, eq=False)
class Extraction:
    """What one pass over a sample's alignments gives.

    Attributes
    ----------
    fragments
        The deterministic subsample, by contig, start, length and hash.
    profile
        Counts over all fragments, or over the common number of them.
    qc
        The quality record.
    """

    fragments: FragmentTable
    profile: Profile
    qc: SampleQuality


class Reservoir:
    """The fragments of smallest hash, in bounded memory. They don't depend on the order of arrival."""

    def __init__(self, size: int):
        self.size = size
        self._tables: list[FragmentTable] = []
        self._hashes: list[np.ndarray] = []
        self._held = 0
        self._largest: int | None = None  # no fragment of larger hash can still be among the smallest

    def add(self, table: FragmentTable, hashes: np.ndarray) -> None:
        """Offer fragments and their (n,) uint64 hashes."""
        if self._largest is not None:
            rows = np.flatnonzero(hashes <= np.uint64(self._largest))
            table, hashes = table.take(rows), hashes[rows]
        self._tables.append(table)
        self._hashes.append(hashes)
        self._held += len(hashes)
        if self._held > 2 * self.size + 16_384:
            self._shrink()

    def merge(self, other: Reservoir) -> None:
        """Offer what another reservoir of the same size holds."""
        for table, hashes in zip(other._tables, other._hashes, strict=True):
            self.add(table, hashes)

    def smallest(self, count: int) -> FragmentTable | None:
        """Return at most ``count`` <= size fragments by contig, start, length, hash; None if none came."""
        if not self._tables:
            return None
        self._shrink()
        table, hashes = self._tables[0], self._hashes[0]
        chosen = np.argsort(hashes, kind="stable")[:count]
        order = np.lexsort((hashes[chosen], table.length[chosen], table.start[chosen], table.contig[chosen]))
        return table.take(chosen[order])

    def _shrink(self) -> None:
        table, hashes = FragmentTable.concatenate(self._tables), np.concatenate(self._hashes)
        if len(hashes) > self.size:
            rows = np.sort(np.argpartition(hashes, self.size)[: self.size])
            table, hashes = table.take(rows), hashes[rows]
            self._largest = int(hashes.max())
        self._tables, self._hashes, self._held = [table], [hashes], len(hashes)


def empty_table(contig_names: tuple[str, ...] = ()) -> FragmentTable:
    """Return a table without fragments."""
    kinds = {
        "contig": np.int32,
        "start": np.int32,
        "length": np.int32,
        "mapq": np.uint8,
        "strand": np.int8,
        "gc": np.float32,
        "motif_5p": np.int16,
        "motif_3p": np.int16,
        "cpg_offsets": np.int32,
        "cpg_states": np.int8,
        "block": np.int32,
    }
    columns = {name: np.zeros(0, dtype=kind) for name, kind in kinds.items()}
    return FragmentTable(contig_names=contig_names, cpg_splits=np.zeros(1, dtype=np.int64), **columns)


def read_sample(sample: Sample, config: Config, atlas: Atlas | None, threads: int = 1) -> Extraction:
    """Read a sample's alignments once.

    Parameters
    ----------
    sample, config, atlas
        What to read and how.
    threads
        Number of parts that are read at once; parts are cut at contigs. A file that can't be cut is inflated
        on a second thread. The result is the same for any number.

    Raises
    ------
    InputError
        The file is unusable (see :func:`cfdna_interp.fragments.source.open_source`), breaks off in the
        middle, or the atlas is of another build.
    """
    extract = config.extract
    with open_source(sample, config) as source:
        rules = Rules.of(extract, source.contig_names, source.who, source.contig_lengths)
        if atlas is not None:
            check_atlas(atlas, source.contig_names, source.contig_lengths, source.who)
        settings = settings_of(sample, config, source, rules)
        annotation = None
        if config.features.annotation is not None:
            names, lengths = source.contig_names, source.contig_lengths
            annotation = load_annotation(config.features.annotation, names, lengths, source.who)
        parts = [Shard()]
        if isinstance(source, Alignment) and threads > 1:
            parts = shards(source, 4 * threads)
        reader = _Reader(source, config, settings, atlas, annotation, ahead=threads > 1 and len(parts) == 1)
        if len(parts) == 1:
            total = reader.read(parts[0])
        else:
            with ThreadPoolExecutor(threads) as pool:
                futures = [pool.submit(reader.read, part) for part in parts]
                try:
                    total, *others = [future.result() for future in futures]
                except BaseException:
                    pool.shutdown(cancel_futures=True)  # parts not begun would be read for nothing
                    raise
            for other in others:
                total.merge(other)
        reader.progress.done()
    if isinstance(source, Alignment) and source.fasta is not None:
        check_contigs(total.totals.reference, source.contig_names, source.fasta, source.who)
    counter = total.counter
    common = extract.common_fragments
    if common is not None:
        counter = reader.counter()
        if (equalised := total.reservoir.smallest(common)) is not None:
            counter.add(equalised)
    subsample = total.reservoir.smallest(extract.fragments_per_sample)
    totals = total.totals
    losses = judge_losses(totals.tally.counts, source.signs)
    obstacle = _unusable(config, source, totals, losses)
    added = measure_spike_ins(source, settings) if isinstance(source, Alignment) else ()
    qc = _quality(sample, source, totals, total.very_long, obstacle, extract, losses, added)
    for line in [*map(loss_words, losses), *qc.warnings]:
        logger.warning("%s: %s", source.who, line)
    return Extraction(
        fragments=empty_table(source.contig_names) if subsample is None else subsample,
        profile=counter.profile(),
        qc=qc,
    )


@dataclass
class _Part:
    """What comes out of a part of a file."""

    totals: Totals
    reservoir: Reservoir
    counter: Counter
    very_long: int = 0

    def merge(self, other: _Part) -> None:
        self.totals.add(other.totals)
        self.reservoir.merge(other.reservoir)
        self.counter.merge(other.counter)
        self.very_long += other.very_long


class _Reader:
    """Reads parts of one source, each on its own."""

    def __init__(
        self,
        source: Source,
        config: Config,
        settings: Settings,
        atlas: Atlas | None,
        annotation: ContextAnnotation | None,
        ahead: bool,
    ):
        self._source, self._config, self._settings = source, config, settings
        self._atlas, self._annotation, self._ahead = atlas, annotation, ahead
        has_size = isinstance(source, Alignment) and source.local_bam
        self.progress = Progress(source.who, os.path.getsize(source.path) if has_size else 0)

    def counter(self) -> Counter:
        source, contigs = self._source, sorted(self._settings.rules.contigs)
        names, lengths, features = source.contig_names, source.contig_lengths, self._config.features
        return Counter(names, lengths, contigs, self._atlas, features, self._annotation)

    def read(self, shard: Shard) -> _Part:
        extract = self._config.extract
        size = max(extract.fragments_per_sample, extract.common_fragments or 0)
        part = _Part(Totals(), Reservoir(size), self.counter())
        stream = chunks(
            self._source, self._config, self._settings, part.totals, shard, self._ahead, self.progress.add
        )
        for chunk in stream:
            table = touch_blocks(chunk.table, self._atlas)
            part.very_long += int(np.count_nonzero(table.length > VERY_LONG))
            part.reservoir.add(table, chunk.hashes)
            if extract.common_fragments is None:
                part.counter.add(table)
        return part


def failed(sample: Sample, message: str) -> Extraction:
    """Return the extraction of a sample whose alignments can't be used: valid, empty, excluded.

    Parameters
    ----------
    sample
        The sample.
    message
        The error that reading it ended with, without the name of the sample.
    """
    nothing = Alignment("", "", None, False, False, 0, (), (), "", False, "none")
    obstacle = Unreadable(message=message)
    return Extraction(empty_table(), Profile(), _quality(sample, nothing, Totals(), 0, obstacle, Extract()))


def _unusable(
    config: Config, source: Source, totals: Totals, losses: Sequence[ReadLoss]
) -> SampleObstacle | None:
    """Return why what was read can't be used: few fragments, none of the calls announced, or a part only."""
    count = totals.tally.counts["fragments"]
    least, common = config.extract.min_fragments, config.extract.common_fragments
    if count < least:
        return FewFragments(
            fragments=count,
            needed=least,
            setting="min_fragments",
            largest_loss=_largest_loss(totals.tally, source),
        )
    if common is not None and count < common:
        return FewFragments(fragments=count, needed=common, setting="common_fragments", largest_loss=None)
    if count and source.dialect != "none" and totals.tally.counts["calls"] == 0:
        return NoCalls(
            fragments=count,
            dialect=source.dialect,
            letters_misfit=totals.tally.counts["letters_misfit"],
            strand_unknown=totals.tally.counts["strand_unknown"],
            left_out=sum(int(bias[:, 1].sum()) for bias in totals.m_bias),
        )
    selected = next((loss for loss in losses if loss.cause == "merged reads"), None)
    return None if selected is None else MoleculesLost(loss=selected)


def _largest_loss(tally: Tally, source: Source) -> ReadLoss | None:
    name = max(REASONS, key=lambda name: tally.counts[name])
    count = tally.counts[name]
    return explain_loss(name, count, tally.counts["reads"], source.signs) if count else None


def _quality(
    sample: Sample,
    source: Source,
    totals: Totals,
    very_long: int,
    obstacle: SampleObstacle | None,
    extract: Extract,
    losses: tuple[ReadLoss, ...] = (),
    added: tuple[SpikeIn, ...] = (),
) -> SampleQuality:
    tally = totals.tally
    counts = ReadCounts(**tally.counts)
    fragments = counts.fragments
    methylated, calls = totals.chh
    # Nothing is converted where modified bases are read directly.
    conversion = None if calls == 0 or source.dialect == "mm" else 1 - methylated / calls
    first, second = totals.m_bias
    suggested = SuggestedEnds(read1=suggest_ends(first), read2=suggest_ends(second))
    return SampleQuality(
        sample=sample.sample,
        bam=shown(sample.bam),
        build=source.build,
        simulated=source.simulated,
        dialect=source.dialect,
        reads=source.reads,
        decision="keep" if obstacle is None else "exclude",
        obstacle=obstacle,
        counts=counts,
        technical=Technical(
            fragments=fragments,
            duplicate_rate=_ratio(tally.flagged_duplicate, tally.mapped),
            mapq_loss=_ratio(tally.below_mapq, tally.unique),
            gc=_ratio(totals.strong, totals.known),
            read_length=totals.longest_read or None,
            conversion=conversion,
            over_600bp=_ratio(very_long, fragments),
            m_bias_5p=larger(suggested, "ignore_5p"),
            m_bias_3p=larger(suggested, "ignore_3p"),
        ),
        modified_bases=_modified(totals) if source.dialect == "mm" else None,
        m_bias=MethylationBias(read1=_by_position(first), read2=_by_position(second)),
        suggested=suggested,
        reference=_reference_fit(source, totals),
        library=_library(source, totals),
        spike_ins=added,
        losses=losses,
        warnings=(
            *read_warnings(counts, source.reads, sample.reads),
            *call_warnings(conversion, calls, suggested, extract),
            *spike_in_warnings(added),
        ),
    )


def _reference_fit(source: Source, totals: Totals) -> ReferenceFit | None:
    if not isinstance(source, Alignment) or source.fasta is None:
        return None
    return source.compared.fit(totals.reference)


def _library(source: Source, totals: Totals) -> LibraryStrand | None:
    if not isinstance(source, Alignment) or source.library is None:
        return None
    return structs.replace(source.library, strandless=int(totals.reference[:, 2].sum()))


def _modified(totals: Totals) -> ModifiedBases:
    """Return what became of the CpG calls of modified bases that are neither 5mC nor unmodified."""
    unclear, hydroxy, hemi = totals.modified.tolist()
    return ModifiedBases(unclear=unclear, hydroxymethylated=hydroxy, hemimethylated=hemi)


def _by_position(bias: np.ndarray) -> tuple[tuple[int, int], ...]:
    return tuple((int(methylated), int(calls)) for methylated, calls in bias)


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None
