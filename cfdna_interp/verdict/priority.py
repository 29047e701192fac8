"""Which hypothesis comes first, and how many subjects a test of it needs."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from cfdna_interp.errors import InputError
from cfdna_interp.records.held import ClaimStatus
from cfdna_interp.records.verdict import Word
from cfdna_interp.stats.cohort_size import size_for_signal
from cfdna_interp.stats.power import ALPHA, POWER
from cfdna_interp.verdict.evidence import FEWEST, Difference, Replication

# What is left of a hypothesis once the audit has spoken. Handling and the person keep a little: the verdict
# has an error of its own.
GRADES: dict[ClaimStatus | Word, float] = {
    ClaimStatus.NOT_HANDLING: 1.0,
    ClaimStatus.NOT_PERSON: 1.0,
    ClaimStatus.ATTENUATED: 0.5,
    ClaimStatus.HANDLING: 0.1,
    ClaimStatus.CONFOUNDED: 0.1,
}
UNGRADED = 0.5  # can't tell, or a word of the ladder
Statuses = tuple[ClaimStatus | Word, ClaimStatus | Word]
OPPOSED = 0.5
UNTESTED = 0.5
ALMOST_ONE = 0.999


def priority(
    difference: Difference,
    replication: Replication,
    sign: int,
    statuses: Statuses,
    opposed: bool,
) -> float:
    """Return the score by which hypotheses are ranked, 0 to 1.

    ``strength · replication · handling · person · agreement``:

    - strength = 2 Φ(d / √2) - 1, d the end nearer zero of the adjusted difference's interval (0 where the
      interval holds zero, or lies on the other side than the unadjusted difference): how far the AUROC lies
      above chance with the effect that one may count on;
    - replication = 1 - p, the one-sided p of the feature by itself on held-out subjects; ½ where it could not
      be tested;
    - handling = 1 (not handling), ½ (attenuated, can't tell), 0.1 (handling), from the audit, and person
      likewise from rung L5: ``statuses``;
    - agreement = ½ where the proxy's coefficient and the plain difference point to opposite sides, 1
      otherwise: what the bench measures is then not what the proxy uses.

    A product, since each factor answers a question that can make bench work worthless by itself; lower ends
    and one-sided tests, since the features were chosen on the same discovery subjects and their estimates are
    too large.
    """
    strength = 2 * float(norm.cdf(countable(difference, sign) / np.sqrt(2))) - 1
    replicated = UNTESTED if np.isnan(replication.p) else 1 - replication.p
    handling, person = (GRADES.get(status, UNGRADED) for status in statuses)
    return strength * replicated * handling * person * (OPPOSED if opposed else 1.0)


def countable(difference: Difference, sign: int) -> float:
    """Return the end nearer zero of the adjusted difference's interval, in standard deviations.

    0 where the interval holds zero, or lies on the other side than the unadjusted difference (``sign``).
    """
    end = difference.low if sign > 0 else -difference.high
    return 0.0 if np.isnan(end) else max(0.0, end)


def case_control_size(difference: Difference, replication: Replication, sign: int) -> str:
    """Return how many subjects a one-sided test of this feature needs at 80 % power, in words.

    Planned with the smaller of the held-out AUROC and Φ(d / √2) of the adjusted difference d; a second number
    is that for the lower end of the held-out interval.
    """
    expected = float(norm.cdf(sign * difference.value / np.sqrt(2)))
    if not np.isnan(replication.auroc):
        expected = replication.auroc if np.isnan(expected) else min(expected, replication.auroc)
    if np.isnan(expected):
        return "not known: the feature could not be measured"
    if not expected > 0.5:
        return (
            "no number would do: held out, or adjusted in discovery, no difference in this direction is left"
        )
    sizes = [_size(expected)]
    if replication.low < expected:
        sizes.append(
            _size(replication.low)
            if replication.low > 0.5
            else "no number for the lower end of its interval, which is at or below .5"
        )
    return "; ".join(sizes)


def within_person_size(shift: float) -> str:
    """Return how many persons the tube and delay arm needs, in words.

    Each person gives blood for all arms. If tube and delay do nothing, a one-sided 95 % bound excludes with
    80 % power that they shift the feature by ``shift``. The standard deviation of the paired difference is
    taken to be that between persons (a correlation of ½ between two tubes of one person; it's usually
    larger).

    Parameters
    ----------
    shift
        In standard deviations between persons, positive.
    """
    from statsmodels.stats.power import TTestPower

    if not shift > 0:
        return "not known: no difference that one may count on"
    # With a known standard deviation; that it is estimated asks for one or two more.
    persons = max(FEWEST, int(np.ceil(((norm.isf(ALPHA) + norm.ppf(POWER)) / shift) ** 2)))
    while TTestPower().power(shift, persons, ALPHA, alternative="larger") < POWER:
        persons += 1
    return (
        f"{persons} persons, each in all arms, to exclude that handling shifts the feature by {shift:.2g} SD "
        "(one-sided 5 %, 80 % power)"
    )


def _size(auroc: float) -> str:
    try:
        size = size_for_signal(min(auroc, ALMOST_ONE), sides=1)
    except InputError:
        return f"more than a million for an AUROC of {auroc:.3f}"
    return (
        f"{size.case} cases + {size.control} controls for an AUROC of {auroc:.2f} (one-sided 5 %, 80 % power)"
    )
