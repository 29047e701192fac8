"""Neutralising feature groups in a bag: ``swap`` replaces a group's values by a matched donor's.

It answers the question: what would the model say of this sample if, fragment by fragment, this group
were as it is among reference fragments of the same context? A donor fragment has the same number of
CpG calls and lies in the same class of locus. Donors are drawn systematically, so that a bag takes on their
distribution with little sampling noise, and all versions take from the same donors of a context.

The group that stays decides which of them a fragment gets: the one of the same rank in it. When only the
length goes, the most methylated fragment of a context takes the length of its most methylated donor; when
only calls go, the shortest takes the calls of the shortest. So length and calls of a fragment still fit
together as they do among reference fragments, while what comes in has the reference's distribution whatever
stays. Donors alike in the value itself would not have it: where the sample is less methylated than the
reference, and lengths follow methylation, they would bring the lengths of little methylated fragments,
and the group that has gone would speak for the one that stays.

The pool is the same for every sample, its own fragments included. Leaving a subject's own out would tie
what comes in to what went out: the rest of the pool is a little less like the subject, and a head that is
retrained on swapped bags can read that.
Every value put in was measured on a real fragment.
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
        Share of fragments without a donor (``unmatched``: no donor has as many calls on the same side of the
        border of atlas blocks; these kept their own values) and share whose donor lies in another class of
        locus (``relaxed``); and the same two of fragments in atlas blocks alone, which are few and tell the
        tissue of origin (``unmatched_in_blocks``, ``relaxed_in_blocks``).
    """

    versions: tuple[FragmentInputs, ...]
    matching: dict[DiagnosticName, float]


def swap(bank: DonorBank, bag: FragmentInputs, uniform: np.ndarray) -> Swapped:
    """Return the bag as it is, with lengths, with calls, and with both replaced.

    A length comes with the stretch of genome it was measured on: with its place, for encoders that read the
    bases, and with the positions of its calls.

    Parameters
    ----------
    bank
        Fragments that donate.
    bag
        n fragments of one sample.
    uniform
        (n, 2) numbers in [0, 1); the same ones choose the donors of all versions.
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
    """Return how donors matched on average over bags."""
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
    found = rows >= 0
    states[found] = donors.states[rows[found]]
    return states
