"""Embeddings on the disk, and their batches in an order that is another in each pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from cfdna_interp.representation.material import Material
from cfdna_interp.representation.sparse_training import Batches
from cfdna_interp.stats.resampling import stream

BATCH = 512  # embeddings; few enough that small cohorts give a thousand steps
_STRETCH = 2_048  # neighbouring rows that are read together
_BUFFER = 32  # stretches in memory, whose rows are shuffled with each other


def shuffled(array: np.ndarray, *, seed: int, size: int = BATCH) -> Batches:
    """Return the source of shuffled batches of an array that need not fit in memory.

    Stretches of rows are read in a random order, several at a time, and the rows of these are shuffled. What
    doesn't fill a batch is left out of a pass, unless there is no other.

    Parameters
    ----------
    array
        (n, dim) float32, e.g. a ``numpy.memmap``.
    seed
        With the number of a pass it chooses the order.
    size
        Embeddings in a batch.
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
    """Write the embeddings of fragments to a file, a sample at a time.

    The same fragments are drawn whatever the encoder, so that dictionaries of two encoders compare.

    Parameters
    ----------
    material
        The cohort.
    places
        Samples, by their place in the cohort.
    share
        The most that are drawn of each.
    path
        File to write.
    columns_apart
        Permute every dimension by itself over all fragments: what is left has the distribution of each
        dimension and no dependence among them.

    Returns
    -------
    (n, dim) float32 array on the disk.
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
