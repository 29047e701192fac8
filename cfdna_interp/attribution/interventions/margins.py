"""Marginals: distributions of each feature group in a pool and in a bag, in classes that a bag can fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.attribution.interventions.raking import onto_occupied
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs

LENGTH_BP = 2  # width of a class of lengths with many fragments
FLOOR = 5  # expected fragments of a bag in a class; smaller classes are joined to a neighbour

_LEVELS = 3  # at most a quarter of the calls methylated, in between, at least three quarters
_FEW_CALLS = 2  # up to this number of calls a level says little about the molecule and has its own strata


@dataclass(frozen=True, eq=False)
class Marginal:
    """A group in a bag of n fragments.

    Attributes
    ----------
    codes
        (n,) class of each fragment.
    own
        (classes,) shares in the bag.
    reference
        (classes,) shares of the reference in the bag's context, only for classes that occur in the bag.
    moved
        Share of the reference's mass whose class has no fragment in the bag, or of the bag without a
        reference in its context.
    """

    codes: np.ndarray
    own: np.ndarray
    reference: np.ndarray
    moved: float


class ReferenceMargins:
    """Distributions of each group among reference fragments, by context.

    Classes of length are 2 bp wide where a bag has enough fragments. In the tails neighbours are joined,
    since the weight of a class of three fragments would be mostly noise. Methylation has three levels for
    fragments with one or two calls and three for those with more. Its seventh and eighth class, fragments
    without calls and fragments inside blocks, are context. Tissue of origin has levels within locus classes.
    Loci of similar level are joined until a bag has enough fragments outside their most common level, because
    a marker whose rare level occurs twice in a bag carries little information.

    Parameters
    ----------
    fragments
        Fragments of a donor pool.
    bag_size
        Number of fragments in the bags that will be weighted.
    """

    def __init__(self, fragments: FragmentInputs, *, bag_size: int) -> None:
        # The floor in fragments of the pool. A pool smaller than a bag needs the same number per class.
        floor = FLOOR * max(len(fragments) / bag_size, 1.0)
        self._count_class = _join(np.bincount(fragments.counts, minlength=MAX_CALLS + 1), floor)
        self._locus_class = _join_loci(fragments, floor)
        stratum, length = self._length_codes(fragments)
        classes = _join(np.bincount(length), floor)
        # Classes of length are the same in every context. Those of levels depend on context.
        self._length = _Margin(stratum, length, np.tile(classes, (2 * (self._count_class[-1] + 1), 1)), None)
        self._methylation = _levels_margin(*self._methylation_codes(fragments), 4, floor)
        self._tissue = _levels_margin(*self._tissue_codes(fragments), self._locus_class[-1] + 1, floor)

    def groups(self, bag: FragmentInputs) -> list[Marginal]:
        """Return the marginals of a bag's n fragments, one per group in the order of ``BAG_GROUPS``."""
        return [
            self._length.marginal(*self._length_codes(bag)),
            self._methylation.marginal(*self._methylation_codes(bag)),
            self._tissue.marginal(*self._tissue_codes(bag)),
        ]

    def context(self, bag: FragmentInputs) -> list[np.ndarray]:
        """Return (n,) classes of the locus and of the number of calls, which every coalition holds fixed."""
        return [self._locus(bag), self._count_class[bag.counts]]

    def _locus(self, fragments: FragmentInputs) -> np.ndarray:
        locus: np.ndarray = self._locus_class[np.minimum(fragments.locus, len(self._locus_class) - 1)]
        return locus

    def _length_codes(self, fragments: FragmentInputs) -> tuple[np.ndarray, np.ndarray]:
        return 2 * self._count_class[fragments.counts] + (fragments.locus > 0), fragments.length // LENGTH_BP

    def _methylation_codes(self, fragments: FragmentInputs) -> tuple[np.ndarray, np.ndarray]:
        counts = fragments.counts
        stratum = np.where(fragments.locus > 0, 0, 1 + (counts > 0) + (counts > _FEW_CALLS))
        return stratum, np.where(stratum > 1, _level(fragments), 0)

    def _tissue_codes(self, fragments: FragmentInputs) -> tuple[np.ndarray, np.ndarray]:
        # Stratum 0 has no values of this group: fragments outside the blocks or without calls.
        stratum = np.where(fragments.counts > 0, self._locus(fragments), 0)
        return stratum, np.where(stratum > 0, _level(fragments), 0)


class _Margin:
    """Shares of classes within each stratum of context, in the reference.

    ``lookup`` (strata, values) gives the class of a value in a stratum. Its last column is for all larger
    values. ``kin`` (classes,) gives the stratum of a class, or None if strata share their classes.
    """

    def __init__(
        self, stratum: np.ndarray, value: np.ndarray, lookup: np.ndarray, kin: np.ndarray | None
    ) -> None:
        self._lookup = lookup
        classes = int(lookup.max()) + 1
        self._kin = np.zeros(classes, dtype=np.int64) if kin is None else kin
        flat = np.bincount(stratum * classes + lookup[stratum, value], minlength=len(lookup) * classes)
        table = flat.reshape(len(lookup), classes)
        self._shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        self._known: np.ndarray = table.sum(axis=1) > 0

    def marginal(self, stratum: np.ndarray, value: np.ndarray) -> Marginal:
        codes = self._lookup[stratum, np.minimum(value, self._lookup.shape[1] - 1)]
        n, (strata, classes) = len(codes), self._shares.shape
        mix = np.bincount(stratum, minlength=strata) / n
        own = np.bincount(codes, minlength=classes) / n
        # In a context without reference fragments the sample is left unchanged.
        strange = ~self._known[stratum]
        unknown = np.bincount(codes[strange], minlength=classes) / n
        reference, moved = onto_occupied(mix @ self._shares + unknown, own, self._kin)
        return Marginal(codes, own, reference, moved + float(unknown.sum()))


def _levels_margin(stratum: np.ndarray, level: np.ndarray, strata: int, floor: float) -> _Margin:
    """Return the margin of levels, with small neighbouring classes joined within each stratum."""
    table = np.bincount(stratum * _LEVELS + level, minlength=strata * _LEVELS).reshape(strata, _LEVELS)
    lookup = np.zeros((strata, _LEVELS), dtype=np.int64)
    kin: list[int] = []
    for number, held in enumerate(table):
        lookup[number] = len(kin) + _join(held, floor)
        kin += [number] * (lookup[number, -1] + 1 - len(kin))
    return _Margin(stratum, level, lookup, np.array(kin))


def _join(held: np.ndarray, floor: float) -> np.ndarray:
    """Join neighbouring items until each class has enough.

    Parameters
    ----------
    held
        (items,) counts in order, or (items, levels), of which all levels but the largest are counted.
    floor
        Smallest count of a class. A smaller rest at the end joins the class before.

    Returns
    -------
    (items,) class from 0.
    """
    joined = np.zeros(len(held), dtype=np.int64)
    number, sums = 0, np.zeros(held.shape[1:])
    for item, row in enumerate(held):
        joined[item] = number
        sums = sums + row
        if sums.sum() - (sums.max() if sums.ndim else 0) >= floor:
            number, sums = number + 1, np.zeros(held.shape[1:])
    return np.minimum(joined, max(number - 1, 0))


def _join_loci(fragments: FragmentInputs, floor: float) -> np.ndarray:
    """Return (loci + 1,) joined classes: 0 is outside the blocks, the last one is for unknown loci."""
    called = (fragments.locus > 0) & (fragments.counts > 0)
    loci = int(fragments.locus.max()) + 1
    code = fragments.locus[called].astype(np.int64) * _LEVELS + _level(fragments)[called]
    table = np.bincount(code, minlength=loci * _LEVELS).reshape(loci, _LEVELS)
    seen = np.flatnonzero(table.any(axis=1))
    mean = table[seen] @ np.arange(_LEVELS) / table[seen].sum(axis=1)
    order = seen[np.argsort(mean, kind="stable")]
    classes = 1 + _join(table[order], floor)
    result = np.full(loci + 1, classes.max(initial=0) + 1)
    result[0] = 0
    result[order] = classes
    return result


def _level(fragments: FragmentInputs) -> np.ndarray:
    """Return (n,) level: 0 up to a quarter of the calls methylated, 2 from three quarters, else 1."""
    share = (fragments.states == 1).sum(axis=1) / np.maximum(fragments.counts, 1)
    level: np.ndarray = (share > 0.25).astype(np.int64) + (share >= 0.75)
    return level
