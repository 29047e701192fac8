"""The number of discovery subjects that the rule needs to name a group, or to exclude that one leads.

Each group is modelled as one latent value that is normal in both classes, with means d within-class standard
deviations apart. Groups are independent. A linear model that is fitted to N subjects estimates d with the
error of a difference of two means. Its attribution is in proportion to the estimated d. Cohorts and their
bootstraps are drawn at that level, and the rule is applied to their quantiles. No model is fitted, so an
answer takes a second. ``tests/attribution/test_reliance_planning.py`` compares the answers with the rule on
whole tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from cfdna_interp.attribution.lead import HIGH, LEAD, LOW, margins
from cfdna_interp.stats.cohort_size import FEWEST
from cfdna_interp.stats.power import POWER, error
from cfdna_interp.stats.resampling import stream

COHORTS, DRAWS = 1_000, 200  # the same number of draws as a run has refits by default
# Largest number of subjects of a class. Still more subjects would hardly change whether a lead is shown.
MOST = 20_000
NAMED, EXCLUDED = "the group is named", "no group leads"
_TRAINED = 0.8  # a model is fitted on four of five folds


@dataclass(frozen=True)
class Chances:
    """Shares of cohorts in which the rule names the first group, another one, or excludes that any leads."""

    named: float
    another: float
    excluded: float


@dataclass(frozen=True)
class ReliancePlan:
    """A cohort of discovery subjects that is large enough for the rule to decide.

    Attributes
    ----------
    case, control
        Its size.
    answer
        ``NAMED``: the first group is named. ``EXCLUDED``: no group leads. The second is the answer if the
        first group's lead is too small for a name in a cohort of any size.
    power
        Share of such cohorts with this answer.
    another
        Share of such cohorts in which another group is named.
    """

    case: int
    control: int
    answer: str
    power: float
    another: float


def chances(
    effects: Sequence[float], case: int, control: int, *, signal_ceiling: float = 0.65, seed: int = 1
) -> Chances:
    """Draw cohorts and apply the rule to them.

    Parameters
    ----------
    effects
        d of each group, that of the group to be named first; two groups or more.
    case, control
        Discovery subjects.
    signal_ceiling
        The AUROC that the model has to reach before a group is named.
    seed
        Seed of the draws. They are the same for every size, so that chances rise smoothly with size.
    """
    d = np.asarray(effects, dtype=np.float64)
    spread = np.sqrt((1 / case + 1 / control) / _TRAINED)
    rng = stream(seed, "plan", "reliance")
    estimates = d + spread * rng.normal(size=(COHORTS, len(d)))
    luck = rng.normal(size=COHORTS)
    again = estimates[:, None] + spread * rng.normal(size=(COHORTS, DRAWS, len(d)))
    leads = margins(_shares(again))  # (cohorts, draws, groups)
    low = np.quantile(leads, LOW, axis=1)
    # The distance of the classes along the estimated direction.
    apart = (estimates @ d) / np.sqrt((estimates**2).sum(axis=1))
    true = norm.cdf(apart / np.sqrt(2))
    seen = true + luck * error(float(np.clip(np.median(true), 0.5, 0.999)), case, control)
    leader = np.where(seen >= signal_ceiling, np.where(low.max(axis=1) > LEAD, low.argmax(axis=1), -1), -1)
    high = np.quantile(leads.max(axis=2), HIGH, axis=1)
    return Chances(
        named=float((leader == 0).mean()),
        another=float((leader > 0).mean()),
        excluded=float((high < LEAD).mean()),
    )


def size_to_decide(
    effects: Sequence[float], *, power: float = POWER, controls_per_case: float = 1.0
) -> ReliancePlan | None:
    """Return the smallest cohort in which the rule decides with ``power``.

    Parameters
    ----------
    effects
        d of each group, that of the group to be named first; two groups or more.
    power
        Wanted share of cohorts with the answer.
    controls_per_case
        Controls for each case.

    Returns
    -------
    The cohort, or None if ``MOST`` cases are not enough, for a name or for its exclusion.
    """

    def named(case: int) -> ReliancePlan:
        outcome = at(case)
        return ReliancePlan(case, _controls(case, controls_per_case), NAMED, outcome.named, outcome.another)

    def excluded(case: int) -> ReliancePlan:
        outcome = at(case)
        return ReliancePlan(
            case, _controls(case, controls_per_case), EXCLUDED, outcome.excluded, outcome.another
        )

    def at(case: int) -> Chances:
        return chances(effects, case, _controls(case, controls_per_case))

    return _fewest(named, power) or _fewest(excluded, power)


def _shares(effects: np.ndarray) -> np.ndarray:
    """Return shares of the attribution: coefficient times spread of the values, which both depend on d."""
    sizes = np.abs(effects) * np.sqrt(1 + effects**2 / 4)
    shares: np.ndarray = sizes / sizes.sum(axis=-1, keepdims=True)
    return shares


def _controls(case: int, per_case: float) -> int:
    return max(FEWEST, int(np.ceil(case * per_case)))


def _fewest(plan: Callable[[int], ReliancePlan], power: float) -> ReliancePlan | None:
    """Double and halve the size, to a precision of a fiftieth; the draws are no more precise."""
    low, high = FEWEST, plan(FEWEST)
    while high.power < power:
        if high.case >= MOST:
            return None
        low, high = high.case + 1, plan(min(2 * high.case, MOST))
    while high.case > low * 1.02:
        middle = plan((low + high.case) // 2)
        if middle.power >= power:
            high = middle
        else:
            low = middle.case + 1
    return high
