"""The intervention ``edit`` changes the molecule itself, and everything that depends on it.

It answers the question: what would the model predict if each fragment had another length, or other
methylation, at its place in the genome? A fragment is trimmed, or extended along the reference, about its
centre. Its new length is drawn from all donors, with any number of calls. CpGs and end motifs change with it,
as they would on a real molecule. The effect of length through the number of CpGs is therefore included,
whereas ``swap`` holds the number of calls fixed. Locus class and region stay the fragment's own.

CpGs that remain keep their calls. A new CpG is methylated with a probability equal to the fragment's own
level. A fragment without calls takes the level of one donor fragment of its locus class for all its CpGs.
Redrawn calls are those of a donor fragment with the same number of calls, if possible in the same locus
class. They are put at the fragment's own CpGs. Original CpGs without a call stay without one.

The other interventions ask other questions: ``swap`` replaces a group's values by those of a matched
fragment, ``reweight`` changes the weights of real fragments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cfdna_interp.attribution.interventions.donors import DonorBank
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs
from cfdna_interp.models.reference_line import ReferenceLine

# Columns of random numbers per fragment: two each for lengths, donors of calls and levels, and one per call.
UNIFORMS = 6 + MAX_CALLS

_C, _G = 1, 2  # codes of fragments.reference


@dataclass(frozen=True, eq=False)
class Edited:
    """The four versions of a bag.

    Attributes
    ----------
    versions
        One ``FragmentInputs`` of the bag's n fragments per entry of ``swap.VERSIONS``: unchanged, with
        another length, with other calls, with both.
    unplaced
        Share of fragments whose contig is not in the reference. These keep their length.
    unmatched
        Share of fragments with calls for which no donor has the same number of calls. These keep their
        states.
    """

    versions: tuple[FragmentInputs, ...]
    unplaced: float
    unmatched: float


def why_not(fasta: str | None) -> str:
    """Return why fragments can't be edited, or "" if they can."""
    if fasta:
        return ""
    return "without reference.fasta it isn't known which CpGs a longer fragment covers"


def edit(bank: DonorBank, bag: FragmentInputs, line: ReferenceLine, uniform: np.ndarray) -> Edited:
    """Return the bag unchanged, with edited lengths, with edited calls, and with both.

    Parameters
    ----------
    bank
        Fragments that donate lengths, calls and levels.
    bag
        n fragments of one sample, with their places on the reference.
    line
        The reference.
    uniform
        (n, UNIFORMS) numbers in [0, 1), the same for all versions.

    Raises
    ------
    InputError
        A fragment ends beyond its contig, or the reference can't be read.
    """
    pool = bank.fragments
    lengths = _drawn(pool.length, pool.locus, bag.locus, uniform[:, 0:2])
    called = pool.counts > 0
    methylated = None
    if called.any():
        drawn = _drawn(pool.level[called], pool.locus[called], bag.locus, uniform[:, 4:6])
        methylated = uniform[:, 6:] < np.where(bag.counts > 0, bag.level, drawn)[:, None]
    resized = _resized(bag, lengths, methylated, line)
    with_calls, lonely = _redrawn(bank, bag, uniform[:, 2:4])
    with_both, lonely_resized = _redrawn(bank, resized, uniform[:, 2:4])
    wanted = max(int((bag.counts > 0).sum() + (resized.counts > 0).sum()), 1)
    return Edited(
        versions=(bag, resized, with_calls, with_both),
        unplaced=float((bag.place < 0).mean()),
        unmatched=(lonely + lonely_resized) / wanted,
    )


def _drawn(values: np.ndarray, locus: np.ndarray, wanted: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Draw a pool's value for each fragment, from its locus class if the pool has that class.

    Fragments of a class take equal slices of its sorted values in random order. Together they get the class's
    distribution, without the noise of independent draws.
    """
    drawn = np.empty(len(wanted), dtype=values.dtype)
    for number in np.unique(wanted):
        rows = np.flatnonzero(wanted == number)
        own = values[locus == number]
        slices = (np.argsort(np.argsort(uniform[rows, 0])) + uniform[rows, 1]) / len(rows)
        drawn[rows] = np.quantile(own if len(own) else values, slices, method="inverted_cdf")
    return drawn


def _redrawn(bank: DonorBank, bag: FragmentInputs, uniform: np.ndarray) -> tuple[FragmentInputs, int]:
    """Return the fragments with the states of donors matched in context, and the number without a donor."""
    donor = bank.fragment_donors(bag, uniform).donor
    states = bag.states.copy()
    matched = donor >= 0
    states[matched] = bank.fragments.states[donor[matched]]
    return bag.with_states(states), int((~matched & (bag.counts > 0)).sum())


def _resized(
    bag: FragmentInputs, lengths: np.ndarray, methylated: np.ndarray | None, line: ReferenceLine
) -> FragmentInputs:
    """Trim or extend fragments about their centres.

    Parameters
    ----------
    bag
        n fragments; those without a place are unchanged.
    lengths
        (n,) wanted length in bp; a shorter contig is used as a whole.
    methylated
        (n, MAX_CALLS) state of a new CpG, by its rank among the calls. None if methylation was not measured;
        new CpGs then have no call.
    line
        The reference.
    """
    result = replace(
        bag,
        length=bag.length.copy(),
        offsets=bag.offsets.copy(),
        states=bag.states.copy(),
        place=bag.place.copy(),
    )
    rows = np.flatnonzero((bag.place >= 0) & (lengths != bag.length))
    located = line.locate(bag.place[rows], bag.length[rows])
    for row, contig, begin in zip(rows.tolist(), located.names, located.starts.tolist(), strict=True):
        old, strand = int(bag.length[row]), int(bag.strand[row])
        size = line.contigs[contig]
        new = min(int(lengths[row]), size)
        start = min(max(begin - (new - old) // 2, 0), size - new)
        cpgs = _cpgs(line, contig, min(begin, start) - 1, max(begin + old, start + new) + 1)
        has = bag.offsets[row] >= 0
        own = begin + bag.offsets[row][has].astype(np.int64)
        # Offset 0 also means a CpG of which only the G is in the fragment: see models.bags.inputs_of.
        if len(own) and own[0] == begin and begin not in cpgs and begin - 1 in cpgs:
            own[0] = begin - 1
        stays = _covers(start, new, strand, own)
        places, states = own[stays], bag.states[row][has][stays]
        if methylated is not None:
            comes = cpgs[_covers(start, new, strand, cpgs) & ~_covers(begin, old, strand, cpgs)]
            comes = np.setdiff1d(comes, own)
            places = np.concatenate([places, comes])
            states = np.concatenate([states, np.full(len(comes), -1)])
        order = np.argsort(places)[:MAX_CALLS]
        states = states[order]
        if methylated is not None:
            states = np.where(states < 0, methylated[row, : len(order)], states)
        result.length[row], result.place[row] = new, bag.place[row] + start - begin
        result.offsets[row], result.states[row] = -1, -1
        result.offsets[row, : len(order)] = np.clip(places[order] - start, 0, np.iinfo(np.int16).max)
        result.states[row, : len(order)] = states
    return result


def _cpgs(line: ReferenceLine, contig: str, low: int, high: int) -> np.ndarray:
    """Return the contig positions of the forward strand's C of all CpGs with C and G in [low, high)."""
    codes = line.codes(contig, low, high)
    return low + np.flatnonzero((codes[:-1] == _C) & (codes[1:] == _G))


def _covers(start: int, length: int, strand: int, cpgs: np.ndarray) -> np.ndarray:
    """Return which CpGs a molecule has the state of: those whose C on its own strand lies in it.

    A molecule of the reverse strand has its C opposite the G. An unknown strand is treated as forward.
    """
    cytosine = cpgs + (strand < 0)
    covered: np.ndarray = (cytosine >= start) & (cytosine < start + length)
    return covered
