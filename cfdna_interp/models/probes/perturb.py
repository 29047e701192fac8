"""Fragments with one property changed, in such a way that they still exist on the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cfdna_interp.models.contract import FragmentInputs


def without_calls(fragments: FragmentInputs) -> FragmentInputs:
    """Return the fragments without CpG calls."""
    return replace(
        fragments,
        offsets=np.full_like(fragments.offsets, -1),
        states=np.full_like(fragments.states, -1),
    )


def trimmed(fragments: FragmentInputs, bases: np.ndarray) -> FragmentInputs:
    """Return the fragments with (n,) bases removed at their ends; calls must lie before these."""
    return replace(fragments, length=(fragments.length - bases).astype(fragments.length.dtype))


def flipped(fragments: FragmentInputs) -> FragmentInputs:
    """Return the fragments with methylated and unmethylated calls exchanged."""
    states = np.where(fragments.states >= 0, 1 - fragments.states, -1)
    return fragments.with_states(states.astype(fragments.states.dtype))


def all_calls(fragments: FragmentInputs, state: int) -> FragmentInputs:
    """Return the fragments with all calls in one state."""
    states = np.where(fragments.states >= 0, state, -1)
    return fragments.with_states(states.astype(fragments.states.dtype))


def exchanged(values: np.ndarray) -> np.ndarray:
    """Return permuted values in which each row has a different value if possible."""
    order = np.argsort(values, kind="stable")
    # A shift by half of the sorted order gives the same value only if more than half of all rows share it.
    partner = np.empty_like(order)
    partner[order] = np.roll(order, -(len(values) // 2))
    return values[partner]


def moved_away(fragments: FragmentInputs) -> FragmentInputs:
    """Return the fragments at places of others that are at least as long, so that they end in a contig."""
    order = np.argsort(fragments.length, kind="stable")
    place = fragments.place.copy()
    place[order[:-1]] = fragments.place[order[1:]]
    return replace(fragments, place=place)


def halves(fragments: FragmentInputs) -> tuple[FragmentInputs, FragmentInputs]:
    """Cut each fragment in the middle into two adjacent parts with their own calls."""
    cut = fragments.length // 2
    called = fragments.offsets >= 0
    first = called & (fragments.offsets < cut[:, None])
    left = replace(
        fragments,
        length=cut.astype(fragments.length.dtype),
        offsets=np.where(first, fragments.offsets, -1).astype(fragments.offsets.dtype),
        states=np.where(first, fragments.states, -1).astype(fragments.states.dtype),
    )
    second = called & ~first
    # Calls are packed to the front of a row in their order.
    order = np.argsort(~second, axis=1, kind="stable")
    offsets = np.where(second, fragments.offsets - cut[:, None], -1)
    right = replace(
        fragments,
        length=(fragments.length - cut).astype(fragments.length.dtype),
        offsets=np.take_along_axis(offsets, order, axis=1).astype(fragments.offsets.dtype),
        states=np.take_along_axis(np.where(second, fragments.states, -1), order, axis=1).astype(
            fragments.states.dtype
        ),
        place=np.where(fragments.place >= 0, fragments.place + cut, -1),
    )
    return left, right
