"""Coalitions of feature groups, and the versions of a bag in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from cfdna_interp.artifacts.features import BAG_GROUPS


def coalitions_of(groups: int) -> tuple[tuple[bool, ...], ...]:
    """Return every subset of this many groups, as present or not, from the empty one to all groups."""
    return tuple(product((False, True), repeat=groups))


def coalition_index(present: Iterable[bool]) -> int:
    """Return the index of a coalition in :func:`coalitions_of`."""
    place = 0
    for there in present:
        place = 2 * place + bool(there)
    return place


def coalition_name(groups: Sequence[str], present: Iterable[bool]) -> str:
    """Return the names of the present groups, joined by ``+``, or ``none``."""
    return "+".join(group for group, on in zip(groups, present, strict=True) if on) or "none"


# Every subset of the groups in a bag, as (length, methylation, tissue) present or not.
COALITIONS: tuple[tuple[bool, ...], ...] = coalitions_of(len(BAG_GROUPS))
COALITION_NAMES: tuple[str, ...] = tuple(coalition_name(BAG_GROUPS, present) for present in COALITIONS)


def versions_of(present: tuple[bool, ...]) -> tuple[int, int]:
    """Return the version of fragments outside atlas blocks and the version of those inside.

    The calls of a fragment belong to methylation outside the blocks and to tissue of origin inside.
    Versions are numbered as in ``swap.VERSIONS``: 1 for a swapped length plus 2 for swapped calls.
    """
    length, methylation, tissue = present
    return (not length) + 2 * (not methylation), (not length) + 2 * (not tissue)
