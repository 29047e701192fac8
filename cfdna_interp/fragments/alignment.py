"""Opening alignments, and every check that needs no look at the reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import pysam

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import find_build
from cfdna_interp.fragments.filters import PAIRED, UNMAPPED
from cfdna_interp.fragments.methylation import find_dialect

HEAD = 10_000  # reads looked at to tell paired from single-end and which methylation tags there are
SIMULATED = "cfdna-interp simulation"  # how a header comment of our own simulation begins


@dataclass(frozen=True)
class Alignment:
    """An opened, checked file of alignments.

    Attributes
    ----------
    who
        Sample and file, as error messages begin.
    contig_names, contig_lengths
        Contigs in header order; bp.
    build
        Name of the build that the contigs belong to.
    simulated
        Whether the header says that our simulation wrote it.
    dialect
        How methylation calls are written, ``xm`` or ``none``.
    """

    who: str
    contig_names: tuple[str, ...]
    contig_lengths: tuple[int, ...]
    build: str
    simulated: bool
    dialect: str
    _head: tuple[Any, ...]
    _rest: Iterator[Any]

    def reads(self) -> Iterator[Any]:
        """Yield all records once, in file order.

        Raises
        ------
        InputError
            The file breaks off, is damaged, or its records are not sorted by coordinate.
        """
        contig, start = 0, -1
        try:
            for read in chain(self._head, self._rest):
                here, there = read.reference_id, read.reference_start
                if here >= 0:  # unplaced reads stand at the end
                    if here < contig or (here == contig and there < start):
                        raise InputError(_unsorted(self.who, f"read {read.query_name} comes too late"))
                    contig, start = here, there
                yield read
        except (OSError, ValueError) as error:
            raise InputError(_truncated(self.who, error)) from None


@contextmanager
def open_alignment(sample: Sample, config: Config) -> Iterator[Alignment]:
    """Open and check a sample's alignments.

    Raises
    ------
    InputError
        The file is missing, empty, truncated, not sorted, not indexed, not paired, on no declared
        build, has no methylation tags, or is a CRAM without ``reference.fasta``.
    """
    who = f"sample {sample.sample}: {sample.bam}"
    remote = "://" in sample.bam
    if not remote:
        if not os.path.isfile(sample.bam):
            raise InputError(f"{who} does not exist; correct the bam column of the sheet")
        if os.path.getsize(sample.bam) == 0:
            raise InputError(f"{who} is empty (0 bytes); copy or write it again")
    if sample.bam.endswith(".cram") and config.reference.fasta is None:
        raise InputError(f"{who} is CRAM and needs its reference; set reference.fasta")
    # htslib's own messages would stand beside ours on the standard error stream.
    verbosity = pysam.set_verbosity(0)
    try:
        file = _open(who, sample.bam, config.reference.fasta, remote)
        try:
            yield _check(who, file, config)
        finally:
            # After damage that reading has reported already, closing reports it once more.
            with suppress(OSError):
                file.close()
    finally:
        pysam.set_verbosity(verbosity)


def _open(who: str, bam: str, fasta: str | None, remote: bool) -> Any:
    options: dict[str, Any] = {"check_sq": False}
    if bam.endswith(".cram"):
        options["reference_filename"] = fasta
    if remote:
        # Without a name htslib downloads the index into the working directory.
        options["index_filename"] = bam + (".crai" if bam.endswith(".cram") else ".bai")
    try:
        return pysam.AlignmentFile(bam, "r", **options)
    except (OSError, ValueError) as error:
        if "truncated" in str(error):
            raise InputError(_truncated(who, error)) from None
        raise InputError(f"{who} cannot be opened ({_line(error)}); give a sorted BAM or CRAM file") from None


def _check(who: str, file: Any, config: Config) -> Alignment:
    if not (file.is_bam or file.is_cram):
        raise InputError(f"{who} is neither BAM nor CRAM; convert it with samtools sort")
    header = file.header.to_dict()
    order = header.get("HD", {}).get("SO", "unknown")
    if order not in ("coordinate", "unknown"):
        raise InputError(_unsorted(who, f"header says SO:{order}"))
    if not file.has_index():
        raise InputError(f"{who} has no index; run samtools index on it")
    lengths = dict(zip(file.references, file.lengths, strict=True))
    build = find_build(lengths, config.reference.build, who)
    records = file.fetch(until_eof=True)
    try:
        head = tuple(islice(records, HEAD))
    except (OSError, ValueError) as error:
        raise InputError(_truncated(who, error)) from None
    if not head:
        raise InputError(f"{who} holds no reads; drop the sample from the sheet or align it again")
    mapped = [read for read in head if not read.flag & UNMAPPED]
    if not any(read.flag & PAIRED for read in head):
        raise InputError(f"{who} is single-end; fragment lengths need paired-end reads")
    return Alignment(
        who=who,
        contig_names=tuple(file.references),
        contig_lengths=tuple(file.lengths),
        build=build,
        simulated=any(line.startswith(SIMULATED) for line in header.get("CO", [])),
        dialect=find_dialect(mapped, config.extract.methylation, who),
        _head=head,
        _rest=records,
    )


def _truncated(who: str, error: Exception) -> str:
    return f"{who} is truncated or damaged ({_line(error)}); copy or write it again"


def _unsorted(who: str, why: str) -> str:
    return f"{who} is not sorted by coordinate ({why}); run samtools sort and samtools index"


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
