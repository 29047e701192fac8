"""The status of a concept: used, decodable, or neither."""

from __future__ import annotations

from dataclasses import dataclass

from cfdna_interp.records.probes import Metric, ProbeFinding, Status
from cfdna_interp.stats.estimates import IntervalEstimate

# Smallest score of a decodable concept: a tenth of the variance, or a fifth of the way from chance to
# certainty.
DECODABLE = {"R2": 0.10, "AUROC": 0.60}
CHANCE = {"R2": 0.0, "AUROC": 0.5}
# Largest cost at which a group is called replaceable (rung L2 of the verdict).
MATERIAL = 0.05


@dataclass(frozen=True)
class Erased:
    """Losses of the heads when a concept is erased.

    Attributes
    ----------
    rank
        Number of erased directions.
    cost
        AUROC lost.
    partial_cost
        AUROC lost when only the part is erased that the other concepts don't explain. None if there is no
        such part, and for samples' concepts.
    null_high
        Largest cost of as many random directions.
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
    and the cost of erasing the concept has a lower bound above 0 and exceeds that of any draw of as many
    random directions. The same holds for the part that the others don't explain. ``decodable, not used``: the
    score's lower bound is above the threshold, the score is above that of the control task, and the upper
    bound of either cost is below ``MATERIAL``. Everything else is ``can't tell``.

    Parameters
    ----------
    metric
        Key of ``DECODABLE``.
    score, control
        Scores of the probe and of its control task.
    auroc
        AUROC of the heads with nothing erased.
    erased
        Losses with the concept erased.
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
