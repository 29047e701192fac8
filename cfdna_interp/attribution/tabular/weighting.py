"""How much each group counts in a fold's regression, and whether its features may bend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.attribution.tabular.encoding import FeatureEncoder
from cfdna_interp.attribution.tabular.regression import Regressions

# Of the columns of a group that is put behind: a ninth of its variance. Enough to take the noise of a group
# that tells nothing, and none is shut out, so that its part in the prediction stays measurable. To put one
# group before all others was tried: of two copies beside noise, one or the other was then put first in half
# of the folds, for the sake of the noise.
BEHIND = 1 / 3
# Of the targets' variance. Where groups are copies of each other all weightings predict nearly the same, next
# to nothing is more than its standard error, and yet weights would decide which copy carries the prediction.
LEAST = 0.01
# From equal groups to equal features: powers of the root of a group's number of columns.
STEPS = {"a third by columns": 1 / 3, "two thirds by columns": 2 / 3, "by columns": 1.0}


@dataclass(frozen=True)
class Weighting:
    """One way to scale groups.

    Attributes
    ----------
    name
        ``equal`` (each group the same total variance), ``by columns`` (each feature the same variance), one
        of the steps between them, or the group that is put behind.
    weights
        Group that the model sees -> what its columns are multiplied with; 1 is the equal share.
    bent
        Whether features may bend.
    """

    name: str
    weights: dict[str, float]
    bent: bool

    def columns(self, encoder: FeatureEncoder) -> tuple[np.ndarray, np.ndarray]:
        """Return places of the encoded columns that the regression sees, and what multiplies them."""
        places, factors = [np.arange(0)], [np.ones(0)]
        for group, weight in self.weights.items():
            span = encoder.spans[group]
            places.append(np.arange(span.start, span.stop if self.bent else encoder.bent[group].start))
            factors.append(np.full(len(places[-1]), weight))
        return np.concatenate(places), np.concatenate(factors)


def weightings(encoder: FeatureEncoder, present: Sequence[str]) -> tuple[Weighting, ...]:
    """Return what a fold may choose from, straight ones first, and first of all the default.

    Parameters
    ----------
    encoder
        Of the fold.
    present
        The groups that the model sees. A single one has nothing to be weighed against.
    """
    scaled = {"equal": dict.fromkeys(present, 1.0)}
    breadth = {group: encoder.breadth[group] for group in present}
    if len(set(breadth.values())) > 1:
        scaled |= {
            name: {group: breadth[group] ** power for group in present} for name, power in STEPS.items()
        }
    put_behind = {
        behind: {group: BEHIND if group == behind else 1.0 for group in present}
        for behind in present
        if len(present) > 1
    }
    straight = [Weighting(name, weights, bent=False) for name, weights in (scaled | put_behind).items()]
    bent = [Weighting(name, weights, bent=True) for name, weights in scaled.items() if present]
    return (*straight, *bent)


def choose(
    offered: Sequence[Weighting], regressions: Sequence[Regressions], targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Choose a weighting and its penalty for each problem, by one-standard-error rules on the same rows.

    The equal weighting stays unless another one's leave-one-out errors are smaller by more than one standard
    error of the paired difference, and by ``LEAST`` of the variance; of several, the one with the smallest is
    taken. Features stay straight unless bends are better than what was chosen, by the same rule. Errors are
    those after the best stretch of the predictions: with plain squared errors a weighting that needs a large
    penalty would lose for being shrunk, and with permuted labels another than the equal one would be chosen
    in half of all fits, not in a tenth or a fifth.

    Parameters
    ----------
    offered, regressions
        Of :func:`weightings`, and the rows as each of them scales them.
    targets
        (rows, problems).

    Returns
    -------
    Twice (problems,): places in ``offered``, and penalties.
    """
    first = regressions[0].left_out(targets)
    choice, penalty = np.zeros(targets.shape[1], dtype=np.int64), first.penalty.copy()
    best, variance = first.squares, targets.var(axis=0)
    for bent in (False, True):
        default, gained = best, np.zeros(targets.shape[1])
        for place in _others(offered, bent):
            found = regressions[place].left_out(targets)
            gains = default - found.squares
            mean = gains.mean(axis=0)
            error = gains.std(axis=0, ddof=1) / np.sqrt(len(targets))
            better = (mean > gained) & (mean > error) & (mean > LEAST * variance)
            choice[better], penalty[better], gained[better] = place, found.penalty[better], mean[better]
            best = np.where(better, found.squares, best)
    return choice, penalty


def _others(offered: Sequence[Weighting], bent: bool) -> Iterator[int]:
    return (place for place, one in enumerate(offered) if place and one.bent == bent)
