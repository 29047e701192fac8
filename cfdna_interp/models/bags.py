"""From fragment tables to the bags of fragments that a model reads."""

from __future__ import annotations

import zlib

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import MAX_CALLS, FragmentInputs

REGIONS = 64
REGION_BP = 5_000_000


def locus_classes(atlas: Atlas | None) -> tuple[np.ndarray, int]:
    """Return (blocks,) locus class of each atlas block, and the number of classes.

    Class 0 is left to fragments that touch no block; blocks that mark the same cell type in the same
    direction share a class.
    """
    if atlas is None:
        return np.zeros(0, dtype=np.int64), 1
    marks = [
        f"{target}/{direction}" for target, direction in zip(atlas.targets, atlas.directions, strict=True)
    ]
    names = sorted(set(marks))
    return np.array([1 + names.index(mark) for mark in marks], dtype=np.int64), 1 + len(names)


def inputs_of(table: FragmentTable, block_classes: np.ndarray) -> FragmentInputs:
    """Turn a fragment table into model inputs.

    Parameters
    ----------
    table
        Fragments of one sample.
    block_classes
        (blocks,) from :func:`locus_classes`.

    Returns
    -------
    Inputs of the same n fragments. Of more than ``MAX_CALLS`` calls the first ones are kept.
    """
    n = len(table)
    offsets = np.full((n, MAX_CALLS), -1, dtype=np.int16)
    states = np.full((n, MAX_CALLS), -1, dtype=np.int8)
    counts = table.cpg_counts
    rows = np.repeat(np.arange(n), counts)
    ranks = np.arange(len(rows)) - np.repeat(table.cpg_splits[:-1], counts)
    kept = ranks < MAX_CALLS
    # A CpG that straddles the fragment's start lies at -1; it is placed at 0, since -1 means no call.
    offsets[rows[kept], ranks[kept]] = np.clip(table.cpg_offsets[kept], 0, np.iinfo(np.int16).max)
    states[rows[kept], ranks[kept]] = table.cpg_states[kept]
    locus = np.zeros(n, dtype=np.int16)
    touching = table.block >= 0
    locus[touching] = block_classes[table.block[touching]]
    keys = np.array([zlib.crc32(name.encode()) for name in table.contig_names], dtype=np.int64)
    region = (keys[table.contig] + 2_654_435_761 * (table.start.astype(np.int64) // REGION_BP)) % REGIONS
    return FragmentInputs(
        length=table.length.astype(np.int32),
        offsets=offsets,
        states=states,
        locus=locus,
        region=region.astype(np.int16),
    )


def bag_rows(n: int, bags: int, size: int, rng: np.random.Generator, *, sample: str) -> np.ndarray:
    """Draw bags of fragments without replacement; bags overlap only where the sample is too small.

    Returns
    -------
    (bags, size) row indices into the sample's n fragments.

    Raises
    ------
    InputError
        The sample holds fewer fragments than one bag.
    """
    if n < size:
        raise InputError(
            f"sample {sample}: {n} fragments are fewer than a bag of {size}; lower model.bag_size, or raise "
            "extract.min_fragments so that the sample is excluded"
        )
    # Every bag lies within one permutation, so that no fragment occurs twice in it.
    per_permutation = n // size
    order = np.concatenate([rng.permutation(n) for _ in range(-(-bags // per_permutation))])
    starts = [(bag // per_permutation) * n + (bag % per_permutation) * size for bag in range(bags)]
    return np.stack([order[start : start + size] for start in starts])
