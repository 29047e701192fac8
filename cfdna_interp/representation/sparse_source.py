"""Embeddings on disk, and their batches in an order that differs between passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from cfdna_interp.representation.material import Material
from cfdna_interp.representation.sparse_training import Batches
from cfdna_interp.stats.resampling import stream

BATCH = 512  # embeddings; small enough for a thousand steps in small cohorts
_STRETCH = 2_048  # neighbouring rows that are read together
_BUFFER = 32  # blocks of rows in memory, whose rows are shuffled with each other


def shuffled(array: np.ndarray, *, seed: int, size: int = BATCH) -> Batches:
    """Return the source of shuffled batches of an array that need not fit in memory.

    Blocks of rows are read in a random order, several at a time, and their rows are shuffled. An incomplete
    batch is left out of a pass, unless it is the only one.

    Parameters
    ----------
    array
        (n, dim) float32, e.g. a ``numpy.memmap``.
    seed
        Seed of the order, together with the number of a pass.
    size
        Embeddings per batch.
    """
    size = min(size, len(array))

    def batches(number: int) -> Iterator[torch.Tensor]:
        rng = stream(seed, "batches", number)
        order = rng.permutation(-(-len(array) // _STRETCH)) * _STRETCH
        left = array[:0]
        for first in range(0, len(order), _BUFFER):
            starts = order[first : first + _BUFFER]
            rows = np.concatenate([left, *(array[start : start + _STRETCH] for start in starts)])
            rows = rows[rng.permutation(len(rows))]
            whole = len(rows) // size * size
            yield from torch.from_numpy(rows[:whole]).split(size)
            left = rows[whole:]

    return batches


def draw_embeddings(
    material: Material, places: np.ndarray, share: int, path: Path, *, columns_apart: bool = False
) -> np.ndarray:
    """Write the embeddings of fragments to a file, one sample at a time.

    The drawn fragments don't depend on the encoder, so that dictionaries of two encoders are comparable.

    Parameters
    ----------
    material
        The cohort.
    places
        Indices of samples in the cohort.
    share
        Largest number of fragments per sample.
    path
        File to write.
    columns_apart
        Whether to permute every dimension separately over all fragments. This keeps the distribution of each
        dimension and removes the dependence among them.

    Returns
    -------
    (n, dim) float32 array on disk.
    """
    with path.open("wb") as handle:
        for place in places:
            rng = stream(material.seed, "dictionary", "fragments", material.samples[place].sample)
            handle.write(material.chosen(place, share, rng).embeddings.numpy().tobytes())
    array = np.memmap(path, dtype=np.float32, mode="r+").reshape(-1, material.encoder.dim)
    if columns_apart:
        rng = stream(material.seed, "dictionary", "columns")
        for column in range(array.shape[1]):
            array[:, column] = rng.permutation(array[:, column])
    return array
