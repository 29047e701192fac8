"""The rules that decide which reads become fragments. Any other read counts under exactly one reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from cfdna_interp.config.settings import Extract
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import bare, is_autosome
from cfdna_interp.fragments.intervals import Intervals, load_intervals
from cfdna_interp.fragments.spike_in_names import spike_ins
from cfdna_interp.records.qc import LossFilter, ReadCounts

_NO_REASON = (
    "reads",
    "fragments",
    "whole_reads",
    "overlap_calls_merged",
    "overlap_calls_discordant",
    "calls",
    "clipped_ends",
    "letters_misfit",
    "strand_unknown",
)
# Reasons in the order in which they are judged. The first that holds for a read or its pair counts.
REASONS = cast(
    tuple[LossFilter, ...], tuple(name for name in ReadCounts.__struct_fields__ if name not in _NO_REASON)
)

PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED, REVERSE, READ1 = 0x1, 0x2, 0x4, 0x8, 0x10, 0x40
QC_FAIL, DUPLICATE, SECONDARY_SUPPLEMENTARY, WHICH_MATE = 0x200, 0x400, 0x900, 0xC0


@dataclass(frozen=True)
class Rules:
    """What a fragment must be.

    Attributes
    ----------
    contigs
        Contig indices (of the header) in use.
    min_mapq
        Least mapping quality of both mates, or of the first one.
    first_mapq
        Whether only the first mate's mapping quality counts.
    proper
        Whether both mates need the aligner's proper-pair flag.
    drop_duplicates
        Whether a pair with a mate flagged as duplicate is rejected.
    min_length, max_length
        Absolute fragment length in bp, both included.
    blacklist
        Contig index -> (starts, ends) of disjoint intervals, ascending, 0-based half-open.
    """

    contigs: frozenset[int]
    min_mapq: int = 20
    first_mapq: bool = False
    proper: bool = False
    drop_duplicates: bool = True
    min_length: int = 60
    max_length: int = 1_000
    blacklist: Intervals = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        extract: Extract,
        contig_names: Sequence[str],
        who: str,
        contig_lengths: Sequence[int] | None = None,
    ) -> Rules:
        """Return the rules of the settings for a header's contigs.

        ``all`` contigs are those without spike-ins, which are known by their names, some also by their
        lengths.

        Raises
        ------
        InputError
            No contig is left, a named one is not in the header, or the blacklist is no BED file.
        """
        if extract.contigs == "all":
            used = set(range(len(contig_names))) - spike_ins(contig_names, contig_lengths).keys()
            if not used:
                raise InputError(f"{who} has no contig but spike-ins; name them in extract.contigs")
        elif extract.contigs == "autosomes":
            used = {index for index, name in enumerate(contig_names) if is_autosome(name)}
            if not used:
                raise InputError(
                    f"{who} has no autosome (first contig: {contig_names[0]}); "
                    "list the contigs to use in extract.contigs, or set it to all"
                )
        else:
            index = {bare(name): number for number, name in enumerate(contig_names)}
            missing = [name for name in extract.contigs if bare(name) not in index]
            if missing:
                raise InputError(f"{who} has no contig {missing[0]}; correct extract.contigs")
            used = {index[bare(name)] for name in extract.contigs}
        return cls(
            contigs=frozenset(used),
            min_mapq=extract.min_mapq,
            first_mapq=extract.mapq_of == "first",
            proper=extract.pairs == "proper",
            drop_duplicates=extract.duplicates == "drop",
            min_length=extract.min_length,
            max_length=extract.max_length,
            blacklist=load_intervals(extract.blacklist, contig_names, "blacklist")
            if extract.blacklist
            else {},
        )


@dataclass
class Tally:
    """What happened to the reads; ``counts`` of all reasons plus twice ``fragments`` is ``reads``.

    Attributes
    ----------
    counts
        Field of :class:`cfdna_interp.records.qc.ReadCounts` -> its number so far.
    mapped, flagged_duplicate
        Primary mapped reads, and those of them flagged as duplicate.
    unique, below_mapq
        Primary mapped reads that are no duplicates, and those of them below the least MAPQ.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ReadCounts.__struct_fields__, 0))
    mapped: int = 0
    flagged_duplicate: int = 0
    unique: int = 0
    below_mapq: int = 0
