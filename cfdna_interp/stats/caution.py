"""What to say of intervals of an AUROC, or of a difference, that hold the truth less often than said."""

from __future__ import annotations

from cfdna_interp.stats.roc import DELONG_MINIMUM

# Shares of simulated cohorts whose 95 % interval held the true AUROC, the lowest over sizes, heights and
# spreads in benchmarks/README.md; with 30 and more per class and an AUROC up to this one, 94 to 96 %.
HIGH = 0.92
LOWEST_SMALL, LOWEST_HIGH = 85, 91


def auroc_caution(case: int, control: int, auroc: float) -> str:
    """Return a sentence for readers of the interval, "" where simulations find nothing to warn of.

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
