"""What is said of a concept, at each edge of the rules."""

import pytest

from cfdna_interp.records.probes import ProbeFinding
from cfdna_interp.representation.use import Erased, status_of
from cfdna_interp.stats.estimates import IntervalEstimate


def estimate(value: float, low: float, high: float) -> IntervalEstimate:
    return IntervalEstimate(value, low, high, "made up")


GOOD, HEADS = estimate(0.9, 0.85, 0.95), estimate(0.8, 0.7, 0.9)
COSTLY, NOTHING = estimate(0.2, 0.1, 0.3), estimate(0.0, -0.01, 0.01)


def erased(
    cost: IntervalEstimate, partial: IntervalEstimate | None, null: float = 0.03, *, shared: bool = True
) -> Erased:
    return Erased(rank=2, cost=cost, partial_cost=partial, null_high=null, shared=shared)


@pytest.mark.parametrize(
    ("metric", "score", "control", "auroc", "lost", "status", "finding"),
    [
        ("R2", GOOD, 0.1, HEADS, erased(COSTLY, COSTLY), "used", ProbeFinding.COSTLY_BY_ITSELF),
        ("AUROC", GOOD, 0.5, HEADS, erased(COSTLY, None, shared=False), "used", ProbeFinding.COSTLY),
        ("R2", GOOD, 0.1, HEADS, erased(NOTHING, NOTHING), "decodable, not used", ProbeFinding.CHEAP),
        # What the others don't explain of it costs nothing, the whole may cost something.
        (
            "R2",
            GOOD,
            0.1,
            HEADS,
            erased(estimate(0.02, -0.03, 0.07), NOTHING),
            "decodable, not used",
            ProbeFinding.CHEAP_BY_ITSELF,
        ),
        # As many random directions cost as much.
        ("R2", GOOD, 0.1, HEADS, erased(COSTLY, COSTLY, 0.25), "can't tell", ProbeFinding.OPEN_COST),
        # What it shares with others is what costs.
        ("R2", GOOD, 0.1, HEADS, erased(COSTLY, NOTHING), "can't tell", ProbeFinding.COSTLY_WITH_OTHERS),
        ("R2", GOOD, 0.1, HEADS, erased(COSTLY, None), "can't tell", ProbeFinding.EXPLAINED),
        # A cost that could be large or nothing.
        (
            "R2",
            GOOD,
            0.1,
            HEADS,
            erased(estimate(0.02, -0.03, 0.07), None),
            "can't tell",
            ProbeFinding.OPEN_COST,
        ),
        (
            "R2",
            estimate(0.03, 0.01, 0.05),
            0.0,
            HEADS,
            erased(NOTHING, None),
            "not decodable",
            ProbeFinding.LOW_SCORE,
        ),
        (
            "R2",
            estimate(0.1, 0.05, 0.2),
            0.0,
            HEADS,
            erased(NOTHING, None),
            "can't tell",
            ProbeFinding.OPEN_SCORE,
        ),
        (
            "AUROC",
            estimate(0.5, 0.45, 0.55),
            0.5,
            HEADS,
            erased(NOTHING, None),
            "not decodable",
            ProbeFinding.LOW_SCORE,
        ),
        ("R2", GOOD, 0.95, HEADS, erased(NOTHING, None), "can't tell", ProbeFinding.CONTROL_TASK),
        (
            "R2",
            GOOD,
            0.1,
            estimate(0.52, 0.4, 0.6),
            erased(COSTLY, COSTLY),
            "can't tell",
            ProbeFinding.NO_SIGNAL,
        ),
    ],
)
def test_rules(metric, score, control, auroc, lost, status, finding):
    assert status_of(metric, score, control, auroc, lost) == (status, finding)
