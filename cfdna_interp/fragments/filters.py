"""Which reads become fragments: every read that doesn't is counted under exactly one reason."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cfdna_interp.config.settings import Extract
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import bare, is_autosome

# Reasons in the order in which they are judged; the first that holds for a read or its pair counts.
# mate_missing: single-end, the mate is unmapped, or it is not in the file.
REASONS = (
    "secondary_supplementary",
    "unmapped",
    "mate_missing",
    "off_contig",
    "mate_elsewhere",
    "duplicate",
    "low_mapq",
    "not_inward",
    "length_out_of_range",
    "blacklisted",
    "no_sequence",
)

PAIRED, UNMAPPED, MATE_UNMAPPED, REVERSE, READ1 = 0x1, 0x4, 0x8, 0x10, 0x40
DUPLICATE, SECONDARY_SUPPLEMENTARY, WHICH_MATE = 0x400, 0x900, 0xC0


@dataclass(frozen=True)
class Rules:
    """What a fragment must be.

    Attributes
    ----------
    contigs
        Contig indices (of the header) in use.
    min_mapq
        Both mates need at least this mapping quality.
    drop_duplicates
        Whether a pair with a mate flagged as duplicate is rejected.
    min_length, max_length
        Absolute fragment length in bp, both included.
    blacklist
        Contig index -> (starts, ends) of disjoint intervals, ascending, 0-based half-open.
    """

    contigs: frozenset[int]
    min_mapq: int = 20
    drop_duplicates: bool = True
    min_length: int = 60
    max_length: int = 1_000
    blacklist: Mapping[int, tuple[Sequence[int], Sequence[int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, extract: Extract, contig_names: Sequence[str], who: str) -> Rules:
        """Return the rules of the settings for a header's contigs.

        Raises
        ------
        InputError
            No contig is left, a named one is not in the header, or the blacklist is no BED file.
        """
        if extract.contigs == "all":
            used = set(range(len(contig_names)))
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
            drop_duplicates=extract.duplicates == "drop",
            min_length=extract.min_length,
            max_length=extract.max_length,
            blacklist=load_blacklist(extract.blacklist, contig_names) if extract.blacklist else {},
        )

    def judge_pair(self, forward: Any, reverse: Any) -> str | None:
        """Return the reason against a pair of mates on one contig, None for a fragment.

        ``forward`` and ``reverse`` are the mates by strand; a pair on one strand comes in any order.
        Direction decides, not the proper-pair flag: aligners withhold the flag from di-nucleosomes.
        """
        if self.drop_duplicates and (forward.flag | reverse.flag) & DUPLICATE:
            return "duplicate"
        if forward.mapping_quality < self.min_mapq or reverse.mapping_quality < self.min_mapq:
            return "low_mapq"
        start, end = forward.reference_start, reverse.reference_end
        if forward.flag & REVERSE or not reverse.flag & REVERSE or start >= end:
            return "not_inward"
        if not self.min_length <= end - start <= self.max_length:
            return "length_out_of_range"
        if self.blacklist and self._touches_blacklist(forward.reference_id, start, end):
            return "blacklisted"
        if not forward.query_length or not reverse.query_length:
            return "no_sequence"
        return None

    def judge_alone(self, read: Any) -> str:
        """Return the reason against a read whose mate never came."""
        if self.drop_duplicates and read.flag & DUPLICATE:
            return "duplicate"
        return "low_mapq" if read.mapping_quality < self.min_mapq else "mate_missing"

    def _touches_blacklist(self, contig: int, start: int, end: int) -> bool:
        if contig not in self.blacklist:
            return False
        starts, ends = self.blacklist[contig]
        last = bisect_left(starts, end) - 1  # the last interval that begins before the fragment ends
        return last >= 0 and ends[last] > start


@dataclass
class Tally:
    """What happened to the reads; ``counts`` of all reasons plus twice ``fragments`` is ``reads``.

    Attributes
    ----------
    counts
        Reads per reason, and ``reads``, ``fragments``, ``overlap_calls_merged``,
        ``overlap_calls_discordant``.
    mapped, flagged_duplicate
        Primary mapped reads, and those of them flagged as duplicate.
    unique, below_mapq
        Primary mapped reads that are no duplicates, and those of them below the least MAPQ.
    """

    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("reads", *REASONS, "fragments", "overlap_calls_merged", "overlap_calls_discordant"), 0
        )
    )
    mapped: int = 0
    flagged_duplicate: int = 0
    unique: int = 0
    below_mapq: int = 0


def load_blacklist(
    path: Path | str, contig_names: Sequence[str]
) -> dict[int, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Read a BED file as contig index -> (starts, ends), overlapping intervals merged.

    Raises
    ------
    InputError
        The file can't be read, or a line is no interval.
    """
    index = {bare(name): number for number, name in enumerate(contig_names)}
    found: dict[int, list[tuple[int, int]]] = {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"blacklist {path} cannot be read ({error}); give a BED file") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        cells = line.split()
        if len(cells) < 3 or not (cells[1].isdigit() and cells[2].isdigit()):
            raise InputError(
                f"blacklist {path}, line {number}: expected contig, start, end; correct the line"
            )
        if bare(cells[0]) in index and int(cells[1]) < int(cells[2]):
            found.setdefault(index[bare(cells[0])], []).append((int(cells[1]), int(cells[2])))
    merged = {}
    for contig, intervals in found.items():
        joined: list[tuple[int, int]] = []
        for start, end in sorted(intervals):
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        merged[contig] = (tuple(start for start, _ in joined), tuple(end for _, end in joined))
    return merged
