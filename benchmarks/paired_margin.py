"""How often a proxy passes for sufficient that is exactly the margin worse: the one-sided bound of rung L3.

    python benchmarks/paired_margin.py --draws 400

Scores of model and proxy are normal with equal spread in both classes and a given correlation within them.
The bound is a one-sided 95 % one: one proxy in twenty may pass. A Markdown table goes to standard output.
"""

from __future__ import annotations

import argparse

import numpy as np
from intervals import row
from scipy.stats import norm

from cfdna_interp.config.settings import Validation
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import paired_difference

AUROCS = (0.8, 0.85, 0.9, 0.92, 0.95, 0.97, 0.99)
SIZES = (15, 40, 100)
CORRELATIONS = (0.5, 0.9)


def passes(n: int, auroc: float, correlation: float, margin: float, draws: int, bootstrap: int) -> float:
    """Return the share of cohorts of n + n subjects whose upper bound lies below the true difference."""
    rng = stream(1, "paired", n, auroc, correlation)
    labels = np.repeat([1, 0], n)
    means = [float(norm.ppf(a) * 2**0.5) for a in (auroc, auroc - margin)]
    mixing = np.linalg.cholesky([[1, correlation], [correlation, 1]])
    passed = 0
    for _ in range(draws):
        model, proxy = mixing @ rng.normal(size=(2, 2 * n)) + np.outer(means, labels)
        passed += paired_difference(labels, model, proxy, rng, bootstrap).high_one_sided < margin
    return passed / draws


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--bootstrap", type=int, default=400)
    options = parser.parse_args()
    margin = Validation().sufficiency_margin
    row("cases + controls", "correlation", *AUROCS)
    row(*["---"] * (2 + len(AUROCS)))
    for n in SIZES:
        for correlation in CORRELATIONS:
            cells = [passes(n, a, correlation, margin, options.draws, options.bootstrap) for a in AUROCS]
            row(f"{n} + {n}", correlation, *cells)


if __name__ == "__main__":
    main()
