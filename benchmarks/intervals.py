"""What 95 % intervals are worth: coverage of the AUROC's and of the sensitivity's, by size and height.

    python benchmarks/intervals.py --draws 2000

Scores are normal; the cases' spread is that of the controls, or twice it. Each cell draws its cohorts from
its own stream, so that single cells can be looked at again. A Markdown table goes to standard output.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import norm

from cfdna_interp.stats.operating import SPECIFICITIES, operating_point
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import auroc_interval, delong, logit_interval

AUROCS = (0.6, 0.8, 0.88, 0.92, 0.95, 0.98)
SIZES = (10, 15, 20, 29, 30, 40, 60, 100)
UNEQUAL = ((15, 60), (40, 160))
SMALL = ((10, 10), (15, 15), (20, 20), (29, 29), (15, 60))
WIDER = ((20, 20), (40, 40), (100, 100))
SENSITIVITIES = (0.3, 0.6, 0.9)


def cohorts(case: int, control: int, shift: float, spread: float, draws: int, rng: np.random.Generator):
    """Yield labels and scores."""
    labels = np.repeat([1, 0], [case, control])
    for _ in range(draws):
        scores = rng.normal(size=case + control)
        scores[:case] = shift + spread * scores[:case]
        yield labels, scores


def covers_auroc(case: int, control: int, auroc: float, spread: float, draws: int, bootstrap: int) -> float:
    """Return the share of cohorts whose interval holds the true AUROC."""
    rng = stream(1, "intervals", "auroc", case, control, auroc, spread)
    shift = float(norm.ppf(auroc) * np.hypot(1, spread))
    held = 0
    for labels, scores in cohorts(case, control, shift, spread, draws, rng):
        interval = auroc_interval(labels, scores, rng, bootstrap)
        held += interval.low <= auroc <= interval.high
    return held / draws


def covers_by_delong(case: int, control: int, auroc: float, draws: int) -> float:
    """Return what DeLong's variance on the logit scale would hold below 30 per class."""
    rng = stream(1, "intervals", "delong", case, control, auroc)
    held = 0
    for labels, scores in cohorts(case, control, float(norm.ppf(auroc) * 2**0.5), 1.0, draws, rng):
        (value,), covariance = delong(labels, scores)
        if value == 1:  # no variance, and the bound of auroc_interval whatever the method
            interval = auroc_interval(labels, scores, rng)
        else:
            interval = logit_interval(float(value), float(covariance[0, 0]), "")
        held += interval.low <= auroc <= interval.high
    return held / draws


def covers_sensitivity(n: int, sensitivity: float, specificity: float, draws: int, bootstrap: int) -> float:
    """Return the share of cohorts whose interval holds the true sensitivity, NaN where there is none."""
    rng = stream(1, "intervals", "sensitivity", n, sensitivity, specificity)
    shift = float(norm.ppf(specificity) + norm.ppf(sensitivity))
    held = 0
    for labels, scores in cohorts(n, n, shift, 1.0, draws, rng):
        interval = operating_point(labels, scores, specificity, rng, bootstrap).sensitivity
        if interval is None:
            return float("nan")
        held += interval.low <= sensitivity <= interval.high
    return held / draws


def row(*cells: object) -> None:
    print("| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--bootstrap", type=int, default=400)
    options = parser.parse_args()
    sizes = [*((n, n) for n in SIZES), *UNEQUAL]
    for spread, cohort_sizes in ((1.0, sizes), (2.0, WIDER)):
        print(f"\nAUROC, spread of cases {spread:g} times that of controls\n")
        row("cases + controls", *AUROCS)
        row(*["---"] * (1 + len(AUROCS)))
        for case, control in cohort_sizes:
            cells = [covers_auroc(case, control, a, spread, options.draws, options.bootstrap) for a in AUROCS]
            row(f"{case} + {control}", *cells)
    print("\nAUROC, DeLong on the logit scale also below 30 per class\n")
    row("cases + controls", *AUROCS)
    row(*["---"] * (1 + len(AUROCS)))
    for case, control in SMALL:
        row(f"{case} + {control}", *(covers_by_delong(case, control, a, options.draws) for a in AUROCS))
    columns = [(p, s) for p in SPECIFICITIES for s in SENSITIVITIES]
    print("\nSensitivity\n")
    row("cases + controls", *(f"{s:g} at {p:.0%}" for p, s in columns))
    row(*["---"] * (1 + len(columns)))
    for n in SIZES:
        cells = [covers_sensitivity(n, s, p, options.draws, options.bootstrap) for p, s in columns]
        row(f"{n} + {n}", *cells)


if __name__ == "__main__":
    main()
