"""Donors: fragments of a pool, indexed by what a donor must share with the fragment it donates to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import FragmentInputs


@dataclass(frozen=True, eq=False)
class Draw:
    """Who donates to each fragment.

    Attributes
    ----------
    donor
        (n,) row of the bank, -1 where no donor was found.
    tier
        (n,) 0 where the finest match held, more where criteria were dropped.
    cell
        (n,) number of what donor and fragment share, the same in all fragments of a cell.
    """

    donor: np.ndarray
    tier: np.ndarray
    cell: np.ndarray


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
        self._level = fragments.level
        # From the finest match to the coarsest; the number of calls is never given up, nor the side of the
        # border of atlas blocks: what is called inside tells the tissue, and levels differ much across it.
        self._tiers = [_Cells(key, self._level, fragments.length) for key in _keys(fragments)]

    def fragment_donors(self, bag: FragmentInputs, uniform: np.ndarray) -> Draw:
        """Draw who donates length and calls at once: alike in context, that is in locus class and count."""
        donor = np.full(len(uniform), -1, dtype=np.int64)
        tier_of, cell = np.zeros(len(uniform), dtype=np.int64), np.zeros(len(uniform), dtype=np.int64)
        for tier, (cells, key) in enumerate(zip(self._tiers, _keys(bag), strict=True)):
            rows = np.flatnonzero(donor < 0)
            if len(rows) == 0:
                break
            donor[rows] = cells.pick(key[rows], uniform[rows])
            found = rows[donor[rows] >= 0]
            tier_of[found], cell[found] = tier, len(self._tiers) * key[found] + tier
        return Draw(donor, tier_of, cell)

    def length_donors(self, bag: FragmentInputs, drawn: Draw, uniform: np.ndarray) -> np.ndarray:
        """Deal the drawn donors out by methylation level: (n,) rows, for fragments that keep their calls."""
        return _dealt(drawn, bag.level, self._level, uniform)

    def call_donors(self, bag: FragmentInputs, drawn: Draw, uniform: np.ndarray) -> np.ndarray:
        """Deal the drawn donors out by length: (n,) rows, for fragments that keep their length."""
        return _dealt(drawn, bag.length, self.fragments.length, uniform)


def _dealt(drawn: Draw, own: np.ndarray, theirs: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Give each fragment of a cell the donor whose value ranks among the cell's donors as its own does.

    The cell gets the same donors as before, whatever the sample's own values are; equals are dealt at random.
    """
    rows = np.flatnonzero(drawn.donor >= 0)
    donors, cell, chance = drawn.donor[rows], drawn.cell[rows], uniform[rows, 0]
    taking, giving = np.lexsort((chance, own[rows], cell)), np.lexsort((chance, theirs[donors], cell))
    result = drawn.donor.copy()
    result[rows[taking]] = donors[giving]
    return result


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


def _keys(fragments: FragmentInputs) -> list[np.ndarray]:
    """Return the (n,) keys of each tier: number of calls with locus class, or with in or out of blocks."""
    counts, locus = fragments.counts.astype(np.int64), fragments.locus.astype(np.int64)
    return [locus * 64 + counts, (locus > 0) * 64 + counts]
