"""What a cohort of a given size can show: expected errors, intervals and powers of AUROCs.

Scores of cases and controls are assumed to be normal with equal variance. Consider two pairs of a case and a
control that share one subject. Plackett's integral (Biometrika 41:351, 1954) gives exactly how often they
agree beyond chance. The sum over pairs of pairs is the variance of an AUROC, as in Hanley and McNeil
(Radiology 143:29, 1982) for exponential scores. For two scores on the same subjects it is the covariance that
DeLong et al. (Biometrics 44:837, 1988) estimate. The binormal approximation of Obuchowski and McClish
(Statistics in Medicine 16:1529, 1997) also includes the error of fitting a smooth curve. The empirical AUROC
doesn't have this error, so the approximation asks for more subjects at high AUROCs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from cfdna_interp.stats.estimates import IntervalEstimate
from cfdna_interp.stats.roc import logit_interval

ALPHA, POWER = 0.05, 0.8
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def covariance(a: float, b: float, case: int, control: int, correlation: float) -> float:
    """Return the covariance of two estimated AUROCs on the same subjects.

    Parameters
    ----------
    a, b
        The true AUROCs, strictly inside (0, 1).
    case, control
        Number of subjects.
    correlation
        Correlation of the two scores within each class; 1 with ``a == b`` gives the variance.
    """
    same = _agreement(a, b, correlation)  # one pair, both scores
    shared = _agreement(a, b, correlation / 2)  # two pairs that share a case, or a control
    return (same + (case + control - 2) * shared) / (case * control)


def error(auroc: float, case: int, control: int) -> float:
    """Return the standard error of an estimated AUROC."""
    return float(np.sqrt(covariance(auroc, auroc, case, control, 1.0)))


def difference_error(a: float, b: float, case: int, control: int, correlation: float) -> float:
    """Return the standard error of the difference of two AUROCs on the same subjects."""
    variance = (
        error(a, case, control) ** 2
        + error(b, case, control) ** 2
        - 2 * covariance(a, b, case, control, correlation)
    )
    return float(np.sqrt(max(variance, 0.0)))


def expected_interval(auroc: float, case: int, control: int) -> IntervalEstimate:
    """Return the expected 95 % interval of an AUROC."""
    return logit_interval(auroc, error(auroc, case, control) ** 2, "binormal, logit scale")


def within_interval(auroc: float, sites: Sequence[tuple[int, int]]) -> IntervalEstimate | None:
    """Return the expected 95 % interval of a within-batch AUROC, or None if no site can be used.

    Parameters
    ----------
    auroc
        The same inside every site.
    sites
        Cases and controls of each site. Sites with one class are not used.
    """
    used = [(case, control) for case, control in sites if min(case, control) > 0]
    if not used:
        return None
    weights = np.array([case * control / (case + control) for case, control in used])
    weights /= weights.sum()
    variances = np.array([error(auroc, case, control) ** 2 for case, control in used])
    return logit_interval(auroc, float(weights**2 @ variances), "binormal within batch, logit scale")


def power_of_difference(distance: float, standard_error: float, alpha: float, sides: int) -> float:
    """Return the power of a Wald test for a true difference of ``distance``."""
    return float(norm.cdf(abs(distance) / standard_error - norm.isf(alpha / sides)))


def power_of_signal(auroc: float, case: int, control: int, alpha: float = ALPHA, sides: int = 2) -> float:
    """Return the power of a rank-sum or permutation test of an AUROC above .5 against .5.

    The test is two-sided by default, since rung L0 asks that the two-sided interval excludes .5.
    """
    null = error(0.5, case, control)
    return float(norm.cdf((auroc - 0.5 - norm.isf(alpha / sides) * null) / error(auroc, case, control)))


def detectable_difference(standard_error: float, power: float = POWER, alpha: float = ALPHA) -> float:
    """Return the smallest true difference that a two-sided test with this error finds with ``power``."""
    return float((norm.isf(alpha / 2) + norm.isf(1 - power)) * standard_error)


def detectable_auroc(case: int, control: int, power: float = POWER, alpha: float = ALPHA) -> float | None:
    """Return the smallest AUROC for which L0 is earned with ``power``, or None if the cohort is too small."""
    nearly = 1 - 1e-6
    if power_of_signal(nearly, case, control, alpha) < power:
        return None
    return float(brentq(lambda auroc: power_of_signal(auroc, case, control, alpha) - power, 0.5, nearly))


def _agreement(a: float, b: float, r: float) -> float:
    """Return P(U < z_a, V < z_b) - a b for standard normal U, V of correlation ``r``."""
    h, k = norm.ppf(a), norm.ppf(b)
    top = np.arcsin(r)
    angle = top / 2 * (_NODES + 1)
    exponent = -(h**2 - 2 * h * k * np.sin(angle) + k**2) / (2 * np.cos(angle) ** 2)
    return float(top / 2 * (_WEIGHTS @ np.exp(exponent)) / (2 * np.pi))
