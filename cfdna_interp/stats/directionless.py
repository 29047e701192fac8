"""How well a score separates the classes in either direction: the larger of an AUROC and one minus it.

A regression on technical columns is fitted on discovery subjects. Among held-out ones the same columns may be
associated with the label in the other direction. They then still predict it: an AUROC of .2 is as bad as one
of .8. The value expected by chance is above .5, because the larger of two numbers is taken. A permutation
test gives it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from cfdna_interp.stats.estimates import IntervalEstimate
from cfdna_interp.stats.roc import auroc

BATCH = 1_000  # permutations held in memory at a time


@dataclass(frozen=True)
class Directionless:
    """An AUROC without its direction.

    Attributes
    ----------
    value, low, high
        max(a, 1 - a) with its 95 % interval. The interval is that of the AUROC, mirrored if needed and cut at
        .5.
    turned
        Whether cases have lower scores than controls: a is below .5.
    null_high
        95 % quantile of max(a, 1 - a) under permuted labels.
    p
        (1 + permutations that reach the value) / (1 + permutations).
    """

    value: float
    low: float
    high: float
    turned: bool
    null_high: float
    p: float


def directionless(
    labels: np.ndarray,
    scores: np.ndarray,
    interval: IntervalEstimate,
    permutations: int,
    rng: np.random.Generator,
) -> Directionless:
    """Return the AUROC of a score without its direction.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control; both occur.
    scores
        (subjects,) finite.
    interval
        The AUROC of these scores with its interval.
    permutations
        Number of permutations of the labels.
    rng
        Their source.
    """
    y = np.asarray(labels).astype(bool)
    ranks = rankdata(np.asarray(scores, dtype=np.float64))
    case, control = int(y.sum()), int((~y).sum())
    value = auroc(labels, scores)
    null: list[np.ndarray] = []
    for start in range(0, permutations, BATCH):
        shuffled = rng.permuted(np.tile(y, (min(BATCH, permutations - start), 1)), axis=1)
        null.append(np.abs(((shuffled @ ranks) - case * (case + 1) / 2) / (case * control) - 0.5))
    distances = np.concatenate(null)
    seen = abs(value - 0.5)
    turned = value < 0.5
    low, high = (1 - interval.high, 1 - interval.low) if turned else (interval.low, interval.high)
    return Directionless(
        value=0.5 + seen,
        low=max(low, 0.5),
        high=high,
        turned=turned,
        null_high=0.5 + float(np.quantile(distances, 0.95)),
        # Rank sums are exact in binary, but their quotients aren't. The tolerance allows for that.
        p=(1 + int((distances >= seen - 1e-12).sum())) / (1 + permutations),
    )
