"""The readable decoder that the kernels are tested against: records by pysam, arithmetic by numpy.

It says the same as ``docs/extraction.md`` about fragments, in the plainest code: one dictionary of reads
that wait, one array of all read bases of a chunk. Speed and memory are no concern here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import xxhash

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.config.settings import per_mate
from cfdna_interp.fragments.decode import Chunk, Settings, Totals
from cfdna_interp.fragments.filters import (
    DUPLICATE,
    MATE_UNMAPPED,
    PAIRED,
    PROPER,
    QC_FAIL,
    READ1,
    REVERSE,
    SECONDARY_SUPPLEMENTARY,
    UNMAPPED,
    WHICH_MATE,
    Rules,
    Tally,
)

Read = Any  # pysam's AlignedSegment: the package carries no types
CHUNK = 16_384  # fragments
STRANDS = {"CT": 1, "GA": -1}
UNPLACED = -(2**30)  # reference position of read bases that are inserted or clipped
# What the CIGAR operations MIDNSHP=X (0..8) move: along the read, along the reference (SAM specification).
# Codes above 8 move nothing, as in htslib.
CONSUMES_READ = (True, True, False, False, True, False, False, True, True) + (False,) * 7
CONSUMES_REFERENCE = (True, False, True, True, False, False, False, True, True) + (False,) * 7
# Base letter -> 0..3 in the order of MOTIFS, 4 unknown; 3 - code is the complement.
CODES = np.full(256, 4, dtype=np.uint8)
CODES[list(b"ACGT")] = (0, 1, 2, 3)


def reference_hash(name: str, seed: int) -> int:
    """XXH64 of a read's name."""
    return xxhash.xxh64_intdigest(name.encode(), seed=seed)


def by_coordinate(reads: Iterable[Read]) -> list[Read]:
    """The reads as a sorted file has them: by contig and position, those without a place last."""
    return sorted(reads, key=lambda r: (r.reference_id if r.reference_id >= 0 else 2**31, r.reference_start))


def decode_reads(
    reads: Iterable[Read],
    contig_names: tuple[str, ...],
    settings: Settings,
    totals: Totals,
    sound: Callable[[Read], bool] = lambda read: True,
) -> Iterator[Chunk]:
    """Yield the fragments of a library's records, which must be in coordinate order.

    ``sound`` tells whether a record's tags stay inside it, which pysam doesn't say.
    """
    pairs = pair_reads(reads, settings.rules, totals.tally, sound)
    while batch := list(islice(pairs, CHUNK)):
        yield _decode_batch(batch, contig_names, settings, totals)


def pair_reads(
    reads: Iterable[Read], rules: Rules, tally: Tally, sound: Callable[[Read], bool] = lambda read: True
) -> Iterator[tuple[Read, Read]]:
    """Yield (forward mate, reverse mate) of each fragment, in the order of the later mates."""
    waiting: dict[str, tuple[Read, int]] = {}  # name -> read, last position at which its mate may lie
    counts = tally.counts
    for read in reads:
        counts["reads"] += 1
        flag, contig, start = read.flag, read.reference_id, read.reference_start
        if flag & SECONDARY_SUPPLEMENTARY:
            counts["secondary_supplementary"] += 1
            continue
        if flag & UNMAPPED or contig < 0:
            counts["unmapped"] += 1
            continue
        tally.mapped += 1
        if flag & DUPLICATE:
            tally.flagged_duplicate += 1
        else:
            tally.unique += 1
            tally.below_mapq += read.mapping_quality < rules.min_mapq
        if flag & MATE_UNMAPPED or not flag & PAIRED:
            counts["mate_missing"] += 1
            continue
        if contig not in rules.contigs:
            counts["off_contig"] += 1
            continue
        if read.next_reference_id not in (contig, -1):  # -1: the aligner left the mate's place out
            counts["mate_elsewhere"] += 1
            continue
        told = read.next_reference_id == contig
        mate_start = read.next_reference_start
        if told and abs(mate_start - start) > rules.max_length:
            counts["mate_distant"] += 1
            continue
        name = read.query_name
        mate, last = waiting.get(name, (None, 0))
        if mate is not None and (mate.reference_id != contig or start > last):
            counts[judge_alone(rules, mate)] += 1  # the file has passed the place of its mate
            del waiting[name]
            mate = None
        if mate is None:
            if told and mate_start < start:
                counts[judge_alone(rules, read)] += 1  # its mate should have come
            else:
                waiting[name] = (read, mate_start if told else start + rules.max_length)
            continue
        if (mate.flag ^ flag) & WHICH_MATE != WHICH_MATE:
            # Two records claim to be the same mate: the name is used twice, and the first one stays.
            counts["mate_missing"] += 1
            continue
        del waiting[name]
        forward, reverse = (mate, read) if flag & REVERSE else (read, mate)
        reason = judge_pair(rules, forward, reverse)
        if reason is None and not (sound(forward) and sound(reverse)):
            reason = "malformed"
        if reason is None:
            counts["fragments"] += 1
            yield forward, reverse
        else:
            counts[reason] += 2
    for read, _ in waiting.values():
        counts[judge_alone(rules, read)] += 1


def judge_pair(rules: Rules, forward: Read, reverse: Read) -> str | None:
    """Return the reason against a pair of mates on one contig, None for a fragment.

    ``forward`` and ``reverse`` are the mates by strand; a pair on one strand comes in any order.
    """
    if (forward.flag | reverse.flag) & QC_FAIL:
        return "qc_fail"
    if rules.drop_duplicates and (forward.flag | reverse.flag) & DUPLICATE:
        return "duplicate"
    if pair_mapq(rules, forward, reverse) < rules.min_mapq:
        return "low_mapq"
    if malformed(forward) or malformed(reverse):
        return "malformed"
    start, end = forward.reference_start, reverse.reference_end
    if forward.flag & REVERSE or not reverse.flag & REVERSE or start >= end:
        return "not_inward"
    if rules.proper and not forward.flag & reverse.flag & PROPER:
        return "not_proper"
    if not rules.min_length <= end - start <= rules.max_length:
        return "length_out_of_range"
    if touches_blacklist(rules, forward.reference_id, start, end):
        return "blacklisted"
    if not forward.query_length or not reverse.query_length:
        return "no_sequence"
    return None


def pair_mapq(rules: Rules, forward: Read, reverse: Read) -> int:
    """Return the mapping quality that is judged."""
    if rules.first_mapq:
        return int((forward if forward.flag & READ1 else reverse).mapping_quality)
    return int(min(forward.mapping_quality, reverse.mapping_quality))


def judge_alone(rules: Rules, read: Read) -> str:
    """Return the reason against a read whose mate never came."""
    if read.flag & QC_FAIL:
        return "qc_fail"
    if rules.drop_duplicates and read.flag & DUPLICATE:
        return "duplicate"
    return "low_mapq" if read.mapping_quality < rules.min_mapq else "mate_missing"


def malformed(read: Read) -> bool:
    """Tell whether a mapped record's CIGAR is unknown, covers nothing or too much, or has another length."""
    operations = read.cigartuples or []
    along_read = sum(size for code, size in operations if CONSUMES_READ[code])
    span = sum(size for code, size in operations if CONSUMES_REFERENCE[code])
    unknown = any(code > 8 for code, _ in operations)
    beyond = read.reference_start + span > 2**31 - 1
    return unknown or span == 0 or beyond or (read.query_length > 0 and along_read != read.query_length)


def touches_blacklist(rules: Rules, contig: int, start: int, end: int) -> bool:
    """Tell whether a fragment overlaps an interval of the blacklist."""
    starts, ends = rules.blacklist.get(contig, ((), ()))
    last = bisect_left(starts, end) - 1  # the last interval that begins before the fragment ends
    return last >= 0 and ends[last] > start


@dataclass(frozen=True, eq=False)
class Bases:
    """All read bases of a chunk, forward mates at even and reverse mates at odd read numbers.

    (bases,) arrays, and (reads + 1,) where each read begins.
    """

    splits: np.ndarray
    read: np.ndarray
    position: np.ndarray  # on the reference, UNPLACED for inserted and clipped bases
    letters: np.ndarray  # of XM, "." without
    strand: np.ndarray  # of the genome: +1, -1, 0 unknown
    codes: np.ndarray  # 0..3, 4 unknown, as sequenced
    converted: np.ndarray  # called as an unmethylated cytosine


def gather(mates: Sequence[Read], dialect: str) -> tuple[Bases, np.ndarray]:
    """Lay out the bases of mates (forward, reverse, ...), and return (reads,) their genome strands."""
    sequences = [read.query_sequence for read in mates]
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    splits = np.concatenate([[0], np.cumsum(lengths)])
    calls = [
        calls_of(read) if dialect == "xm" else ("." * int(length), 0)
        for read, length in zip(mates, lengths, strict=True)
    ]
    read_strand = np.array([strand for _, strand in calls], dtype=np.int8)
    strand = np.repeat(read_strand, lengths)
    letters = np.frombuffer("".join(text for text, _ in calls).encode("latin-1"), dtype=np.uint8)
    bases = Bases(
        splits=splits,
        read=np.repeat(np.arange(len(mates)), lengths),
        position=np.concatenate([positions_of(read) for read in mates]),
        letters=letters,
        strand=strand,
        codes=CODES[np.frombuffer("".join(sequences).encode(), dtype=np.uint8)],
        converted=np.isin(letters, list(b"zxhu")) & (strand != 0),
    )
    return bases, read_strand


def calls_of(read: Read) -> tuple[str, int]:
    """Return the XM letters of a record and its genome strand; without both there are none."""
    if wrong_tag(read) == "":
        return read.get_tag("XM"), STRANDS[read.get_tag("XG")]
    return "." * read.query_length, 0


def wrong_tag(read: Read) -> str | None:
    """Return which tag of a record isn't Bismark's, "" for neither, None where it lacks one."""
    if not (read.has_tag("XM") and read.has_tag("XG")):
        return None
    letters, kind = read.get_tag("XM", with_value_type=True)
    strand, kind_of_strand = read.get_tag("XG", with_value_type=True)
    if not kind == kind_of_strand == "Z":
        return None
    if len(letters) != read.query_length:
        return "letters_misfit"
    return "" if strand in STRANDS else "strand_unknown"


def clipped_bases(read: Read, last: bool) -> tuple[bool, int]:
    """Return whether a read goes on beyond that end of its alignment, and by how many bases that it has."""
    operations = list(read.cigartuples or [])[:: -1 if last else 1]
    clips = []
    for code, size in operations[:2]:
        if code not in (4, 5):
            break
        clips.append((code, size))
    return any(size > 0 for _, size in clips), sum(size for code, size in clips if code == 4)


def positions_of(read: Read) -> np.ndarray:
    """Return the reference position of each base of a read."""
    positions = np.full(read.query_length, UNPLACED, dtype=np.int64)
    base, place = 0, read.reference_start
    for operation, size in read.cigartuples or ():
        if CONSUMES_READ[operation] and CONSUMES_REFERENCE[operation]:
            positions[base : base + size] = np.arange(place, place + size)
        base += size * CONSUMES_READ[operation]
        place += size * CONSUMES_REFERENCE[operation]
    return positions


def gc_counts(
    bases: Bases, start: np.ndarray, end: np.ndarray, forward_end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) strong and known bases inside each fragment, the overlap read once.

    Strong are G, C and every base that is called as an unmethylated cytosine, at most all known bases.
    """
    # The forward mate counts up to the fragment's end, the reverse mate from where the forward one ends.
    low = np.column_stack([start, np.maximum(start, forward_end)]).ravel()
    high = np.repeat(end, 2)
    inside = (bases.position >= low[bases.read]) & (bases.position < high[bases.read])
    fragment = bases.read >> 1

    def count(which: np.ndarray) -> np.ndarray:
        return np.bincount(fragment[inside & which], minlength=len(start))

    strong = count((bases.codes == 1) | (bases.codes == 2)) + count(bases.converted)
    known = count(bases.codes < 4)
    return np.minimum(strong, known), known


def end_motif(codes: np.ndarray) -> np.ndarray:
    """Return (n,) indices into ``MOTIFS`` of (n, 4) base codes read 5' to 3', -1 where one is unknown."""
    index = codes.astype(np.int64) @ np.array([64, 16, 4, 1])
    return np.where((codes > 3).any(axis=1), -1, index).astype(np.int16)


def end_motifs(bases: Bases, before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the end motifs of the forward and of the reverse strand, conversion undone.

    They come from the first aligned bases, where the fragment ends: ``before`` and ``after`` are (n,) bases
    that the aligner clipped there.
    """
    restored = bases.codes.copy()
    restored[bases.converted & (bases.strand > 0) & (bases.codes == 3)] = 1  # T was C
    restored[bases.converted & (bases.strand < 0) & (bases.codes == 0)] = 2  # A was G
    codes = np.append(restored, np.uint8(4))
    here = np.arange(4)
    starts, ends = bases.splits[0:-1:2] + before, bases.splits[2::2] - after
    lengths = np.diff(bases.splits)
    forward_short, reverse_short = lengths[0::2] - before < 4, lengths[1::2] - after < 4
    forward = codes[np.where(forward_short[:, None], -1, starts[:, None] + here)]
    reverse = codes[np.where(reverse_short[:, None], -1, ends[:, None] - 1 - here)]
    complement = np.where(reverse < 4, 3 - reverse, reverse)
    return end_motif(forward), end_motif(complement)


def _decode_batch(
    pairs: list[tuple[Read, Read]], contig_names: tuple[str, ...], settings: Settings, totals: Totals
) -> Chunk:
    n = len(pairs)
    start = np.array([forward.reference_start for forward, _ in pairs], dtype=np.int64)
    end = np.array([reverse.reference_end for _, reverse in pairs], dtype=np.int64)
    mates = [read for pair in pairs for read in pair]
    bases, read_strand = gather(mates, settings.dialect)
    totals.longest_read = max(totals.longest_read, int(np.diff(bases.splits).max()))
    strong, known = gc_counts(bases, start, end, np.array([forward.reference_end for forward, _ in pairs]))
    totals.strong += int(strong.sum())
    totals.known += int(known.sum())
    splits, offsets, states = np.zeros(n + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int8)
    if settings.dialect == "xm":
        first = np.array([bool(read.flag & READ1) for read in mates])
        splits, offsets, states = _calls(bases, first, start, end, settings, totals)
    clips = [(clipped_bases(forward, False), clipped_bases(reverse, True)) for forward, reverse in pairs]
    five, three = end_motifs(
        bases, np.array([before for (_, before), _ in clips]), np.array([after for _, (_, after) in clips])
    )
    counts = totals.tally.counts
    counts["clipped_ends"] += sum(one + other for (one, _), (other, _) in clips)
    counts["calls"] += len(states)
    if settings.dialect == "xm":
        for wrong in filter(None, map(wrong_tag, mates)):
            counts[wrong] += 1
    table = FragmentTable(
        contig_names=contig_names,
        contig=np.array([forward.reference_id for forward, _ in pairs], dtype=np.int32),
        start=start.astype(np.int32),
        length=(end - start).astype(np.int32),
        mapq=np.array([min(f.mapping_quality, r.mapping_quality) for f, r in pairs], dtype=np.uint8),
        strand=np.where(read_strand[0::2] == read_strand[1::2], read_strand[0::2], 0).astype(np.int8),
        gc=(strong / np.maximum(known, 1)).astype(np.float32),
        motif_5p=five,
        motif_3p=three,
        cpg_splits=splits,
        cpg_offsets=offsets,
        cpg_states=states,
        block=np.full(n, -1, dtype=np.int32),
    )
    hashes = [reference_hash(forward.query_name, settings.seed) for forward, _ in pairs]
    return Chunk(table, np.array(hashes, dtype=np.uint64))


def _calls(
    bases: Bases, first: np.ndarray, start: np.ndarray, end: np.ndarray, settings: Settings, totals: Totals
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the CpG calls of the fragments in compressed-row form: splits, offsets, states."""
    methylated_chh = int(np.count_nonzero(bases.letters == ord("H")))
    all_chh = methylated_chh + int(np.count_nonzero(bases.letters == ord("h")))
    totals.chh = (totals.chh[0] + methylated_chh, totals.chh[1] + all_chh)

    at = np.flatnonzero(np.isin(bases.letters, list(b"zZ")))
    read = bases.read[at]
    state = (bases.letters[at] == ord("Z")).astype(np.int8)
    along = at - bases.splits[read]
    left = bases.splits[read + 1] - 1 - at
    from_5p, from_3p = np.where(read % 2 == 0, (along, left), (left, along))
    totals.m_bias = (
        _add_m_bias(totals.m_bias[0], from_5p[first[read]], state[first[read]]),
        _add_m_bias(totals.m_bias[1], from_5p[~first[read]], state[~first[read]]),
    )
    position = bases.position[at]
    ends = [np.where(first[read], *per_mate(bases)) for bases in (settings.ignore_5p, settings.ignore_3p)]
    kept = (position != UNPLACED) & (from_5p >= ends[0]) & (from_3p >= ends[1])
    kept &= bases.strand[at] != 0
    at, read, state, position = at[kept], read[kept], state[kept], position[kept]

    fragment = read >> 1
    # On the reverse strand the call is at the G of the CpG, one base after the C of the forward strand.
    offset = position - (bases.strand[at] < 0) - start[fragment]
    order = np.lexsort((offset, fragment))
    fragment, offset, state, position = fragment[order], offset[order], state[order], position[order]
    again = np.zeros(len(order), dtype=bool)
    again[1:] = (fragment[1:] == fragment[:-1]) & (offset[1:] == offset[:-1])
    discordant = np.zeros(len(order), dtype=bool)
    discordant[1:] = again[1:] & (state[1:] != state[:-1])
    counts = totals.tally.counts
    counts["overlap_calls_merged"] += int(np.count_nonzero(again & ~discordant))
    counts["overlap_calls_discordant"] += int(np.count_nonzero(discordant))
    either = discordant.copy()
    either[:-1] |= discordant[1:]
    # Where mates are longer than the molecule they read into the adapter: nothing beyond its ends counts.
    whole = ~again & ~either & (position >= start[fragment]) & (position < end[fragment])
    splits = np.concatenate([[0], np.cumsum(np.bincount(fragment[whole], minlength=len(start)))])
    return splits, offset[whole].astype(np.int32), state[whole]


def _add_m_bias(sums: np.ndarray, positions: np.ndarray, states: np.ndarray) -> np.ndarray:
    size = max(len(sums), int(positions.max()) + 1 if len(positions) else 0)
    total = np.zeros((size, 2), dtype=np.int64)
    total[: len(sums)] = sums
    total[:, 0] += np.bincount(positions[states == 1], minlength=size)
    total[:, 1] += np.bincount(positions, minlength=size)
    return total
