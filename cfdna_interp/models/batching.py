"""Batches of sequences by a budget of tokens, with little padding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cfdna_interp.models.contract import FragmentInputs


def batches(counts: np.ndarray, token_budget: int) -> Iterator[np.ndarray]:
    """Yield the rows of each batch, shortest sequences first.

    Sequences of similar length share a batch, which is padded to its longest member.

    Parameters
    ----------
    counts
        (n,) tokens of each sequence.
    token_budget
        Tokens per batch, padding counted. A longer sequence is a batch by itself.

    Yields
    ------
    Integer arrays that together contain every row once.
    """
    order = np.argsort(counts, kind="stable")
    sizes = counts[order]
    start = 0
    while start < len(order):
        # The longest member of a batch is its last one, so the padded size grows with every row.
        ahead = sizes[start : start + max(token_budget // max(int(sizes[start]), 1), 1)]
        padded = ahead * np.arange(1, len(ahead) + 1)
        end = start + max(int(np.searchsorted(padded, token_budget, side="right")), 1)
        yield order[start:end]
        start = end


def pad(rows: list[np.ndarray], value: int) -> np.ndarray:
    """Return (rows, longest) int64 with ``value`` to the right of shorter rows."""
    result = np.full((len(rows), max(map(len, rows))), value, dtype=np.int64)
    for row, numbers in zip(result, rows, strict=True):
        row[: len(numbers)] = numbers
    return result


def distinct(fragments: FragmentInputs) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of fragments that differ in place, strand or calls, and the index of each fragment in them.

    Returns
    -------
    (distinct,) rows in order of first occurrence, and (n,) indices into them.
    """
    n = len(fragments)
    if not n:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    columns = [fragments.place, fragments.length, fragments.strand, fragments.offsets, fragments.states]
    packed = np.concatenate(
        [np.ascontiguousarray(column).reshape(n, -1).view(np.uint8) for column in columns], axis=1
    )
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1])))[:, 0]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse]
