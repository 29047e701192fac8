"""AUROC among subjects of the same batch, without comparisons between batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.stats.estimates import LEVEL, IntervalEstimate
from cfdna_interp.stats.resampling import percentile_interval
from cfdna_interp.stats.roc import (
    CONSTANT,
    DELONG_MINIMUM,
    auroc,
    bootstrap_draws,
    concordance,
    delong,
    logit_interval,
    unseen,
)

PER_CLASS = 5


@dataclass(frozen=True)
class Batch:
    """AUROC within one batch, with its numbers of cases and controls."""

    batch: str
    case: int
    control: int
    auroc: float


@dataclass(frozen=True)
class Within:
    """Mean of the batches' AUROCs, weighted by n1·n0 / (n1 + n0), with its interval."""

    interval: IntervalEstimate
    batches: tuple[Batch, ...]


def within_batch(
    labels: np.ndarray,
    scores: np.ndarray,
    batches: Sequence[str],
    rng: np.random.Generator,
    bootstrap: int = 2_000,
) -> Within | None:
    """Return the within-batch AUROC over batches with at least 5 cases and 5 controls, or None without any.

    The batches are independent, so the variance of the weighted mean is Σ w² v / (Σ w)². With at least 30
    subjects per class over the batches used, v is DeLong's and the interval is symmetric on the logit scale.
    With fewer, subjects are resampled within class and batch. If the score separates the classes completely
    in every batch, the bound comes from the disjoint case-control pairs of all batches, which are assumed to
    have one AUROC. There is no interval if the score is the same for everybody in each batch.

    Parameters
    ----------
    labels, scores
        (subjects,) label 1 or 0, finite score.
    batches
        (subjects,) name of each subject's batch; "" means unknown, and the subject is not used.
    rng, bootstrap
        Source of randomness and number of bootstrap draws.
    """
    y, s = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    names = np.asarray(batches, dtype=object)
    used: list[Batch] = []
    members = []
    for name in sorted(set(names.tolist()) - {""}):
        rows = np.flatnonzero(names == name)
        case = int(y[rows].sum())
        control = len(rows) - case
        if min(case, control) >= PER_CLASS:
            used.append(Batch(str(name), case, control, auroc(y[rows], s[rows])))
            members.append(rows)
    if not used:
        return None
    weights = np.array([batch.case * batch.control / (batch.case + batch.control) for batch in used])
    weights /= weights.sum()
    aurocs = np.array([batch.auroc for batch in used])
    # Weights add up to 1 except for rounding. Complete separation is detected by exact equality.
    value = float(aurocs[0]) if np.ptp(aurocs) == 0 else float(weights @ aurocs)
    if all(np.ptp(s[rows]) == 0 for rows in members):
        return Within(IntervalEstimate(value, float("nan"), float("nan"), CONSTANT), tuple(used))
    if value in (0.0, 1.0):
        slack = unseen((1 - LEVEL) / 2, sum(min(batch.case, batch.control) for batch in used))
        low, high = (0.0, slack) if value == 0.0 else (1 - slack, 1.0)
        return Within(IntervalEstimate(value, low, high, "exact pairs within batch"), tuple(used))
    if min(sum(b.case for b in used), sum(b.control for b in used)) >= DELONG_MINIMUM:
        variances = np.array([delong(y[rows], s[rows])[1][0, 0] for rows in members])
        variance = float(weights**2 @ variances)
        if variance > 0:
            return Within(logit_interval(value, variance, "DeLong within batch, logit scale"), tuple(used))
    draws = np.zeros(bootstrap)
    for weight, rows in zip(weights, members, strict=True):
        draws += weight * bootstrap_draws(y[rows], concordance(y[rows], s[rows]), rng, bootstrap)
    method = "bootstrap of subjects within class and batch"
    # Means of ones can round above 1.
    return Within(percentile_interval(value, np.minimum(draws, 1.0), method), tuple(used))
