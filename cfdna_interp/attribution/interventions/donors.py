"""Donors: fragments of a pool, indexed by the properties in which a donor must match the other fragment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import FragmentInputs


@dataclass(frozen=True, eq=False)
class Draw:
    """The donor of each fragment.

    Attributes
    ----------
    donor
        (n,) row of the bank, -1 where no donor was found.
    tier
        (n,) 0 for the finest match, larger numbers if criteria were dropped.
    cell
        (n,) number of the cell: fragments of a cell and their donors share the matching properties.
    """

    donor: np.ndarray
    tier: np.ndarray
    cell: np.ndarray


class DonorBank:
    """Reference fragments, indexed by the properties in which a donor must match the other fragment.

    Parameters
    ----------
    fragments
        Reference fragments of discovery samples, in random order.
    role
        The role that the fragments come from. Any role except ``discovery`` is refused.
    """

    def __init__(self, fragments: FragmentInputs, *, role: str) -> None:
        if role != "discovery":
            raise InputError(f"donors must come from the discovery cohort, not from role {role!r}")
        if len(fragments) == 0:
            raise InputError("the donor bank is empty; at least one reference fragment is needed")
        self.fragments = fragments
        self._level = fragments.level
        # Tiers go from the finest match to the coarsest. All of them match the number of calls and the side
        # of the border of atlas blocks. Calls inside belong to the tissue, and levels differ much across the
        # border.
        self._tiers = [_Cells(key, self._level, fragments.length) for key in _keys(fragments)]

    def fragment_donors(self, bag: FragmentInputs, uniform: np.ndarray) -> Draw:
        """Draw donors of both length and calls, matched in context (locus class and number of calls)."""
        donor = np.full(len(uniform), -1, dtype=np.int64)
        tier_of, cell = np.zeros(len(uniform), dtype=np.int64), np.zeros(len(uniform), dtype=np.int64)
        for tier, (cells, key) in enumerate(zip(self._tiers, _keys(bag), strict=True)):
            rows = np.flatnonzero(donor < 0)
            if len(rows) == 0:
                break
            donor[rows] = cells.pick(key[rows], uniform[rows])
            matched = rows[donor[rows] >= 0]
            tier_of[matched], cell[matched] = tier, len(self._tiers) * key[matched] + tier
        return Draw(donor, tier_of, cell)

    def length_donors(self, bag: FragmentInputs, drawn: Draw, uniform: np.ndarray) -> np.ndarray:
        """Assign the drawn donors by methylation level, for fragments that keep their calls: (n,) rows."""
        return _dealt(drawn, bag.level, self._level, uniform)

    def call_donors(self, bag: FragmentInputs, drawn: Draw, uniform: np.ndarray) -> np.ndarray:
        """Assign the drawn donors by length, for fragments that keep their length: (n,) rows."""
        return _dealt(drawn, bag.length, self.fragments.length, uniform)


def _dealt(drawn: Draw, own: np.ndarray, theirs: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Assign to each fragment of a cell the donor of the same rank among the cell's donors.

    The cell's set of donors doesn't change, so it doesn't depend on the sample's own values. Ties are broken
    at random.
    """
    rows = np.flatnonzero(drawn.donor >= 0)
    donors, cell, chance = drawn.donor[rows], drawn.cell[rows], uniform[rows, 0]
    taking, giving = np.lexsort((chance, own[rows], cell)), np.lexsort((chance, theirs[donors], cell))
    result = drawn.donor.copy()
    result[rows[taking]] = donors[giving]
    return result


class _Cells:
    """Rows grouped by key and ordered by values within a group, for drawing donors systematically.

    The fragments that need a donor of one key divide the group into equal slices, one each in random order.
    Any of them may get any donor. Together they get the group's distribution, without the noise of
    independent draws.
    """

    def __init__(self, keys: np.ndarray, *values: np.ndarray) -> None:
        self.order = np.lexsort((*values[::-1], keys))
        self.keys, self.starts, self.sizes = np.unique(
            keys[self.order], return_index=True, return_counts=True
        )

    def pick(self, keys: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """Return a row for each key, or -1 if there is none."""
        cell = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        exists = self.keys[cell] == keys
        rank = (_slices(keys, uniform) * self.sizes[cell]).astype(np.int64)
        return np.where(exists, self.order[self.starts[cell] + rank], -1)


def _slices(keys: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return (n,) numbers in [0, 1), one in each of equal slices within each key.

    The first column of ``uniform`` decides the slice, the second the place in it.
    """
    order = np.lexsort((uniform[:, 0], keys))
    _, start, size = np.unique(keys[order], return_index=True, return_counts=True)
    rank = np.arange(len(keys)) - np.repeat(start, size)
    spaced = np.empty(len(keys))
    spaced[order] = (rank + uniform[order, 1]) / np.repeat(size, size)
    return spaced


def _keys(fragments: FragmentInputs) -> list[np.ndarray]:
    """Return the (n,) keys of each tier: number of calls with locus class, or with inside/outside blocks."""
    counts, locus = fragments.counts.astype(np.int64), fragments.locus.astype(np.int64)
    return [locus * 64 + counts, (locus > 0) * 64 + counts]
