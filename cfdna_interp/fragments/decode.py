"""From alignment records to fragment tables, a chunk at a time.

The Python loop only collects each pair's strings and numbers; all that is per base happens in numpy
on a whole chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice

import numpy as np

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.fragments.alignment import Alignment
from cfdna_interp.fragments.bases import UNPLACED, Bases, end_motifs, gather, gc_share
from cfdna_interp.fragments.filters import READ1, Rules, Tally
from cfdna_interp.fragments.methylation import xm
from cfdna_interp.fragments.pairing import Read, pair_reads

CHUNK = 16_384  # fragments


@dataclass(frozen=True)
class Settings:
    """How records are read.

    Attributes
    ----------
    rules
        What a fragment must be.
    dialect
        ``xm`` or ``none``.
    seed
        Seed of the fragments' hashes.
    ignore_5p, ignore_3p
        Bases at the ends of each mate, as sequenced, whose calls are left out (end repair fills them in).
    """

    rules: Rules
    dialect: str
    seed: int
    ignore_5p: int = 0
    ignore_3p: int = 0


@dataclass
class Totals:
    """Running sums over all fragments of a sample.

    Attributes
    ----------
    tally
        Reads by reason.
    m_bias
        Mate (0: first, 1: second) -> (positions, 2) methylated and all CpG calls by position along the
        read as sequenced; before any are ignored, merged or cut off at fragment ends.
    chh
        Methylated and all CHH calls.
    gc
        Sum of the fragments' GC shares.
    longest_read
        Bases of the longest read: how far the machine read, whatever was trimmed off short fragments.
    """

    tally: Tally = field(default_factory=Tally)
    m_bias: tuple[np.ndarray, np.ndarray] = field(
        default_factory=lambda: (np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64))
    )
    chh: tuple[int, int] = (0, 0)
    gc: float = 0.0
    longest_read: int = 0


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some fragments, without atlas blocks (all -1), and the 64-bit hash of each one's read name and seed."""

    table: FragmentTable
    hashes: np.ndarray  # (n,) uint64


def decode(alignment: Alignment, settings: Settings, totals: Totals) -> Iterator[Chunk]:
    """Yield the fragments of an alignment file; ``totals`` is complete when the last chunk is out."""
    return decode_reads(alignment.reads(), alignment.contig_names, settings, totals)


def decode_reads(
    reads: Iterable[Read], contig_names: tuple[str, ...], settings: Settings, totals: Totals
) -> Iterator[Chunk]:
    """Yield the fragments of records in any order.

    Parameters
    ----------
    reads
        Records of one library.
    contig_names
        Contigs in header order.
    settings
        How to read them.
    totals
        Sums, added to.
    """
    pairs = pair_reads(reads, settings.rules, totals.tally)
    while batch := list(islice(pairs, CHUNK)):
        yield _decode_batch(batch, contig_names, settings, totals)


def fragment_hash(name: str, seed: int) -> int:
    """Return the 64-bit hash that orders a library's fragments, the same on every machine."""
    return int.from_bytes(
        blake2b(name.encode(), digest_size=8, key=seed.to_bytes(8, "little")).digest(), "big"
    )


def _decode_batch(
    pairs: list[tuple[Read, Read]], contig_names: tuple[str, ...], settings: Settings, totals: Totals
) -> Chunk:
    n = len(pairs)
    start = np.array([forward.reference_start for forward, _ in pairs], dtype=np.int64)
    end = np.array([reverse.reference_end for _, reverse in pairs], dtype=np.int64)
    mates = [read for pair in pairs for read in pair]
    bases, read_strand = gather(mates, settings.dialect)
    totals.longest_read = max(totals.longest_read, int(np.bincount(bases.read).max(initial=0)))
    gc = gc_share(bases, start, end, np.array([forward.reference_end for forward, _ in pairs]))
    totals.gc += float(gc.sum())
    splits, offsets, states = np.zeros(n + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int8)
    if settings.dialect == "xm":
        first = np.array([bool(read.flag & READ1) for read in mates])
        splits, offsets, states = _calls(bases, first, start, end, settings, totals)
    strand = np.where(read_strand[0::2] == read_strand[1::2], read_strand[0::2], 0).astype(np.int8)
    five, three = end_motifs(bases)
    table = FragmentTable(
        contig_names=contig_names,
        contig=np.array([forward.reference_id for forward, _ in pairs], dtype=np.int32),
        start=start.astype(np.int32),
        length=(end - start).astype(np.int32),
        mapq=np.array([min(f.mapping_quality, r.mapping_quality) for f, r in pairs], dtype=np.uint8),
        strand=strand,
        gc=gc.astype(np.float32),
        motif_5p=five,
        motif_3p=three,
        cpg_splits=splits,
        cpg_offsets=offsets,
        cpg_states=states,
        block=np.full(n, -1, dtype=np.int32),
    )
    hashes = [fragment_hash(forward.query_name, settings.seed) for forward, _ in pairs]
    return Chunk(table, np.array(hashes, dtype=np.uint64))


def _calls(
    bases: Bases, first: np.ndarray, start: np.ndarray, end: np.ndarray, settings: Settings, totals: Totals
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the CpG calls of the fragments in compressed-row form: splits, offsets, states."""
    methylated_chh = int(np.count_nonzero(bases.letters == xm.METHYLATED_CHH))
    all_chh = methylated_chh + int(np.count_nonzero(bases.letters == xm.UNMETHYLATED_CHH))
    totals.chh = (totals.chh[0] + methylated_chh, totals.chh[1] + all_chh)

    at = np.flatnonzero(xm.IS_CPG[bases.letters])
    read = bases.read[at]
    state = (bases.letters[at] == xm.METHYLATED_CPG).astype(np.int8)
    along = at - bases.splits[read]
    left = bases.splits[read + 1] - 1 - at
    from_5p, from_3p = np.where(read % 2 == 0, (along, left), (left, along))
    totals.m_bias = (
        _add_m_bias(totals.m_bias[0], from_5p[first[read]], state[first[read]]),
        _add_m_bias(totals.m_bias[1], from_5p[~first[read]], state[~first[read]]),
    )
    position = bases.position[at]
    kept = (position != UNPLACED) & (from_5p >= settings.ignore_5p) & (from_3p >= settings.ignore_3p)
    kept &= bases.strand[at] != 0
    at, read, state, position = at[kept], read[kept], state[kept], position[kept]

    fragment = (read >> 1).astype(np.int64)
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
