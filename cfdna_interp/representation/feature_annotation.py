"""Names of features, by how much of their activation only length, only methylation, .. explain.

Activations of fragments are regressed on the columns of all families. A family explains the R² of all
families minus that of all others, cross-fitted by subject. Shared variance (longer fragments have more CpGs)
thus belongs to no family. A feature is named only if one family clearly leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import t as student

from cfdna_interp.records.funnel import UNNAMED
from cfdna_interp.representation.fragment_families import FamilyColumns
from cfdna_interp.representation.material import Part
from cfdna_interp.stats.multiplicity import benjamini_hochberg
from cfdna_interp.stats.resampling import stream

FRAGMENTS = 40_000  # at most in the regression: R² has an error of .01, and shuffles are affordable
FOLDS = 4
SHUFFLES = 20
# A name needs a false-discovery rate, over all families of all features, of at most Q.
Q = 0.05
# A name needs this share of the activation that only its family explains, since with hundred thousands of
# fragments anything is significant.
UNIQUE = 0.02
# A name needs this many times what the next family explains. A feature of two families has no name.
LEAD = 2.0
# Relative to the sum of squares of a column, which has variance 1. The ridge is needed because splines and
# classes add up to constants, and a class may occur in one fold alone.
_RIDGE = 1e-4


@dataclass(frozen=True, eq=False)
class Annotation:
    """The names of the features of one dictionary.

    Attributes
    ----------
    explained
        (features,) R² of all families together.
    unique
        Family -> (features,) what only it explains, in units of R². It may be slightly negative, since it is
        cross-fitted.
    q
        Family -> (features,) q value of this, over all features and families; NaN for features that are never
        active.
    family
        (features,) name of the family, or ``UNNAMED``.
    """

    explained: np.ndarray
    unique: dict[str, np.ndarray]
    q: dict[str, np.ndarray]
    family: np.ndarray


@dataclass(frozen=True, eq=False)
class _FeatureSums:
    """Sums in each fold: products among columns, of columns with activations, and squared activations."""

    columns: np.ndarray  # (folds, columns, columns)
    cross: np.ndarray  # (folds, columns, features)
    squares: np.ndarray  # (folds, features)

    def explained(self, used: np.ndarray) -> np.ndarray:
        """Return (features,) cross-fitted R² of the columns at ``used``, of which the first is constant."""
        among, across = self.columns[:, used][:, :, used], self.cross[:, used]
        train, train_across = among.sum(axis=0) - among, across.sum(axis=0) - across
        ridge = _RIDGE * train[:, :1, :1] * np.eye(len(used))
        slopes = np.linalg.solve(train + ridge, train_across)  # (folds, used, features)
        residual = self.squares + (slopes * (among @ slopes - 2 * across)).sum(axis=1)
        mean = train_across[:, 0] / train[:, 0, 0, None]  # (folds, features)
        n = among[:, 0, 0, None]
        total = (self.squares - 2 * mean * across[:, 0] + n * mean**2).sum(axis=0)
        result = np.zeros(len(total))
        np.divide(residual.sum(axis=0), total, out=result, where=total > 0)
        return np.where(total > 0, 1 - result, 0.0)


def annotate(
    part: Part, sample: np.ndarray, subjects: np.ndarray, codes: Sequence[csr_array], seed: int
) -> list[Annotation]:
    """Name the features of dictionaries.

    Parameters
    ----------
    part, sample
        n fragments, and the (n,) index of each one's sample.
    subjects
        (samples,) subject codes.
    codes
        For each dictionary the (n, features) activations of the fragments.
    seed
        The run's seed.
    """
    rng = stream(seed, "annotation")
    rows = rng.permutation(len(part))[:FRAGMENTS]
    fold = (rng.permutation(subjects.max() + 1) % FOLDS)[subjects[sample[rows]]]
    rows = rows[np.lexsort((rows, fold))]
    ends = np.searchsorted(np.sort(fold), np.arange(FOLDS + 1))
    folds = [slice(first, last) for first, last in pairwise(ends)]
    part, sample = part.take(rows), sample[rows]
    families = FamilyColumns.fit(part).of(part)
    columns = np.concatenate([np.ones((len(rows), 1)), *families.values()], axis=1)
    edges = 1 + np.cumsum([0, *(part.shape[1] for part in families.values())])
    own = {
        family: np.arange(first, last)
        for family, first, last in zip(families, edges[:-1], edges[1:], strict=True)
    }
    by_fold = [[part[rows[own]].T.tocsr().astype(np.float64) for own in folds] for part in codes]
    everything = np.arange(columns.shape[1])
    among = _by_fold(columns, columns, folds)
    sums = [_FeatureSums(among, _across(columns, part, folds), _squares(part)) for part in by_fold]
    whole = [each.explained(everything) for each in sums]
    unique = [
        {family: full - each.explained(np.setdiff1d(everything, mine)) for family, mine in own.items()}
        for full, each in zip(whole, sums, strict=True)
    ]
    shuffled: list[dict[str, list[np.ndarray]]] = [{family: [] for family in own} for _ in sums]
    for family, mine in own.items():
        without = [full - each[family] for full, each in zip(whole, unique, strict=True)]
        for _ in range(SHUFFLES):
            moved = columns[_within(sample, rng), mine[0] : mine[-1] + 1]
            mixed = _replaced(among, mine, _by_fold(moved, columns, folds))
            for number, (each, codes_of) in enumerate(zip(sums, by_fold, strict=True)):
                across = each.cross.copy()
                across[:, mine] = _across(moved, codes_of, folds)
                null = _FeatureSums(mixed, across, each.squares).explained(everything) - without[number]
                shuffled[number][family].append(null)
    return [
        _named(full, each, {family: np.stack(draws) for family, draws in null.items()})
        for full, each, null in zip(whole, unique, shuffled, strict=True)
    ]


def _named(explained: np.ndarray, unique: dict[str, np.ndarray], null: dict[str, np.ndarray]) -> Annotation:
    values = np.stack(list(unique.values()))  # (families, features)
    draws = np.stack([null[family] for family in unique])  # (families, shuffles, features)
    spread = draws.std(axis=1, ddof=1) * np.sqrt(1 + 1 / SHUFFLES)
    # Student's t compares the value with the null draws. By rank twenty shuffles couldn't give a p below
    # 1/21, which is too coarse for hundreds of features.
    t = np.divide(values - draws.mean(axis=1), spread, out=np.full(values.shape, np.nan), where=spread > 0)
    q = benjamini_hochberg(student.sf(t, SHUFFLES - 1).ravel()).reshape(values.shape)
    order = np.argsort(values, axis=0)
    first = order[-1]
    features = np.arange(values.shape[1])
    best = values[first, features]
    second = values[order[-2], features] if len(values) > 1 else np.zeros(len(features))
    clear = (q[first, features] <= Q) & (best >= UNIQUE) & (best > LEAD * second)
    names = np.array(list(unique))
    return Annotation(
        explained,
        unique,
        dict(zip(unique, q, strict=True)),
        np.where(clear, names[first], UNNAMED),
    )


def _by_fold(first: np.ndarray, second: np.ndarray, folds: list[slice]) -> np.ndarray:
    """Return (folds, columns of first, columns of second) sums of products."""
    return np.stack([first[own].T @ second[own] for own in folds])


def _across(columns: np.ndarray, codes: list[csr_array], folds: list[slice]) -> np.ndarray:
    """Return (folds, columns, features) sums of products of columns with each fold's (features, n) codes."""
    return np.stack([(part @ columns[own]).T for part, own in zip(codes, folds, strict=True)])


def _squares(codes: list[csr_array]) -> np.ndarray:
    """Return (folds, features) sums of squared activations."""
    return np.stack([np.asarray(part.power(2).sum(axis=1)) for part in codes])


def _within(sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) rows permuted within each sample."""
    permutation = np.empty(len(sample), dtype=np.int64)
    permutation[np.argsort(sample, kind="stable")] = np.lexsort((rng.random(len(sample)), sample))
    return permutation


def _replaced(among: np.ndarray, mine: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Return sums among columns with those of one family shuffled; sums within the family don't change."""
    result = among.copy()
    result[:, mine] = cross
    result[:, :, mine] = cross.transpose(0, 2, 1)
    result[:, mine[:, None], mine] = among[:, mine[:, None], mine]
    return result
