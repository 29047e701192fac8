"""The rule of rungs L4 and L5: whether a held-out signal remains when something is held."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

import numpy as np
from scipy.special import logit
from scipy.stats import norm

from cfdna_interp.audit.held_columns import HeldColumns
from cfdna_interp.records.held import FallInterval, HeldColumn, HeldMeasure
from cfdna_interp.records.values import auroc_of, known
from cfdna_interp.stats.estimates import LEVEL
from cfdna_interp.stats.held import HeldAuroc, held_auroc
from cfdna_interp.stats.power import POWER
from cfdna_interp.stats.roc import auroc

# With strata that are worth fewer subjects of a class the interval isn't reliable.
WORTH = 10
# A signal is gone only if the interval excludes more than this share of the crude signal.
EXCLUDED = 0.5
# Larger plans are not realistic.
MOST = 1_000_000


class Answer(StrEnum):
    """The answer by the figures of a signal when something is held."""

    HOLDS = "holds"
    ATTENUATED = "attenuated"
    GONE = "gone"
    OPEN = "open"


@dataclass(frozen=True)
class Held:
    """A score's AUROC with something held, and the answer of the rule.

    Attributes
    ----------
    answer
        The answer by the figures alone.
    crude
        AUROC of all held-out subjects.
    measure
        The figures; None if no stratum has both classes.
    columns
        All recorded columns that vary, held or not, in the order of their priority.
    needed
        The factor by which the number of subjects has to grow, with the same mix, for a decision with a power
        of 80 % if the figures are true. None if it is decided, or if no number would decide.
    """

    answer: Answer
    crude: float
    measure: HeldAuroc | None
    columns: tuple[HeldColumn, ...]
    needed: float | None


def hold(
    labels: np.ndarray, scores: np.ndarray, strata: np.ndarray, chosen: HeldColumns, margin: float
) -> Held:
    """Measure a score with strata and columns held, and apply the rule.

    ``holds`` needs proof: the interval of the held AUROC is above .5, and the one-sided upper bound of its
    fall from the crude AUROC is below the margin. This includes a significant fall that is smaller than the
    margin. A fall whose interval is above 0 is ``attenuated``. It is ``gone`` if the held AUROC isn't above
    .5 and more than half of the crude signal is excluded. Everything else is ``open``.

    Parameters
    ----------
    labels, scores
        (subjects,) label 1 or 0; finite score.
    strata
        (subjects,) whole numbers from 0, -1 for subjects that aren't compared.
    chosen
        The held columns. Subjects with unknown values are left out.
    margin
        A fall below this counts as none.
    """
    y, s = np.asarray(labels).astype(int), np.asarray(scores, dtype=np.float64)
    crude = auroc(y, s)
    rows = (np.asarray(strata) >= 0) & np.isfinite(chosen.X).all(axis=1)
    measure = None
    if min(y[rows].sum(), (1 - y[rows]).sum()) > 1 and np.ptp(s[rows]) > 0:
        codes = np.unique(strata[rows], return_inverse=True)[1]
        measure = held_auroc(y[rows], s[rows], codes, chosen.X[rows])
    if measure is None or measure.worth < WORTH:
        return Held(Answer.OPEN, crude, measure, chosen.columns, None)
    answer = _answer(measure, margin)
    needed = _needed(measure, margin) if answer is Answer.OPEN else None
    return Held(answer, crude, measure, chosen.columns, needed)


def _answer(measure: HeldAuroc, margin: float) -> Answer:
    held, fall = measure.auroc, measure.fall
    if held.low > 0.5 and fall.high_one_sided < margin:
        return Answer.HOLDS
    if measure.crude > 0.5 and fall.low > 0:
        half = 0.5 + (1 - EXCLUDED) * (measure.crude - 0.5)
        return Answer.GONE if held.low <= 0.5 and held.high < half else Answer.ATTENUATED
    return Answer.OPEN


def _needed(measure: HeldAuroc, margin: float) -> float | None:
    """Return the factor of subjects with which the answer that the figures suggest is reached."""
    held, fall = measure.auroc, measure.fall
    two, one, power = (float(norm.isf(tail)) for tail in ((1 - LEVEL) / 2, 1 - LEVEL, 1 - POWER))
    error = (fall.high_one_sided - fall.value) / one
    if fall.value >= margin:
        return _factor(fall.value, error, two + power)
    if not 0.5 < held.value < 1:
        return None
    spread = float(logit(held.high) - logit(held.low)) / (2 * two)
    signal = _factor(float(logit(held.value)), spread, two + power)
    room = _factor(margin - max(fall.value, 0.0), error, one + power)
    return None if signal is None or room is None else max(signal, room)


def _factor(distance: float, error: float, wanted: float) -> float | None:
    """Return the factor of subjects that makes the distance ``wanted`` times the error."""
    if distance <= 0 or not np.isfinite(error):
        return None
    return max(1.0, (wanted * error / distance) ** 2)


def measure_record(measure: HeldAuroc | None) -> HeldMeasure | None:
    """Return the figures as a record of ``audit.json``."""
    if measure is None:
        return None
    return HeldMeasure(
        auroc=auroc_of(measure.auroc),
        crude=measure.crude,
        fall=FallInterval(
            value=known(measure.fall.value),
            low=known(measure.fall.low),
            high=known(measure.fall.high),
            high_one_sided=known(measure.fall.high_one_sided),
        ),
        case=measure.case,
        control=measure.control,
        strata=measure.strata,
        worth=measure.worth,
    )


def subjects_needed(held: Held) -> int | None:
    """Return how many subjects of each class in mixed strata would decide, or None if unknown."""
    if held.measure is None or held.needed is None:
        return None
    count = ceil(held.needed * held.measure.worth)
    return count if count <= MOST else None
