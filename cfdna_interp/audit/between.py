"""How much of an AUROC comes from comparing subjects of different batches, with a paired interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from cfdna_interp.stats.roc import LEVEL
from cfdna_interp.stats.strata import PER_CLASS


@dataclass(frozen=True)
class Between:
    """Crude minus within-batch AUROC, with its two-sided 95 % interval."""

    value: float
    low: float
    high: float


def between_batches(labels: np.ndarray, scores: np.ndarray, batches: Sequence[str]) -> Between | None:
    """Compare the crude AUROC with the within-batch one of the same score, None without a mixed batch.

    The first is over all subjects, the second over those of mixed batches. Both are means over case-control
    pairs, so their difference is a sum of one term per subject (the structural components of DeLong, DeLong
    and Clarke-Pearson 1988). Its variance is taken within class and batch: how many subjects of each class a
    batch holds is given, as in the within-batch AUROC itself. Where batches don't move the score, every pair
    has the same expectation and the difference is zero in expectation, whatever the overlap of label and
    batch. The two AUROCs share most of their noise, hence the interval is narrower than that of either.

    Parameters
    ----------
    labels, scores
        (subjects,) label 1 or 0, both occur; finite score.
    batches
        (subjects,) batch, "" unknown: such subjects count in the crude AUROC only.
    """
    y, s = np.asarray(labels).astype(bool), np.asarray(scores, dtype=np.float64)
    names = np.asarray(batches, dtype=object)
    value, terms = _components(y, s)
    mixed = []
    for name in sorted(set(names.tolist()) - {""}):
        rows = np.flatnonzero(names == name)
        case = int(y[rows].sum())
        control = len(rows) - case
        if min(case, control) >= PER_CLASS:
            mixed.append((case * control / (case + control), rows))
    if not mixed:
        return None
    total = sum(weight for weight, _ in mixed)
    for weight, rows in mixed:
        inside, own = _components(y[rows], s[rows])
        value -= weight / total * inside
        terms[rows] -= weight / total * own
    variance = 0.0
    for label in (True, False):
        spread = float(np.var(terms[y == label], ddof=1))
        for name in sorted(set(names.tolist())):
            members = terms[(y == label) & (names == name)]
            # One subject has no spread of its own: it takes that of its class, which is larger.
            variance += len(members) * (float(np.var(members, ddof=1)) if len(members) > 1 else spread)
    half = float(norm.isf((1 - LEVEL) / 2)) * variance**0.5
    return Between(value, max(-1.0, value - half), min(1.0, value + half))


def _components(labels: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the AUROC, and each subject's term: its share of won pairs over the size of its class."""
    cases, controls = scores[labels], scores[~labels]
    n1, n0 = len(cases), len(controls)
    joint = rankdata(np.concatenate([cases, controls]))
    won = (joint[:n1] - rankdata(cases)) / n0
    terms = np.empty(len(scores))
    terms[labels] = won / n1
    terms[~labels] = (1 - (joint[n1:] - rankdata(controls)) / n1) / n0
    return float(won.mean()), terms
