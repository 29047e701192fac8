"""Decodable beside used: what is said of a concept, and when."""

from __future__ import annotations

from dataclasses import dataclass

from cfdna_interp.records.probes import Metric, ProbeFinding, Status
from cfdna_interp.stats.estimates import IntervalEstimate

# Weaker reading is not worth the word: a tenth of the variance, a fifth of the way from chance to certainty.
DECODABLE = {"R2": 0.10, "AUROC": 0.60}
CHANCE = {"R2": 0.0, "AUROC": 0.5}
# What retraining without a group may cost at most for it to be called replaceable (rung L2 of the verdict).
MATERIAL = 0.05


@dataclass(frozen=True)
class Erased:
    """What the heads lose with a concept.

    Attributes
    ----------
    rank
        Directions that are erased.
    cost
        AUROC lost.
    partial_cost
        AUROC lost when the concept goes as far as the others don't explain it; None where nothing of it
        is left to go, and of samples' concepts.
    null_high
        Largest of the costs of as many directions drawn at random.
    shared
        Whether there are other concepts that could explain it.
    """

    rank: int
    cost: IntervalEstimate
    partial_cost: IntervalEstimate | None
    null_high: float
    shared: bool


def status_of(
    metric: Metric, score: IntervalEstimate, control: float | None, auroc: IntervalEstimate, erased: Erased
) -> tuple[Status, ProbeFinding]:
    """Return what is said of a concept, and what decided that.

    ``not decodable``: the score's upper bound is below the threshold. ``used``: the score is above chance,
    erasing the concept costs AUROC, with a lower bound above 0 and more than any draw of as many random
    directions, and still does when the concept goes only as far as the others don't explain it.
    ``decodable, not used``: the score's lower bound is above the threshold, the probe reads more than in its
    control task, and the upper bound of either cost is below ``MATERIAL``. Everything else ``can't tell``.

    Parameters
    ----------
    metric
        Key of ``DECODABLE``.
    score, control
        Of the probe, and of its control task.
    auroc
        Of the heads with nothing erased.
    erased
        With the concept erased.
    """
    cost, partial = erased.cost, erased.partial_cost
    if score.high < DECODABLE[metric]:
        return "not decodable", ProbeFinding.LOW_SCORE
    if auroc.low <= CHANCE["AUROC"]:
        return "can't tell", ProbeFinding.NO_SIGNAL
    costly = cost.low > 0 and cost.value > erased.null_high
    if costly and score.low > CHANCE[metric]:
        if not erased.shared:
            return "used", ProbeFinding.COSTLY
        if partial is None:
            return "can't tell", ProbeFinding.EXPLAINED
        if partial.low > 0:
            return "used", ProbeFinding.COSTLY_BY_ITSELF
        return "can't tell", ProbeFinding.COSTLY_WITH_OTHERS
    if score.low <= DECODABLE[metric]:
        return "can't tell", ProbeFinding.OPEN_SCORE
    if control is not None and score.value <= control:
        return "can't tell", ProbeFinding.CONTROL_TASK
    whole = partial is None or cost.high <= partial.high
    unused = cost if partial is None or whole else partial
    if unused.high < MATERIAL:
        return "decodable, not used", ProbeFinding.CHEAP if whole else ProbeFinding.CHEAP_BY_ITSELF
    return "can't tell", ProbeFinding.OPEN_COST
