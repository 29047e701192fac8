"""Find cytosines of the reference that the person lacks, from molecules of the other strand.

At a C of the reference, a forward molecule that reads T has an unmethylated cytosine or a variant. Reverse
molecules aren't converted there, so they tell the two apart: they read C in the first case and T in the
second. MethylDackel excludes such places by the same rule (its README, ``--maxVariantFrac`` and
``--minOppositeDepth``). Here a first pass finds them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from cfdna_interp.fragments.bgzf import Window
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.intervals import Intervals
from cfdna_interp.fragments.kernels import variants as kernels
from cfdna_interp.fragments.kernels.compare import LIBRARIES
from cfdna_interp.fragments.kernels.memory import SLACK
from cfdna_interp.fragments.methylation.sites import Sites
from cfdna_interp.records.qc import Library

LEAST = 2  # least molecules with another base at a variant
RUN = 512  # bases that are counted at once
SHARE = 3  # at a variant at least one molecule in so many has another base


def find_variants(
    windows: Iterable[Window], rules: Rules, sites: Sites, contigs: int, library: Library = "directional"
) -> Intervals:
    """Return contig index -> (starts, ends), ascending: bases in which the person differs from the reference.

    Parameters
    ----------
    windows
        Records in coordinate order, of a whole file or of a shard. The search stops at a damaged record or
        one out of order. Reading the fragments later meets the same record and says what is wrong.
    rules
        Which reads count: contigs, mapping quality, duplicates.
    sites
        The reference; moved along.
    contigs
        Number of contigs in the header.
    library
        How reads without strand tags lie to their molecules.

    Raises
    ------
    InputError
        A compressed block is damaged, or the reference can't be read.
    """
    states = np.zeros(1, kernels.STATE)
    state = states[0]
    state["contig"] = -1
    used = np.zeros(contigs, dtype=np.bool_)
    used[sorted(rules.contigs)] = True
    variants: dict[int, list[np.ndarray]] = {}
    counts = np.zeros((2, 0), dtype=np.int32)
    codes = np.zeros(RUN, dtype=np.uint8)
    rest = np.zeros(0, dtype=np.uint8)

    def settle(before: int) -> None:
        """Judge the positions below ``before``, which no further read can touch."""
        complete = counts[:, : max(before - sites.begin, 0)]
        places = np.flatnonzero(complete[1] >= LEAST)
        same, other = complete[:, places]
        places = places[SHARE * other >= same + other]
        if len(places):
            variants.setdefault(sites.contig, []).append(sites.begin + places)

    for window in windows:
        data = np.concatenate([rest, window.data[window.begin : window.end + SLACK]])
        state["at"], state["end"] = 0, len(rest) + window.end - window.begin
        while (
            code := kernels.count_other_strand(
                data,
                states,
                used,
                rules.min_mapq,
                rules.drop_duplicates,
                LIBRARIES[library],
                sites.stretch,
                kernels.OtherStrandCounts(counts[0], counts[1], codes),
            )
        ) == kernels.MOVE:
            contig, start = int(state["contig"]), int(state["start"])
            goes_on = contig == sites.contig
            settle(start if goes_on else sites.begin + len(sites.letters))
            old, old_begin = counts, sites.begin
            sites.move(contig, start)
            counts = np.zeros((2, len(sites.letters)), dtype=np.int32)
            if goes_on and start < old_begin + old.shape[1]:
                # Reads before have counted beyond this one's start.
                overlap = old[:, start - old_begin :]
                counts[:, start - sites.begin :][:, : overlap.shape[1]] = overlap
        if code == kernels.WRONG:
            break
        rest = data[int(state["at"]) : int(state["end"])]
    settle(sites.begin + len(sites.letters))
    starts = {contig: np.concatenate(parts) for contig, parts in variants.items()}
    return {contig: (positions, positions + 1) for contig, positions in starts.items()}


def joined(one: Intervals, other: Intervals) -> Intervals:
    """Return the intervals of both; none of one may overlap one of the other."""

    def side(contig: int, number: int) -> np.ndarray:
        parts = [np.asarray(part[contig][number]) for part in (one, other) if contig in part]
        return np.sort(np.concatenate(parts))

    return {contig: (side(contig, 0), side(contig, 1)) for contig in one.keys() | other.keys()}
