"""The intervention ``swap`` replaces a group's values by those of a matched donor fragment.

It answers the question: what would the model predict for this sample if, fragment by fragment, this group
were as in reference fragments of the same context? A donor fragment has the same number of CpG calls and lies
in the same class of locus. Donors are drawn systematically, so that a bag gets their distribution with little
sampling noise. All versions use the same donors of a context.

A fragment gets the donor that has the same rank in the group that stays. When only the length is swapped, the
most methylated fragment of a context takes the length of its most methylated donor. When only calls are
swapped, the shortest fragment takes the calls of the shortest donor. Length and calls of a fragment thus
still match as in reference fragments, and the swapped values always have the reference's distribution. Donors
of equal value would not give this distribution. If the sample is less methylated than the reference, and
length depends on methylation, they would bring in the lengths of little methylated fragments. The swapped
group would then carry the signal of the group that stays.

The pool is the same for every sample and includes the sample's own fragments. Without a subject's own
fragments the rest of the pool is a little less like the subject. A head that is retrained on swapped bags
could use that. Every swapped value was measured on a real fragment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.attribution.interventions.donors import DonorBank, Draw
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.records.attribution_notes import DiagnosticName

# What has been replaced in a version of a bag.
VERSIONS = ("own", "length", "calls", "both")
MATCHING: tuple[DiagnosticName, ...] = ("unmatched", "relaxed", "unmatched_in_blocks", "relaxed_in_blocks")


@dataclass(frozen=True, eq=False)
class Swapped:
    """The four versions of a bag.

    Attributes
    ----------
    versions
        One ``FragmentInputs`` of the bag's n fragments per entry of ``VERSIONS``.
    matching
        ``unmatched`` is the share of fragments without a donor that has the same number of calls on the same
        side of the border of atlas blocks; these keep their own values. ``relaxed`` is the share whose donor
        lies in another class of locus. ``unmatched_in_blocks`` and ``relaxed_in_blocks`` are the same for
        fragments in atlas blocks, which are few and carry the tissue of origin.
    """

    versions: tuple[FragmentInputs, ...]
    matching: dict[DiagnosticName, float]


def swap(bank: DonorBank, bag: FragmentInputs, uniform: np.ndarray) -> Swapped:
    """Return the bag unchanged, with swapped lengths, with swapped calls, and with both.

    A length comes with the donor's place in the genome, for encoders that read the bases, and with the
    positions of its calls.

    Parameters
    ----------
    bank
        Fragments that donate.
    bag
        n fragments of one sample.
    uniform
        (n, 2) numbers in [0, 1), the same for the donors of all versions.
    """
    called = bag.counts > 0
    drawn = bank.fragment_donors(bag, uniform)
    to_calls = bank.call_donors(bag, drawn, uniform)
    with_length = bag.with_stretch_of(bank.fragments, bank.length_donors(bag, drawn, uniform))
    with_calls = bag.with_states(_states(bag, bank.fragments, np.where(called, to_calls, -1)))
    with_both = bag.with_stretch_of(bank.fragments, drawn.donor).with_states(
        _states(bag, bank.fragments, drawn.donor)
    )
    return Swapped(
        versions=(bag, with_length, with_calls, with_both),
        matching=_matching(drawn, bag.locus > 0),
    )


def mean_matching(swaps: Sequence[Swapped]) -> dict[DiagnosticName, float]:
    """Return the donors' matching shares, averaged over bags."""
    return {name: float(np.mean([swapped.matching[name] for swapped in swaps])) for name in MATCHING}


def _matching(drawn: Draw, inside: np.ndarray) -> dict[DiagnosticName, float]:
    unmatched, relaxed = drawn.donor < 0, drawn.tier > 0
    blocks = max(int(inside.sum()), 1)
    shares = (
        unmatched.mean(),
        relaxed.mean(),
        (unmatched & inside).sum() / blocks,
        (relaxed & inside).sum() / blocks,
    )
    return dict(zip(MATCHING, map(float, shares), strict=True))


def _states(bag: FragmentInputs, donors: FragmentInputs, rows: np.ndarray) -> np.ndarray:
    states = bag.states.copy()
    matched = rows >= 0
    states[matched] = donors.states[rows[matched]]
    return states
