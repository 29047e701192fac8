"""Convert fragment tables to the bags of fragments that a model reads."""

from __future__ import annotations

import zlib

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import common_name
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs
from cfdna_interp.models.reference_line import contig_starts

REGIONS = 64
REGION_BP = 5_000_000


def locus_classes(atlas: Atlas | None) -> tuple[np.ndarray, int]:
    """Return (blocks,) locus class of each atlas block, and the number of classes.

    Class 0 is for fragments that touch no block. Blocks that mark the same cell type in the same direction
    share a class.
    """
    if atlas is None:
        return np.zeros(0, dtype=np.int64), 1
    marks = [
        f"{target}/{direction}" for target, direction in zip(atlas.targets, atlas.directions, strict=True)
    ]
    names = sorted(set(marks))
    return np.array([1 + names.index(mark) for mark in marks], dtype=np.int64), 1 + len(names)


def inputs_of(
    table: FragmentTable, block_classes: np.ndarray, contig_starts: dict[str, int] | None = None
) -> FragmentInputs:
    """Turn a fragment table into model inputs.

    Parameters
    ----------
    table
        Fragments of one sample.
    block_classes
        (blocks,) from :func:`locus_classes`.
    contig_starts
        Common name of a contig -> its start on the concatenated reference. Without it fragments have no
        place.

    Returns
    -------
    Inputs of the same n fragments. Only the first ``MAX_CALLS`` calls of a fragment are used.
    """
    n = len(table)
    offsets = np.full((n, MAX_CALLS), -1, dtype=np.int16)
    states = np.full((n, MAX_CALLS), -1, dtype=np.int8)
    counts = table.cpg_counts
    rows = np.repeat(np.arange(n), counts)
    ranks = np.arange(len(rows)) - np.repeat(table.cpg_splits[:-1], counts)
    within = ranks < MAX_CALLS
    # A CpG that straddles the fragment's start has an offset of -1. It is set to 0, since -1 means no call.
    offsets[rows[within], ranks[within]] = np.clip(table.cpg_offsets[within], 0, np.iinfo(np.int16).max)
    states[rows[within], ranks[within]] = table.cpg_states[within]
    locus = np.zeros(n, dtype=np.int16)
    touching = table.block >= 0
    locus[touching] = block_classes[table.block[touching]]
    keys = np.array([zlib.crc32(common_name(name).encode()) for name in table.contig_names], dtype=np.int64)
    region = (keys[table.contig] + 2_654_435_761 * (table.start.astype(np.int64) // REGION_BP)) % REGIONS
    return FragmentInputs(
        length=table.length.astype(np.int32),
        offsets=offsets,
        states=states,
        locus=locus,
        region=region.astype(np.int16),
        place=_places(table, contig_starts or {}),
        strand=table.strand.astype(np.int8),
    )


def _places(table: FragmentTable, contig_starts: dict[str, int]) -> np.ndarray:
    starts = np.array(
        [contig_starts.get(common_name(name), -1) for name in table.contig_names], dtype=np.int64
    )
    origin = starts[table.contig]
    return np.where(origin >= 0, origin + table.start, -1)


def starts_of(config: Config) -> dict[str, int] | None:
    """Return the starts of contigs on the run's concatenated reference, or None without a FASTA."""
    return None if config.reference.fasta is None else contig_starts(config.reference.fasta)


class ContextMix:
    """Shares of the context cells in the discovery pool.

    A cell is a class of locus with a number of CpG calls. Bags are drawn with the pool's mix of cells (direct
    standardisation). Otherwise the number of calls, which grows with fragment length, would reveal to a model
    the lengths that an intervention has removed.

    Parameters
    ----------
    parts
        Fragments of each discovery sample. Every sample has the same weight.
    """

    def __init__(self, parts: list[FragmentInputs]) -> None:
        cells = [context_cells(part) for part in parts]
        self.cells = np.unique(np.concatenate(cells))
        shares = [np.bincount(np.searchsorted(self.cells, part), minlength=len(self.cells)) for part in cells]
        self.shares = np.mean([share / share.sum() for share in shares], axis=0)

    def bag_rows(
        self, fragments: FragmentInputs, bags: int, size: int, rng: np.random.Generator, *, sample: str
    ) -> np.ndarray:
        """Draw bags with the pool's mix, without replacement; bags overlap only if a cell is too small.

        Fragments that are missing in a cell are taken from the cell with the next number of calls.

        Returns
        -------
        (bags, size) row indices into the sample's n fragments.

        Raises
        ------
        InputError
            The sample has fewer fragments than one bag.
        """
        n = len(fragments)
        if n < size:
            raise InputError(
                f"sample {sample}: {n} fragments are fewer than a bag of {size}; lower model.bag_size, or "
                "raise extract.min_fragments so that the sample is excluded"
            )
        # Rows are in random order within a cell. Cells that are not in the pool join the cell before them.
        shuffled = rng.permutation(n)
        place = np.maximum(np.searchsorted(self.cells, context_cells(fragments)[shuffled], "right") - 1, 0)
        order = shuffled[np.argsort(place, kind="stable")]
        held = np.bincount(place, minlength=len(self.cells))
        starts = np.cumsum(held) - held
        result = np.empty((bags, size), dtype=np.int64)
        used = np.zeros(len(held), dtype=np.int64)
        for bag in range(bags):
            take = _fill(_quotas(self.shares, size, rng), held)
            # Each bag continues in a cell where the bag before stopped, and starts over at the cell's end.
            within = np.arange(size) - np.repeat(np.cumsum(take) - take, take)
            ranks = (np.repeat(used, take) + within) % np.repeat(np.maximum(held, 1), take)
            result[bag] = order[np.repeat(starts, take) + ranks]
            used += take
        return result


def _quotas(shares: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Round ``shares * size`` to quotas that sum to ``size``, each within one of its expectation."""
    edges = np.floor(np.concatenate([[0], np.cumsum(shares)]) * size + rng.random())
    edges[0], edges[-1] = 0, size
    return np.diff(edges).astype(np.int64)


def _fill(quotas: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Take each cell's quota from its fragments, and any shortfall from the next cells, cyclically."""
    take: np.ndarray = np.minimum(quotas, held)
    owed = quotas - take
    debt = 0
    for cell in [*range(len(held)), *range(len(held))]:
        debt, owed[cell] = debt + owed[cell], 0
        extra = min(debt, held[cell] - take[cell])
        take[cell] += extra
        debt -= extra
    return take


def context_cells(fragments: FragmentInputs) -> np.ndarray:
    """Return the (n,) context cell of each fragment: its locus class and its number of CpG calls."""
    cells: np.ndarray = fragments.locus.astype(np.int64) * (MAX_CALLS + 1) + fragments.counts
    return cells
