"""What to say of intervals of an AUROC, or of a difference, that hold the truth less often than said."""

from __future__ import annotations

from cfdna_interp.stats.roc import DELONG_MINIMUM

# Shares of simulated cohorts whose 95 % interval held the true AUROC, the lowest over sizes, heights and
# spreads in benchmarks/README.md; with 30 and more per class and an AUROC up to this one, 94 to 96 %.
HIGH = 0.92
LOWEST_SMALL, LOWEST_HIGH = 85, 91
# Shares of simulated cohorts whose one-sided 95 % bound of a paired difference lay below the true one, the
# highest of the table there; with 30 and more per class and up to HIGH, 5 to 10 %.
PASSED_SMALL, PASSED_HIGH = 14, 12


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


def difference_caution(case: int, control: int, auroc: float) -> str:
    """Return a clause for readers of a paired difference's one-sided bound, "" where it is near to its 5 %.

    Parameters
    ----------
    case, control
        Number of subjects.
    auroc
        The higher of the two estimates.
    """
    small = min(case, control) < DELONG_MINIMUM
    if not small and auroc <= HIGH:
        return ""
    where = f"fewer than {DELONG_MINIMUM} per class" if small else f"an AUROC above {HIGH:g}"
    passed = PASSED_SMALL if small else PASSED_HIGH
    return (
        f"with {where} that bound may be too near: of simulated proxies worse by exactly the margin up to "
        f"{passed} of 100 passed instead of 5"
    )
