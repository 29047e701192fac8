"""The number of subjects that rungs L4 and L5 need, by the rule itself on simulated cohorts."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from cfdna_interp.audit.held_columns import SUBJECTS_PER_TERM, HeldColumns
from cfdna_interp.audit.hold import Answer, hold
from cfdna_interp.errors import InputError
from cfdna_interp.stats.cohort_size import FEWEST, Size
from cfdna_interp.stats.held import normal_scores, worth_of
from cfdna_interp.stats.power import POWER
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.splines import QUANTILES, natural_spline

DRAWS = 400
# Larger cohorts take minutes to draw.
MOST = 5_000


def size_for_held(
    auroc: float,
    *,
    columns: int = 1,
    gap: float = 0.0,
    strata: int = 2,
    margin: float,
    power: float = POWER,
) -> Size:
    """Return the smallest balanced cohort in which the rule earns its rung with ``power``.

    Scores are normal with equal variance in both classes and depend on neither strata nor columns. The
    question is how large a cohort has to be to clear a signal that is truly clear. The power is the share of
    400 drawn cohorts for which the rule says ``holds``. The size has an error of about 5 %.

    Parameters
    ----------
    auroc
        The true AUROC with everything held, above .5.
    columns
        Number of measures to hold, as curves of three terms, as far as the number of subjects allows.
    gap
        Difference of the first of them between the classes, in standard deviations.
    strata
        Number of batches or sites, with equal numbers of each class; 1 for rung L5.
    margin
        The fall that is called none.
    power
        Wanted probability.

    Raises
    ------
    InputError
        More than 5,000 of a class would be needed.
    """
    distance = float(np.sqrt(2) * norm.ppf(auroc))

    def reached(n: int) -> float:
        held = 0
        for draw in range(DRAWS):
            held += _holds(distance, n, columns, gap, strata, margin, stream(1, "plan", "held", draw))
        return held / DRAWS

    high = FEWEST
    while reached(high) < power:
        high *= 2
        if high > MOST:
            raise InputError(f"more than {MOST:,} subjects of a class would be needed; ask for less")
    low = max(FEWEST, high // 2)
    while high - low > max(1, low // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= power else (middle, high)
    return Size(high, high, reached(high))


def _holds(
    distance: float, n: int, columns: int, gap: float, strata: int, margin: float, rng: np.random.Generator
) -> bool:
    label = np.repeat([1, 0], n)
    places = np.concatenate([rng.permutation(n) % strata, rng.permutation(n) % strata])
    score = distance * label + rng.normal(size=2 * n)
    terms: list[np.ndarray] = []
    carried = int(worth_of(label, places) // SUBJECTS_PER_TERM)
    for place in range(columns):
        ranked = normal_scores(rng.normal(size=2 * n) + (gap * label if place == 0 else 0))
        curve = natural_spline(ranked, np.quantile(ranked, QUANTILES))
        terms += list((curve if len(terms) + curve.shape[1] <= carried else curve[:, :1]).T)
    X = np.column_stack(terms[:carried]) if terms else np.empty((2 * n, 0))
    return hold(label, score, places, HeldColumns(X, ()), margin).answer is Answer.HOLDS
