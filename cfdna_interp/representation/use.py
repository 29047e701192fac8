"""The status of a concept: used, decodable, or neither."""

from __future__ import annotations

from dataclasses import dataclass

from cfdna_interp.records.probes import Metric, Status
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
) -> tuple[Status, str]:
    """Return the status of a concept, and why.

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
    read = f"{metric} {_span(score)}"
    if score.high < DECODABLE[metric]:
        return "not decodable", f"a linear probe reaches {read}, below {DECODABLE[metric]:.2f}"
    if auroc.low <= CHANCE["AUROC"]:
        return "can't tell", f"the heads tell labels with AUROC {_span(auroc)}: there is nothing to lose"
    costly = cost.low > 0 and cost.value > erased.null_high
    if costly and score.low > CHANCE[metric]:
        what = f"erasing it costs AUROC {_span(cost)}, random directions at most {erased.null_high:.2f}"
        if not erased.shared:
            return "used", what
        if partial is None:
            return "can't tell", f"{what}; the other concepts explain all of it"
        if partial.low > 0:
            return "used", f"{what}; {_span(partial)} by what the other concepts don't explain"
        return "can't tell", f"{what}; by what the other concepts don't explain {_span(partial)}"
    if score.low <= DECODABLE[metric]:
        return "can't tell", f"a linear probe reaches {read}, on both sides of {DECODABLE[metric]:.2f}"
    if control is not None and score.value <= control:
        return "can't tell", f"a linear probe reaches {read}, no more than its control task ({control:.2f})"
    unused = cost if partial is None or cost.high <= partial.high else partial
    if unused.high < MATERIAL:
        words = "erasing it" if unused is cost else "erasing what the other concepts don't explain of it"
        return "decodable, not used", f"a linear probe reaches {read}; {words} costs AUROC {_span(unused)}"
    return (
        "can't tell",
        f"erasing it costs AUROC {_span(cost)}, random directions up to {erased.null_high:.2f}",
    )


def _span(score: IntervalEstimate) -> str:
    # Adding 0 removes the minus of a rounded -0.00.
    value, low, high = (round(x, 2) + 0.0 for x in (score.value, score.low, score.high))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"
