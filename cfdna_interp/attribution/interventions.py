"""Neutralising feature groups in a bag: ``swap`` replaces a group's values by a matched donor's.

It answers the question: what would the model say of this sample if, fragment by fragment, this group
were as it is among reference fragments of the same context? A donor fragment has the same number of
CpG calls, lies in the same class of locus, and is alike in the group that stays: own calls in the same
methylation class when only the length goes, own length in the same length class when only calls go.
Donors are drawn systematically, so that a bag takes on their distribution with little sampling noise.

The pool is the same for every sample, its own fragments included. Leaving a subject's own out would tie
what comes in to what went out: the rest of the pool is a little less like the subject, and a head that is
retrained on swapped bags can read that.
Every value put in was measured on a real fragment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import FragmentInputs

# What has been replaced in a version of a bag.
VERSIONS = ("own", "length", "calls", "both")
LENGTH_CLASSES = 8


@dataclass(frozen=True, eq=False)
class Swapped:
    """The four versions of a bag.

    Attributes
    ----------
    versions
        One ``FragmentInputs`` of the bag's n fragments per entry of ``VERSIONS``.
    unmatched
        Share of replacements that found no donor even at the coarsest match; these kept their own value.
    relaxed
        Share of replacements whose donor was found only after a criterion had been dropped.
    """

    versions: tuple[FragmentInputs, ...]
    unmatched: float
    relaxed: float


class DonorBank:
    """Reference fragments, indexed by what a donor must share with the fragment it donates to.

    Parameters
    ----------
    fragments
        Reference fragments of discovery samples, in random order.
    role
        The role the fragments come from; anything but ``discovery`` is refused.
    """

    def __init__(self, fragments: FragmentInputs, *, role: str) -> None:
        if role != "discovery":
            raise InputError(f"donors must come from the discovery cohort, not from role {role!r}")
        if len(fragments) == 0:
            raise InputError("the donor bank is empty; at least one reference fragment is needed")
        self.fragments = fragments
        inner = np.quantile(fragments.length, np.linspace(0, 1, LENGTH_CLASSES + 1)[1:-1])
        self.edges = np.unique(inner)
        context, count = _context(fragments), fragments.counts
        level, length = _level_class(fragments), self._length_class(fragments.length)
        # From the finest match to the coarsest; the number of calls is never given up.
        by_length = fragments.length
        by_level = _level(fragments)
        self._length = [_Cells(key, by_length) for key in (_key(context, level), _key(count, level), count)]
        self._calls = [_Cells(key, by_level) for key in (_key(context, length), context, count)]
        self._both = [_Cells(key, by_level, by_length) for key in (context, count)]

    def _length_class(self, length: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.edges, length, side="right")

    def swap(self, bag: FragmentInputs, uniform: np.ndarray) -> Swapped:
        """Return the bag as it is, with lengths, with calls, and with both replaced.

        Parameters
        ----------
        bag
            n fragments of one sample.
        uniform
            (n, 2) numbers in [0, 1); the same ones choose the donors of all versions.
        """
        context, count = _context(bag), bag.counts
        level, length = _level_class(bag), self._length_class(bag.length)
        own = np.arange(len(bag))
        to_length = self._draw(self._length, [_key(context, level), _key(count, level), count], uniform)
        to_calls = self._draw(self._calls, [_key(context, length), context, count], uniform)
        to_both = self._draw(self._both, [context, count], uniform)
        to_calls.donor[count == 0] = -1  # nothing to replace
        donors = self.fragments
        with_length = bag.with_length(
            _put(bag.length, donors.length, to_length.donor),
            _put(bag.offsets, donors.offsets, to_length.donor),
        )
        with_calls = bag.with_states(_put(bag.states, donors.states, to_calls.donor))
        with_both = bag.with_length(
            _put(bag.length, donors.length, to_both.donor), _put(bag.offsets, donors.offsets, to_both.donor)
        ).with_states(_put(bag.states, donors.states, to_both.donor))
        called = count > 0
        wanted = 2 * len(own) + int(called.sum())
        missing = sum(int((draw.donor < 0).sum()) for draw in (to_length, to_both))
        missing += int((to_calls.donor[called] < 0).sum())
        relaxed = sum(int((draw.tier > 0).sum()) for draw in (to_length, to_both))
        relaxed += int((to_calls.tier[called] > 0).sum())
        return Swapped(
            versions=(bag, with_length, with_calls, with_both),
            unmatched=missing / max(wanted, 1),
            relaxed=relaxed / max(wanted, 1),
        )

    def _draw(self, tiers: list[_Cells], keys: list[np.ndarray], uniform: np.ndarray) -> _Draw:
        donor = np.full(len(uniform), -1, dtype=np.int64)
        tier_of = np.zeros(len(uniform), dtype=np.int64)
        for tier, (cells, key) in enumerate(zip(tiers, keys, strict=True)):
            rows = np.flatnonzero(donor < 0)
            if len(rows) == 0:
                break
            donor[rows] = cells.pick(key[rows], uniform[rows])
            tier_of[rows[donor[rows] >= 0]] = tier
        return _Draw(donor, tier_of)


@dataclass(frozen=True, eq=False)
class _Draw:
    """donor: (n,) row of the bank, -1 none found; tier: (n,) 0 where the finest match held."""

    donor: np.ndarray
    tier: np.ndarray


class _Cells:
    """Rows grouped by key and ordered by values within a group, for drawing donors systematically.

    The fragments that ask for a donor of one key divide the group into equal slices, one each in random
    order. Any of them may get any donor, but together they get the group's own distribution, without
    the noise of independent draws.
    """

    def __init__(self, keys: np.ndarray, *values: np.ndarray) -> None:
        self.order = np.lexsort((*values[::-1], keys))
        self.keys, self.starts, self.sizes = np.unique(
            keys[self.order], return_index=True, return_counts=True
        )

    def pick(self, keys: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Return a row for each key, -1 where there is none."""
        cell = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found = self.keys[cell] == keys
        rank = (_slices(keys, uniform) * self.sizes[cell]).astype(np.int64)
        return np.where(found, self.order[self.starts[cell] + rank], -1)


def _slices(keys: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return (n,) numbers in [0, 1), one in each of equal slices within each key.

    The first column of ``uniform`` says who gets which slice, the second where in it.
    """
    order = np.lexsort((uniform[:, 0], keys))
    _, start, size = np.unique(keys[order], return_index=True, return_counts=True)
    rank = np.arange(len(keys)) - np.repeat(start, size)
    spaced = np.empty(len(keys))
    spaced[order] = (rank + uniform[order, 1]) / np.repeat(size, size)
    return spaced


def _put(own: np.ndarray, donors: np.ndarray, donor: np.ndarray) -> np.ndarray:
    result = own.copy()
    found = donor >= 0
    result[found] = donors[donor[found]]
    return result


def _context(fragments: FragmentInputs) -> np.ndarray:
    return _key(fragments.locus.astype(np.int64), fragments.counts)


def _key(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    key: np.ndarray = first.astype(np.int64) * 64 + second
    return key


def _level(fragments: FragmentInputs) -> np.ndarray:
    """Return (n,) share of methylated calls, 0 where there is no call."""
    share: np.ndarray = (fragments.states == 1).sum(axis=1) / np.maximum(fragments.counts, 1)
    return share


def _level_class(fragments: FragmentInputs) -> np.ndarray:
    """Return (n,) 0 no call, 1 at most a quarter methylated, 2 between, 3 at least three quarters."""
    level = _level(fragments)
    return np.where(fragments.counts == 0, 0, 1 + (level > 0.25) + (level >= 0.75))
