"""The weight of each group in a fold's regression, and whether its features may bend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.attribution.tabular.encoding import FeatureEncoder
from cfdna_interp.attribution.tabular.regression import Regressions

# Factor of the columns of a down-weighted group, which gives a ninth of its variance. This removes most of
# the noise of an uninformative group but leaves its part in the prediction measurable. The alternative, to
# favour one group over all others, was tried. With two copies and noise, one of the copies was then favoured
# in half of the folds because of the noise.
BEHIND = 1 / 3
# Smallest gain, as a share of the targets' variance. If groups are copies of each other, all weightings
# predict nearly the same. A tiny gain can then exceed its standard error, and weights would decide which copy
# carries the prediction.
LEAST = 0.01
# Steps from equal groups to equal features, as powers of the root of a group's number of columns.
STEPS = {"a third by columns": 1 / 3, "two thirds by columns": 2 / 3, "by columns": 1.0}


@dataclass(frozen=True)
class Weighting:
    """One way to scale groups.

    Attributes
    ----------
    name
        ``equal`` (each group the same total variance), ``by columns`` (each feature the same variance), one
        of the steps between them, or the name of the down-weighted group.
    weights
        Group that the model sees -> factor of its columns; 1 gives all groups the same variance.
    bent
        Whether features may bend.
    """

    name: str
    weights: dict[str, float]
    bent: bool

    def columns(self, encoder: FeatureEncoder) -> tuple[np.ndarray, np.ndarray]:
        """Return indices of the encoded columns that the regression sees, and their factors."""
        places, factors = [np.arange(0)], [np.ones(0)]
        for group, weight in self.weights.items():
            span = encoder.spans[group]
            places.append(np.arange(span.start, span.stop if self.bent else encoder.bent[group].start))
            factors.append(np.full(len(places[-1]), weight))
        return np.concatenate(places), np.concatenate(factors)


def weightings(encoder: FeatureEncoder, present: Sequence[str]) -> tuple[Weighting, ...]:
    """Return the candidates of a fold: the default first, then others without bends, then those with bends.

    Parameters
    ----------
    encoder
        Encoder of the fold.
    present
        The groups that the model sees. A single group needs no weighting.
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

    The equal weighting is used unless another one's leave-one-out errors are smaller by more than one
    standard error of the paired difference and by ``LEAST`` of the variance. The one with the smallest errors
    is then chosen. Features have no bends unless bends are better than this choice by the same rule. Errors
    are computed after the best scaling of the predictions. With plain squared errors a weighting that needs a
    large penalty would lose because it shrinks predictions. With permuted labels half of all fits would then
    choose another than the equal weighting, instead of a tenth to a fifth.

    Parameters
    ----------
    offered, regressions
        Result of :func:`weightings`, and the rows scaled by each of them.
    targets
        (rows, problems).

    Returns
    -------
    Twice (problems,): indices in ``offered``, and penalties.
    """
    first = regressions[0].left_out(targets)
    choice, penalty = np.zeros(targets.shape[1], dtype=np.int64), first.penalty.copy()
    best, variance = first.squares, targets.var(axis=0)
    for bent in (False, True):
        default, gained = best, np.zeros(targets.shape[1])
        for place in _others(offered, bent):
            candidate = regressions[place].left_out(targets)
            gains = default - candidate.squares
            mean = gains.mean(axis=0)
            error = gains.std(axis=0, ddof=1) / np.sqrt(len(targets))
            better = (mean > gained) & (mean > error) & (mean > LEAST * variance)
            choice[better], penalty[better], gained[better] = place, candidate.penalty[better], mean[better]
            best = np.where(better, candidate.squares, best)
    return choice, penalty


def _others(offered: Sequence[Weighting], bent: bool) -> Iterator[int]:
    return (place for place, one in enumerate(offered) if place and one.bent == bent)
