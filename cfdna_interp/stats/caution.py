"""Warnings about intervals of AUROCs and differences that cover the true value less often than stated."""

from __future__ import annotations

from cfdna_interp.stats.roc import DELONG_MINIMUM

# The lowest coverage of the true AUROC by 95 % intervals, over sizes, AUROCs and spreads of the simulated
# cohorts in benchmarks/README.md. With at least 30 per class and an AUROC up to HIGH coverage is 94 to 96 %.
HIGH = 0.92
LOWEST_SMALL, LOWEST_HIGH = 85, 91


def auroc_caution(case: int, control: int, auroc: float) -> str:
    """Return a warning for readers of the interval, or "" if simulations found good coverage.

    Parameters
    ----------
    case, control
        Number of subjects.
    auroc
        The estimate.
    """
    smaller = min(case, control)
    if smaller < DELONG_MINIMUM:
        return (
            f"With {smaller} subjects in the smaller class the interval may be too narrow: with 10 to 29 per "
            f"class, of cohorts drawn with a known AUROC as few as {LOWEST_SMALL} of 100 had it inside "
            "instead of 95, the fewest where it was high or the classes unequal."
        )
    if auroc > HIGH:
        return (
            f"So near to 1 the interval may be too narrow: above {HIGH:g}, of cohorts drawn with a known "
            f"AUROC as few as {LOWEST_HIGH} of 100 had it inside instead of 95."
        )
    return ""
