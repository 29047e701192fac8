"""Open a file of alignments, and check its header, its index and its first reads."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import numpy as np
import pysam

from cfdna_interp.artifacts.addresses import is_remote, shown
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import find_build
from cfdna_interp.fragments.feed import BUFFER, UNPLACED, feed
from cfdna_interp.fragments.filters import PAIRED, SECONDARY_SUPPLEMENTARY, UNMAPPED
from cfdna_interp.fragments.index import check_index, contig_starts
from cfdna_interp.fragments.index import shards as shards_of
from cfdna_interp.fragments.methylation import find_dialect
from cfdna_interp.fragments.methylation.xm import converted_case
from cfdna_interp.fragments.read_signs import Sign, find_signs
from cfdna_interp.fragments.reference import ReferenceGenome
from cfdna_interp.fragments.reference_fit import NO_READS, PLACES, READS, ReadSample, compare_reads
from cfdna_interp.fragments.remote import remote_index
from cfdna_interp.records.qc import Dialect, LibraryStrand, Reads

STRETCHES, SIGNS = 4, 1_000  # places, beside the begin, where signs of a loss are looked for; reads of each
HEAD = 10_000  # first reads; they tell paired from single-end, and the methylation tags
EQUAL_SHARE = 0.05  # samtools calmd -e writes "=" into nearly every read; a few odd reads are no such file
EQUAL = 1_000  # first mapped reads that are looked at for "=" in place of bases
MERGED = 0.02  # least share of merged reads for which a file counts as merged, if the sheet doesn't say
SIMULATED = "cfdna-interp simulation"  # how a header comment of our own simulation begins


@dataclass(frozen=True)
class Shard:
    """A part of an alignment file; by default all of it.

    Attributes
    ----------
    begin, end
        Virtual offsets in a local BAM file: of the part's first record, and of the first record after it.
        None stands for the begin and the end of the file.
    contig
        Contig of the first record, as the file's index says; -1: any.
    contigs
        Names of contigs, for files that are no local BAM. ``*`` stands for reads without a position, None for
        everything.
    """

    begin: int | None = None
    end: int | None = None
    contig: int = -1
    contigs: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Alignment:
    """A checked file of alignments.

    Attributes
    ----------
    who
        Sample and file; error messages begin with it.
    path
        The file, or its address.
    fasta
        The reference genome, or None. CRAM files whose reference lies elsewhere, calls by comparison and
        contexts of native reads need it.
    is_cram
        Whether it is a CRAM file, whatever its name.
    local_bam
        Whether it is a BAM file on this machine. The bytes of such a file are read directly.
    first
        Virtual offset of the first record of a local BAM file.
    contig_names, contig_lengths
        Contigs in header order; bp.
    build
        Name of the build that the contigs belong to.
    simulated
        Whether the header says that our simulation wrote it.
    dialect
        How methylation calls are written.
    reads
        What a read is: a mate, a whole molecule, or either.
    converted_upper
        Whether upper-case letters of XM stand at converted bases.
    compared
        Some of its reads beside the reference; no reads without one.
    library
        How its reads lie to their molecules; None where calls don't come by comparison with the reference.
    signs
        What some of its reads show of losses.
    index
        Path or address of its index; "" for the one beside it.
    equal_bases
        Whether its reads write ``=`` where they have the reference's base, as ``samtools calmd -e`` does.
    """

    who: str
    path: str
    fasta: str | None
    is_cram: bool
    local_bam: bool
    first: int
    contig_names: tuple[str, ...]
    contig_lengths: tuple[int, ...]
    build: str
    simulated: bool
    dialect: Dialect
    reads: Reads = "paired"
    converted_upper: bool = False
    compared: ReadSample = NO_READS
    library: LibraryStrand | None = None
    signs: tuple[Sign, ...] = ()
    index: str = ""
    equal_bases: bool = False


def shards(alignment: Alignment, parts: int) -> list[Shard]:
    """Cut a file at contig starts into at most ``parts`` parts that together hold every read once.

    Raises
    ------
    InputError
        The index is missing, damaged, or of another file.
    """
    names = alignment.contig_names
    if parts < 2 or len(names) < 2:
        return [Shard()]
    if alignment.local_bam:
        who, size = alignment.who, os.path.getsize(alignment.path)
        starts = contig_starts(alignment.path, len(names), who, alignment.index)
        cuts = shards_of(starts, alignment.first, size, parts, who)
        contig = {start: index for index, start in enumerate(starts) if start is not None}
        contig[alignment.first] = -1
        return [Shard(begin=begin, end=end, contig=contig[begin]) for begin, end in cuts]
    ends = np.cumsum(alignment.contig_lengths) / sum(alignment.contig_lengths)
    part = np.minimum((ends * parts * (1 - 1e-9)).astype(int), parts - 1)
    groups = [tuple(name for name, mine in zip(names, part, strict=True) if mine == k) for k in range(parts)]
    groups = [group for group in groups if group]
    return [Shard(contigs=group) for group in groups[:-1]] + [Shard(contigs=(*groups[-1], UNPLACED))]


@contextmanager
def open_alignment(sample: Sample, config: Config) -> Iterator[Alignment]:
    """Open and check a sample's alignments, and look at their first reads.

    Raises
    ------
    InputError
        The file is missing, empty, truncated, not sorted, not indexed, not paired, on no declared
        build, has no methylation tags, or is a CRAM without the reference it was written with; or its reads
        don't match ``reference.fasta``, or show another library than the sheet says.
    """
    who = f"sample {sample.sample}: {shown(sample.bam)}"
    if not is_remote(sample.bam):
        if not os.path.isfile(sample.bam):
            what = "is a folder" if os.path.isdir(sample.bam) else "does not exist"
            raise InputError(f"{who} {what}; correct the bam column of the sheet")
        if os.path.getsize(sample.bam) == 0:
            raise InputError(f"{who} is empty (0 bytes); copy or write it again")
    # Before htslib opens a FASTA without an index: it would write one beside it.
    reference = None if config.reference.fasta is None else ReferenceGenome(config.reference.fasta)
    # Otherwise htslib writes its own messages to standard error, beside ours.
    verbosity = pysam.set_verbosity(0)
    try:
        file = _open(who, sample.bam, config.reference.fasta, sample.index)
        try:
            try:
                alignment = _check(who, sample, file, config, reference)
            except UnicodeDecodeError as error:  # of a contig's or a read's name, or of a tag
                raise InputError(
                    f"{who} has names that are no text ({error}); it is damaged, copy or write it again"
                ) from None
            yield alignment
        finally:
            # Closing a damaged file reports the damage a second time.
            with suppress(OSError):
                file.close()
    finally:
        pysam.set_verbosity(verbosity)


def _open(who: str, bam: str, fasta: str | None, index: str) -> Any:
    options: dict[str, Any] = {"check_sq": False, "reference_filename": fasta}  # only CRAM reads it
    with ExitStack() as opened:
        if is_remote(bam):
            # Otherwise htslib downloads it into the working directory, or uses a file of that name there.
            options["index_filename"] = opened.enter_context(remote_index(bam, who, index))
        elif index:
            check_index(bam, who, index)
            options["index_filename"] = index
        else:
            check_index(bam, who)
        try:
            with _unheard():
                return pysam.AlignmentFile(bam, "r", **options)
        except NotImplementedError:  # pysam's error for gzip without BGZF blocks
            raise InputError(
                f"{who} is gzip without BGZF blocks; write it again with samtools view"
            ) from None
        except (OSError, ValueError) as error:
            if "truncated" in str(error):
                raise InputError(_truncated(who, error)) from None
            why = _line(error).replace(bam, shown(bam))
            raise InputError(f"{who} cannot be opened ({why}); give a sorted BAM or CRAM file") from None


@contextmanager
def _unheard() -> Iterator[None]:
    """Silence pysam's second error: a file that failed to open also fails to close.

    That error has no caller, so Cython hands it to both of Python's hooks, and it would be printed.
    """
    hooks = sys.excepthook, sys.unraisablehook
    sys.excepthook, sys.unraisablehook = lambda *_: None, lambda _: None
    try:
        yield
    finally:
        sys.excepthook, sys.unraisablehook = hooks


def _check(
    who: str, sample: Sample, file: Any, config: Config, reference: ReferenceGenome | None
) -> Alignment:
    bam = sample.bam
    if not (file.is_bam or file.is_cram):
        raise InputError(f"{who} is neither BAM nor CRAM; convert it with samtools sort")
    lines = _header_lines(who, bam, file)
    order = next((field[3:] for field in lines[0].split("\t") if field.startswith("SO:")), "unknown")
    if order not in ("coordinate", "unknown"):
        raise unsorted(who, f"header says SO:{order}")
    if not file.has_index():
        raise InputError(f"{who} has no index; run samtools index on it")
    lengths = dict(zip(file.references, file.lengths, strict=True))
    build = find_build(lengths, config.reference.build, who)
    local_bam = bool(file.is_bam) and not is_remote(bam)
    first = file.tell() if local_bam else 0
    head: list[Any] = []
    try:
        head.extend(islice(file.fetch(until_eof=True), HEAD))
    except (OSError, ValueError) as error:
        if file.is_cram:
            _explain(who, bam, config.reference.fasta)
        # Reading a local BAM file meets the damage again, and then knows its place.
        if not (head and local_bam):
            raise InputError(_truncated(who, error)) from None
    if not head:
        raise InputError(f"{who} holds no reads; drop the sample from the sheet or align it again")
    mapped = [read for read in head if not read.flag & UNMAPPED]
    reads = _layout(head, sample.reads, who)
    seen = ["=" in (read.query_sequence or "") for read in mapped[:EQUAL]]
    equal_bases = sum(seen) > EQUAL_SHARE * len(seen)
    setting = cast(Dialect, sample.methylation or config.extract.methylation)
    dialect = find_dialect(mapped, setting, reference is not None, len(head) < HEAD, who)
    if equal_bases and (dialect == "mm" or config.reference.fasta is None):
        raise InputError(_equal_bases(who, dialect))
    case = None if dialect == "mm" else converted_case(mapped, who, needed=dialect == "xm")
    if case == "upper" and sample.chemistry in ("bisulfite", "em-seq"):
        raise InputError(
            f"{who}: by the letters of XM methylated bases were converted, but the sheet says chemistry: "
            f"{sample.chemistry}; correct the sheet (chemistry: taps, also for 5-base libraries)"
        )
    compared, library = NO_READS, None
    if reference is not None:
        reference.fit(lengths, who)
        sampled = _sampled(file, mapped, reference)
        compared = compare_reads(sampled, reference, config.extract.min_mapq)
        compared.check(reference.path, who)
        if dialect == "reference":
            library = compared.library(sample.library or config.extract.library, who)
    signs = find_signs(
        # A small file is in the head as a whole.
        [mapped[:SIGNS], *_stretches(file)] if len(head) == HEAD else [mapped[: 5 * SIGNS]],
        single=reads == "single",
        merged=reads == "merged",
        dialect=dialect,
        min_mapq=config.extract.min_mapq,
        max_length=config.extract.max_length,
    )
    return Alignment(
        who=who,
        path=bam,
        fasta=config.reference.fasta,
        is_cram=bool(file.is_cram),
        local_bam=local_bam,
        first=first,
        contig_names=tuple(file.references),
        contig_lengths=tuple(file.lengths),
        build=build,
        simulated=any(line.startswith(f"@CO\t{SIMULATED}") for line in lines),
        dialect=dialect,
        reads=reads,
        converted_upper=case == "upper",
        compared=compared,
        library=library,
        signs=signs,
        index=sample.index,
        equal_bases=equal_bases,
    )


def _stretches(file: Any) -> Iterator[list[Any]]:
    """Yield reads of a few places, as they follow one another in the file."""
    longest = sorted(zip(file.references, file.lengths, strict=True), key=lambda contig: -contig[1])
    for name, length in longest[:STRETCHES]:
        # What is wrong with an index or a block, reading the fragments says by its place.
        with suppress(OSError, ValueError):
            yield list(islice(file.fetch(name, length // 3), SIGNS))


def _layout(head: list[Any], declared: str, who: str) -> Reads:
    """Return what a read is, by the sheet or by the first reads.

    Trimming leaves single reads too, whose mate was dropped. Merged mates are told from them by their length:
    some are longer than any read of a pair.
    """
    primary = [read for read in head if not read.flag & (UNMAPPED | SECONDARY_SUPPLEMENTARY)] or head
    paired = [read.query_length for read in primary if read.flag & PAIRED]
    alone = [read.query_length for read in primary if not read.flag & PAIRED]
    if declared == "merged":
        return "merged"
    if declared == "single":
        if paired:
            raise InputError(
                f"{who} is paired-end, but the sheet says reads: single; correct the sheet (reads: merged "
                "where merged reads and pairs are in one file)"
            )
        return "single"
    if not paired:
        raise InputError(
            f"{who} is single-end; fragment lengths need paired-end reads, or reads of whole molecules "
            "(reads: single in the sheet)"
        )
    if declared == "" and len(alone) >= MERGED * len(primary) and max(alone) > max(paired):
        return "merged"
    return "paired"


def _sampled(file: Any, head: list[Any], reference: ReferenceGenome) -> list[Any]:
    """Return mapped reads at the middle of the longest contigs, or else the first ones of the file.

    The first reads of a genome lie in repeats at the end of a chromosome, where most align to several places.
    """
    longest = sorted(zip(file.references, file.lengths, strict=True), key=lambda contig: -contig[1])
    found: list[Any] = []
    for name, length in [contig for contig in longest[: 4 * PLACES] if reference.has(contig[0])][:PLACES]:
        # What is wrong with an index or a block, reading the fragments says by its place.
        with suppress(OSError, ValueError):
            found += islice(
                (read for read in file.fetch(name, length // 2) if not read.flag & UNMAPPED), READS
            )
    if len(found) >= READS:
        return found
    return head[:: max(len(head) // (PLACES * READS), 1)]


def _equal_bases(who: str, dialect: Dialect) -> str:
    what = f"{who} writes = for bases that are the reference's (samtools calmd -e)"
    if dialect == "mm":
        return f"{what}, and modified-base tags count bases of the read; give the file from before"
    return f"{what}; set reference.fasta to the sequence it was compared with, or give the file from before"


def _explain(who: str, bam: str, fasta: str | None) -> None:
    """Read a CRAM file as the fragments would be read: that raises the error which says what is wrong."""
    with feed(bam, fasta, None, who) as stream:
        while stream.read(BUFFER):
            pass


def _header_lines(who: str, bam: str, file: Any) -> list[str]:
    """Return the lines of a header, at least one; bytes that are no UTF-8 become U+FFFD.

    The SAM specification asks for UTF-8, and comments of older programs have Latin-1.
    """
    try:
        text = str(file.header)
    except UnicodeDecodeError as error:
        if is_remote(bam) or not file.is_bam:
            raise InputError(
                f"{who} has a header that is no UTF-8 ({error}); write it again with samtools reheader"
            ) from None
        with gzip.open(bam) as stream:
            size = int.from_bytes(stream.read(8)[4:], "little")  # after the magic BAM\1
            text = stream.read(size).decode("utf-8", "replace")
    return text.splitlines() or [""]


def _truncated(who: str, error: Exception) -> str:
    return f"{who} is truncated or damaged ({_line(error)}); copy or write it again"


def unsorted(who: str, why: str) -> InputError:
    """Return the error for records in another order."""
    return InputError(f"{who} is not sorted by coordinate ({why}); run samtools sort and samtools index")


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
