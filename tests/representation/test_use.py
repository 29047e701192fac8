"""What is said of a concept, at each edge of the rules."""

import pytest

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
    ("metric", "score", "control", "auroc", "lost", "status", "words"),
    [
        ("R2", GOOD, 0.1, HEADS, erased(COSTLY, COSTLY), "used", "costs AUROC 0.20 (0.10 to 0.30)"),
        ("AUROC", GOOD, 0.5, HEADS, erased(COSTLY, None, shared=False), "used", "random directions"),
        ("R2", GOOD, 0.1, HEADS, erased(NOTHING, NOTHING), "decodable, not used", "0.00 (-0.01 to 0.01)"),
        # As many random directions cost as much.
        ("R2", GOOD, 0.1, HEADS, erased(COSTLY, COSTLY, 0.25), "can't tell", "random directions up to 0.25"),
        # What it shares with others is what costs.
        ("R2", GOOD, 0.1, HEADS, erased(COSTLY, NOTHING), "can't tell", "don't explain 0.00"),
        ("R2", GOOD, 0.1, HEADS, erased(COSTLY, None), "can't tell", "explain all of it"),
        # A cost that could be large or nothing.
        ("R2", GOOD, 0.1, HEADS, erased(estimate(0.02, -0.03, 0.07), None), "can't tell", "0.07"),
        ("R2", estimate(0.03, 0.01, 0.05), 0.0, HEADS, erased(NOTHING, None), "not decodable", "below 0.10"),
        ("R2", estimate(0.1, 0.05, 0.2), 0.0, HEADS, erased(NOTHING, None), "can't tell", "both sides"),
        (
            "AUROC",
            estimate(0.5, 0.45, 0.55),
            0.5,
            HEADS,
            erased(NOTHING, None),
            "not decodable",
            "below 0.60",
        ),
        ("R2", GOOD, 0.95, HEADS, erased(NOTHING, None), "can't tell", "control task (0.95)"),
        ("R2", GOOD, 0.1, estimate(0.52, 0.4, 0.6), erased(COSTLY, COSTLY), "can't tell", "nothing to lose"),
    ],
)
def test_rules(metric, score, control, auroc, lost, status, words):
    found, reason = status_of(metric, score, control, auroc, lost)
    assert found == status
    assert words in reason


def test_a_rounded_zero_has_no_sign():
    _, reason = status_of("R2", estimate(-0.001, -0.004, 0.002), 0.0, HEADS, erased(NOTHING, None))
    assert "-0.00" not in reason
