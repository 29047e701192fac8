"""AUROC among cases and controls of the same sequencing depth."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from cfdna_interp.records.audit import DepthMatched
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.values import known
from cfdna_interp.stats.roc import auroc, auroc_interval
from cfdna_interp.stats.within_batch import PER_CLASS

# In standard deviations of log depth. This width removes about 99 % of the bias of a normal confounder
# (Cochran and Rubin 1973) and is advised for matching on one number (Austin 2011).
CALIPER = 0.2


def depth_matched(
    labels: np.ndarray, scores: np.ndarray, depth: np.ndarray, rng: np.random.Generator
) -> DepthMatched:
    """Pair each case with a control of similar depth and compute the score's AUROC on the pairs.

    Pairs are one to one, without replacement, within a caliper of .2 standard deviations of log depth. Of all
    pairings with the most pairs, the one with the smallest total difference is used.

    Parameters
    ----------
    labels, scores
        (subjects,) label 1 or 0, finite score.
    depth
        (subjects,) number of fragments; NaN or 0 means unknown, and the subject is left out.
    rng
        Source of randomness of the bootstrap for small samples.
    """
    counted = np.isfinite(depth) & (depth > 0)
    y, s = np.asarray(labels)[counted].astype(int), np.asarray(scores, dtype=np.float64)[counted]
    fewest = min(int(y.sum()), int((1 - y).sum()))
    if fewest < PER_CLASS:
        return _nothing(Missing(why=Cause.FEW_DEPTHS, seen=fewest, needed=PER_CLASS))
    log = np.log(depth[counted])
    if np.ptp(log) == 0:
        return _nothing(Missing(why=Cause.CONSTANT_DEPTH))
    before = auroc(y, log)
    case, control = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    gaps = np.abs(log[case][:, None] - log[control][None, :]) / log.std()  # (n1, n0)
    # A pair outside the caliper costs more than all pairs inside together, so it is only made as a last
    # resort.
    cost = np.where(gaps <= CALIPER, gaps, 1 + CALIPER * len(y))
    rows, columns = linear_sum_assignment(cost)
    inside = gaps[rows, columns] <= CALIPER
    pairs = int(inside.sum())
    if pairs < PER_CLASS:
        return _nothing(Missing(why=Cause.FEW_PAIRS, seen=pairs, needed=PER_CLASS), pairs, before)
    members = np.concatenate([case[rows[inside]], control[columns[inside]]])
    interval = auroc_interval(y[members], s[members], rng)
    return DepthMatched(
        value=known(interval.value),
        low=known(interval.low),
        high=known(interval.high),
        pairs=pairs,
        depth_before=before,
        depth_after=auroc(y[members], log[members]),
        missing=None,
    )


def _nothing(missing: Missing, pairs: int = 0, before: float | None = None) -> DepthMatched:
    return DepthMatched(
        value=None, low=None, high=None, pairs=pairs, depth_before=before, depth_after=None, missing=missing
    )
