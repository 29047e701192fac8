"""One pass over a sample's alignments: subsample, whole-sample counts, quality record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.config import Config
from cfdna_interp.fragments.alignment import Alignment, open_alignment
from cfdna_interp.fragments.decode import Settings, Totals, decode
from cfdna_interp.fragments.filters import REASONS, Rules, Tally
from cfdna_interp.fragments.profile import (
    add_empty_windows,
    add_profile,
    check_atlas,
    profile_of,
    touch_blocks,
)

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
        The quality record as in ``qc/{sample}.json``.
    """

    fragments: FragmentTable
    profile: Profile
    qc: dict[str, Any]


class Reservoir:
    """The fragments of smallest hash: the same whatever order they come in, in bounded memory."""

    def __init__(self, size: int):
        self.size = size
        self._tables: list[FragmentTable] = []
        self._hashes: list[np.ndarray] = []

    def add(self, table: FragmentTable, hashes: np.ndarray) -> None:
        """Offer fragments and their (n,) uint64 hashes."""
        self._tables.append(table)
        self._hashes.append(hashes)
        if sum(len(part) for part in self._hashes) > 2 * self.size + 65_536:
            self._shrink(self.size)

    def smallest(self, count: int) -> FragmentTable | None:
        """Return at most ``count`` <= size fragments by contig, start, length, hash; None if none came."""
        if not self._tables:
            return None
        self._shrink(self.size)
        table, hashes = self._tables[0], self._hashes[0]
        chosen = np.argsort(hashes, kind="stable")[:count]
        order = np.lexsort((hashes[chosen], table.length[chosen], table.start[chosen], table.contig[chosen]))
        return table.take(chosen[order])

    def _shrink(self, count: int) -> None:
        table, hashes = FragmentTable.concatenate(self._tables), np.concatenate(self._hashes)
        if len(hashes) > count:
            rows = np.sort(np.argpartition(hashes, count)[:count])
            table, hashes = table.take(rows), hashes[rows]
        self._tables, self._hashes = [table], [hashes]


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


def read_sample(sample: Sample, config: Config, atlas: Atlas | None) -> Extraction:
    """Read a sample's alignments once.

    Raises
    ------
    InputError
        The file is unusable (see :func:`cfdna_interp.fragments.alignment.open_alignment`), breaks off in
        the middle, or the atlas is of another build.
    """
    extract = config.extract
    with open_alignment(sample, config) as alignment:
        rules = Rules.of(extract, alignment.contig_names, alignment.who)
        if atlas is not None:
            check_atlas(atlas, alignment.contig_names, alignment.contig_lengths, alignment.who)
        settings = Settings(rules, alignment.dialect, config.seed, extract.ignore_5p, extract.ignore_3p)
        totals = Totals()
        common = extract.common_fragments
        reservoir = Reservoir(max(extract.fragments_per_sample, common or 0))
        profile = Profile()
        very_long = 0
        for chunk in decode(alignment, settings, totals):
            table = touch_blocks(chunk.table, atlas)
            very_long += int(np.count_nonzero(table.length > VERY_LONG))
            reservoir.add(table, chunk.hashes)
            if common is None:
                add_profile(profile, profile_of(table, atlas, config.features))
    if common is not None and (equalised := reservoir.smallest(common)) is not None:
        profile = profile_of(equalised, atlas, config.features)
    used = sorted(rules.contigs)
    add_empty_windows(
        profile,
        [alignment.contig_names[index] for index in used],
        [alignment.contig_lengths[index] for index in used],
        config.features.window,
    )
    subsample = reservoir.smallest(extract.fragments_per_sample)
    return Extraction(
        fragments=empty_table(alignment.contig_names) if subsample is None else subsample,
        profile=profile,
        qc=_quality(sample, alignment, totals, very_long, _too_few(config, totals)),
    )


def failed(sample: Sample, reason: str) -> Extraction:
    """Return the extraction of a sample whose alignments can't be used: valid, empty, excluded."""
    alignment = Alignment("", (), (), "", False, "none", (), iter(()))
    return Extraction(empty_table(), Profile(), _quality(sample, alignment, Totals(), 0, reason))


def _too_few(config: Config, totals: Totals) -> str:
    """Return why there are too few fragments, "" where there are enough."""
    count = totals.tally.counts["fragments"]
    least, common = config.extract.min_fragments, config.extract.common_fragments
    if count < least:
        return (
            f"{count} fragments are fewer than extract.min_fragments ({least}){_largest_loss(totals.tally)}"
        )
    if common is not None and count < common:
        return f"{count} fragments are fewer than extract.common_fragments ({common})"
    return ""


def _largest_loss(tally: Tally) -> str:
    reason = max(REASONS, key=lambda name: tally.counts[name])
    count = tally.counts[reason]
    return f"; most reads were lost as {reason} ({count} of {tally.counts['reads']})" if count else ""


def _quality(
    sample: Sample, alignment: Alignment, totals: Totals, very_long: int, reason: str
) -> dict[str, Any]:
    tally = totals.tally
    fragments = tally.counts["fragments"]
    methylated, calls = totals.chh
    return {
        "sample": sample.sample,
        "bam": sample.bam,
        "simulated": alignment.simulated,
        "dialect": alignment.dialect,
        "decision": "exclude" if reason else "keep",
        "reason": reason,
        "counts": tally.counts,
        "technical": {
            "fragments": fragments,
            "duplicate_rate": _ratio(tally.flagged_duplicate, tally.mapped),
            "mapq_loss": _ratio(tally.below_mapq, tally.unique),
            "gc": _ratio(totals.gc, fragments),
            "read_length": totals.longest_read or None,
            "conversion": None if calls == 0 else 1 - methylated / calls,
            "over_600bp": _ratio(very_long, fragments),
        },
        "m_bias": {"read1": totals.m_bias[0], "read2": totals.m_bias[1]},
        "build": alignment.build,
    }


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None
