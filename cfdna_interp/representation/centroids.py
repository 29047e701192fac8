"""Mean embedding by fragment length, with the context of fragments held fixed.

Longer fragments have more CpGs and touch marker blocks more often. A plain mean by length would therefore
also show effects of CpG counts and loci. Context is held fixed in two ways. The main effect of each stratum,
from a regression on length and stratum, is subtracted from every embedding. And fragments are weighted so
that every length has the pool's mix of strata (direct standardisation), which removes effects that differ
between lengths.

A cohort is reduced to sums per subject and length. A resample of subjects is another weighting of these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.sparse import csr_array

from cfdna_interp.models.contract import FragmentInputs

SHORTEST, LONGEST = 60, 600  # bp, the range of the curve
_COUNT_EDGES = (1, 2, 3, 5)  # classes of CpG counts: 0, 1, 2, 3-4, 5 and more
_AROUND = 8.0  # bp, standard deviation of the window in which a length's mix of strata is taken
# Largest weight, so that a few fragments don't represent a stratum that hardly occurs around a length.
_LARGEST_WEIGHT = 5.0
_LENGTH_CLASS = 10  # bp, in the regression for the main effects of strata
_WINDOW, _IN_WINDOW = 11, 20  # bp; fragments that a window needs for its middle to be in the range


@dataclass(frozen=True, eq=False)
class LengthSums:
    """Sums over a cohort's fragments.

    Attributes
    ----------
    lengths
        (lengths,) bp, consecutive.
    weight
        (subjects, lengths) sum of fragments' weights.
    total
        (subjects, lengths, dim) weighted sum of embeddings.
    count
        (lengths,) fragments.
    variance
        Mean over fragments of the squared distance from the mean embedding, over all directions.
    """

    lengths: np.ndarray
    weight: np.ndarray
    total: np.ndarray
    count: np.ndarray
    variance: float

    def pooled(self, multiplicity: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return weights and weighted sums over subjects.

        Parameters
        ----------
        multiplicity
            (draws, subjects) multiplicity of each subject. Without it each counts once, and there is no axis
            of draws.

        Returns
        -------
        (draws, lengths) and (draws, lengths, dim).
        """
        if multiplicity is None:
            return self.weight.sum(axis=0), self.total.sum(axis=0)
        flat = self.total.reshape(len(self.total), -1)
        total = (multiplicity @ flat).reshape(len(multiplicity), *self.total.shape[1:])
        return multiplicity @ self.weight, total

    def along(self, centre: np.ndarray, axes: np.ndarray) -> LengthSums:
        """Return the sums of ``(embedding - centre) @ axes``, of (dim,) and (dim, components)."""
        total = (self.total - self.weight[..., None] * centre) @ axes
        return LengthSums(self.lengths, self.weight, total, self.count, self.variance)


def length_range(lengths: np.ndarray) -> np.ndarray:
    """Return the range of lengths around the mode that has enough fragments everywhere.

    Parameters
    ----------
    lengths
        (n,) lengths of fragments in bp.

    Returns
    -------
    Consecutive lengths within 60-600 bp whose windows of 11 bp have 20 fragments each; may be empty.
    """
    counts = np.bincount(lengths[(lengths >= SHORTEST) & (lengths <= LONGEST)], minlength=LONGEST + 1)
    counts = counts[SHORTEST:].astype(np.float64)
    held = uniform_filter1d(counts, _WINDOW, mode="constant") * _WINDOW >= _IN_WINDOW - 0.5
    mode = int(np.argmax(counts))
    if not held[mode]:
        return np.zeros(0, dtype=np.int64)
    gaps = np.flatnonzero(~held)
    first = gaps[gaps < mode].max(initial=-1) + 1
    last = gaps[gaps > mode].min(initial=len(held)) - 1
    return np.arange(first, last + 1) + SHORTEST


def modal_length(lengths: np.ndarray) -> int:
    """Return the most frequent of (n,) lengths in bp, with counts smoothed over about 5 bp."""
    return int(np.argmax(gaussian_filter1d(np.bincount(lengths).astype(np.float64), 2.0)))


def context_strata(fragments: FragmentInputs) -> np.ndarray:
    """Return (n,) strata: whether a fragment touches an atlas block, with its class of CpG count."""
    counts = np.searchsorted(_COUNT_EDGES, fragments.counts, side="right")
    strata: np.ndarray = (fragments.locus > 0) * (len(_COUNT_EDGES) + 1) + counts
    return np.unique(strata, return_inverse=True)[1]


def context_weights(rows: np.ndarray, strata: np.ndarray, lengths: int) -> np.ndarray:
    """Return (n,) weights under which every length has the pool's mix of strata.

    Parameters
    ----------
    rows
        (n,) index of each fragment's length in the range.
    strata
        (n,) from :func:`context_strata`.
    lengths
        Number of lengths in the range.
    """
    table = np.zeros((strata.max() + 1, lengths))
    np.add.at(table, (strata, rows), 1.0)
    pool = table.sum(axis=1) / len(rows)
    around = gaussian_filter1d(table, _AROUND, axis=1, mode="constant")
    local = around / around.sum(axis=0).clip(min=1e-12)
    ratio = pool[:, None] / np.maximum(local, 1e-12)
    return np.asarray(np.clip(ratio, 1 / _LARGEST_WEIGHT, _LARGEST_WEIGHT)[strata, rows])


def stratum_effects(embeddings: np.ndarray, rows: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Return the (strata, dim) mean effect of a stratum at equal length, 0 on average over the pool.

    It comes from least squares of (n, dim) embeddings on indicators of stratum and of length in steps of 10
    bp.
    """
    steps = np.unique(rows // _LENGTH_CLASS, return_inverse=True)[1]
    widths = (strata.max() + 1, steps.max() + 1)
    columns = np.stack([strata, widths[0] + steps], axis=1).ravel()
    n = len(rows)
    design = csr_array(
        (np.ones(2 * n, dtype=np.float32), columns, np.arange(0, 2 * n + 1, 2)), shape=(n, sum(widths))
    )
    gram = (design.T @ design).toarray().astype(np.float64)
    crossed = np.asarray(design.T @ embeddings, dtype=np.float64)
    effects = np.linalg.lstsq(gram, crossed, rcond=1e-10)[0][: widths[0]]
    return np.asarray(effects - np.bincount(strata) @ effects / n)


def length_sums(
    embeddings: np.ndarray,
    rows: np.ndarray,
    subjects: np.ndarray,
    weights: np.ndarray,
    lengths: np.ndarray,
    people: int,
) -> LengthSums:
    """Sum embeddings by subject and length.

    Parameters
    ----------
    embeddings
        (n, dim).
    rows
        (n,) index of each fragment's length in ``lengths``.
    subjects
        (n,) code of the subject, 0 to subjects - 1.
    weights
        (n,) weight of each fragment.
    lengths
        (lengths,) bp.
    people
        Number of subjects, including those without a fragment.
    """
    n = len(rows)
    cells = subjects * len(lengths) + rows
    # Rows are sorted by cell, so that the embeddings of a cell are added one after the other.
    order = np.argsort(cells, kind="stable")
    splits = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=people * len(lengths)))])
    gather = csr_array(
        (weights[order].astype(embeddings.dtype), order, splits), shape=(people * len(lengths), n)
    )
    total = np.asarray(gather @ embeddings, dtype=np.float64)
    weight = np.bincount(cells, weights, minlength=people * len(lengths))
    return LengthSums(
        lengths=lengths,
        weight=weight.reshape(people, -1),
        total=total.reshape(people, len(lengths), -1),
        count=np.bincount(rows, minlength=len(lengths)),
        variance=float(embeddings.var(axis=0, dtype=np.float64).sum()),
    )
