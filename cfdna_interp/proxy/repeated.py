"""Comparison of discovery findings with the held-out subjects: they hold, are weaker or are reversed.

Roles of feature groups are decided in discovery. New people may differ. Each figure behind a role is
therefore compared with the same figure on held-out subjects and gets one word, which page and verdict use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.predictions import load_predictions
from cfdna_interp.records.base import load_record
from cfdna_interp.records.dominance import Dominance, Role
from cfdna_interp.records.proxy import Proxy
from cfdna_interp.records.validation import (
    Cost,
    InBothRoles,
    PairedDifference,
    RepeatedGroup,
    RepeatedScore,
    Repetition,
)
from cfdna_interp.records.values import Interval, auroc_of
from cfdna_interp.stats.estimates import LEVEL, IntervalEstimate
from cfdna_interp.stats.power import ALPHA, error
from cfdna_interp.stats.resampling import percentile_interval
from cfdna_interp.stats.roc import (
    auroc_interval,
    bootstrap_draws,
    concordance,
    delong,
    logit_interval,
    mean_auroc,
)
from cfdna_interp.stats.subjects import LabelledSubjects

# Roles for which leaving the group out has a cost.
NEEDED = ("carrier", "partner", "suppressor")
DRAWN = "bootstrap of subjects within fold, the fits as they are"
BY_SIZE = "error of an AUROC of this height and these numbers (binormal, within fold), the fits as they are"


@dataclass(frozen=True, eq=False)
class Discovery:
    """Results on the discovery subjects, frozen before the held-out labels are read.

    Attributes
    ----------
    labels, folds
        (subjects,) 1 case, 0 control; fold in which a subject was tested.
    logits
        (subjects,) cross-fitted logits of the model; None if they are a foreign model's own scores.
    reached
        Cross-fitted AUROC (mean over folds) by score: ``model``, ``model_only_<group>``, and ``proxy`` if
        there is one.
    costs, roles
        Group -> AUROC lost in discovery when it is left out, and group -> role.
    """

    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    folds: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    logits: np.ndarray | None = None
    reached: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True)
class Repeated:
    """One score's AUROC in discovery and on held-out subjects.

    Attributes
    ----------
    discovery, heldout
        AUROCs with 95 % intervals. That of discovery is cross-fitted, the mean over folds.
    fall, low, high, p
        Discovery minus held-out AUROC with its 95 % interval, and the p value of a two-sided test of no
        difference between the two samples of subjects.
    """

    discovery: IntervalEstimate
    heldout: IntervalEstimate
    fall: float
    low: float
    high: float
    p: float


def load_discovery(layout: Layout) -> Discovery:
    """Read the results on the discovery subjects.

    Raises
    ------
    InputError
        ``dominance.json``, ``proxy.json`` or ``predictions.discovery.parquet`` is missing or damaged.
    """
    dominance = load_record(Dominance, layout.file(Dominance.FILE))
    regression = load_record(Proxy, layout.file(Proxy.FILE)).regression
    rows = load_predictions(layout.file("predictions.discovery.parquet"))
    people = LabelledSubjects(np.array([row.label for row in rows]), np.array([row.subject for row in rows]))
    folds = np.array([row.fold for row in rows])[people.first]
    reached = dict(dominance.cross_fitted_auroc)
    if regression is not None and regression.cv.mean is not None:
        reached["proxy"] = regression.cv.mean
    cross_fitted = dominance.fidelity is None
    return Discovery(
        labels=people.labels,
        folds=folds,
        logits=people.means(np.array([row.logit for row in rows])) if cross_fitted else None,
        reached=reached,
        costs=dominance.leave_out_cost,
        roles={group: record.role for group, record in dominance.groups.items()},
    )


def repeat(
    discovery: IntervalEstimate,
    discovery_error: float,
    labels: np.ndarray,
    scores: np.ndarray,
    heldout: IntervalEstimate,
) -> Repeated:
    """Compare a cross-fitted AUROC of discovery with that of a frozen score on other people.

    Parameters
    ----------
    discovery, discovery_error
        AUROC with interval, and its standard error.
    labels, scores, heldout
        (subjects,) held-out labels and scores, and their AUROC with interval.
    """
    variance = discovery_error**2 + _heldout_error(labels, scores, heldout.value) ** 2
    fall = discovery.value - heldout.value
    spread = float(np.sqrt(variance))
    half = float(norm.isf((1 - LEVEL) / 2)) * spread
    return Repeated(
        discovery, heldout, fall, fall - half, fall + half, float(2 * norm.sf(abs(fall) / spread))
    )


def word(
    repeated: Repeated, ceiling: float, role: Role | None = None, cost: tuple[float, float] | None = None
) -> Repetition:
    """Return whether a finding holds on the held-out subjects.

    Discovery claims that a score has signal if its AUROC reaches the signal ceiling, and that a group is
    needed if its role says so. ``reversed``: the held-out upper bound of a score with signal is below .5, or
    the model is better without a group that was needed. ``weaker``: the AUROC of a score with signal fell,
    with p at most .05. ``holds``: every claim is confirmed. ``not told``: none of these.

    Parameters
    ----------
    repeated
        The AUROC of the score, or of the group alone, in both roles.
    ceiling
        Signal ceiling of the protocol.
    role, cost
        Role of a group in discovery, and the lower and the upper bound of the held-out cost of leaving it
        out, paired.
    """
    signal, needed = repeated.discovery.value >= ceiling, role in NEEDED and cost is not None
    if not signal and not needed:
        return Repetition.NO_CLAIM
    # A score that is the same for everybody has NaN bounds, which compare as false.
    if (signal and repeated.heldout.high < 0.5) or (needed and cost is not None and cost[1] < 0):
        return Repetition.REVERSED
    if signal and repeated.fall > 0 and repeated.p <= ALPHA:
        return Repetition.WEAKER
    alone = not signal or repeated.heldout.low > 0.5
    costs = not needed or (cost is not None and cost[0] > 0)
    return Repetition.HOLDS if alone and costs else Repetition.NOT_TOLD


def discovery_figure(
    discovery: Discovery, score: str, rng: np.random.Generator, bootstrap: int
) -> tuple[IntervalEstimate, float]:
    """Return the cross-fitted AUROC of a score with its 95 % interval, and its standard error.

    For the model, subjects are resampled within folds. For all other scores only the AUROC is available; its
    error follows from its value and the numbers in each fold.

    Parameters
    ----------
    discovery
        Results on the discovery subjects.
    score
        A key of ``reached``.
    rng, bootstrap
        Source and number of bootstrap draws, for the model.
    """
    y, folds = discovery.labels, discovery.folds
    mixed = [fold for fold in np.unique(folds) if len(np.unique(y[folds == fold])) == 2]
    if score == "model" and discovery.logits is not None:
        value = mean_auroc(discovery.logits, y, folds)
        assert value is not None  # folds are stratified
        draws = np.mean(
            [
                bootstrap_draws(part, concordance(part, discovery.logits[folds == fold]), rng, bootstrap)
                for fold in mixed
                for part in [y[folds == fold]]
            ],
            axis=0,
        )
        if np.ptp(draws) > 0:
            return percentile_interval(value, draws, DRAWN), float(draws.std())
    else:
        value = discovery.reached[score]
    sizes = [(int(y[folds == fold].sum()), int((y[folds == fold] == 0).sum())) for fold in mixed]
    inside = _inside(value, int(y.sum()), int((y == 0).sum()))
    spread = float(np.sqrt(sum(error(inside, case, control) ** 2 for case, control in sizes)) / len(sizes))
    interval = logit_interval(inside, spread**2, BY_SIZE)
    return IntervalEstimate(value, min(interval.low, value), max(interval.high, value), BY_SIZE), spread


def repeated_score(
    discovery: Discovery,
    reached: str,
    labels: np.ndarray,
    scores: np.ndarray,
    rngs: tuple[np.random.Generator, np.random.Generator],
    bootstrap: int,
) -> Repeated:
    """Return one score in both roles.

    Parameters
    ----------
    discovery, reached
        The discovery subjects, and the score's key among ``reached``.
    labels, scores
        (subjects,) held-out labels and frozen scores.
    rngs, bootstrap
        Sources for discovery and held-out subjects, and number of draws.
    """
    figure, spread = discovery_figure(discovery, reached, rngs[0], bootstrap)
    return repeat(figure, spread, labels, scores, auroc_interval(labels, scores, rngs[1], bootstrap))


def in_both_roles(repeated: Repeated) -> InBothRoles:
    """Return a score in both roles as a record of ``validation.json``."""
    return InBothRoles(
        discovery=auroc_of(repeated.discovery),
        heldout=auroc_of(repeated.heldout),
        fall=Interval(value=repeated.fall, low=repeated.low, high=repeated.high),
        p=repeated.p,
    )


def score_record(repeated: Repeated, ceiling: float) -> RepeatedScore:
    """Return a score of ``repeated`` of ``validation.json``."""
    both = in_both_roles(repeated)
    return RepeatedScore(
        discovery=both.discovery, heldout=both.heldout, fall=both.fall, p=both.p, word=word(repeated, ceiling)
    )


def group_record(
    repeated: Repeated, ceiling: float, role: Role, discovery_cost: float, pair: PairedDifference
) -> RepeatedGroup:
    """Return a group of ``groups`` of ``validation.json``.

    Parameters
    ----------
    repeated
        The group alone.
    ceiling
        Signal ceiling of the protocol.
    role, discovery_cost
        Role of the group, and its cost in discovery.
    pair
        Model minus model without the group.
    """
    return RepeatedGroup(
        role=role,
        alone=in_both_roles(repeated),
        cost=Cost(
            discovery=discovery_cost,
            heldout=Interval(value=pair.value, low=pair.low, high=pair.high),
        ),
        better_without=pair.high < 0,
        word=word(repeated, ceiling, role, (pair.low, pair.high)),
    )


def _heldout_error(labels: np.ndarray, scores: np.ndarray, value: float) -> float:
    case, control = int(labels.sum()), int((labels == 0).sum())
    if min(case, control) >= 2:
        variance = float(delong(labels, scores)[1][0, 0])
        if variance > 0:
            return float(np.sqrt(variance))
    # A perfectly separated sample has no variance. The true AUROC may be half a subject away.
    return error(_inside(value, case, control), case, control)


def _inside(value: float, case: int, control: int) -> float:
    """Return the AUROC, at least half a subject of the smaller class away from 0 and 1."""
    slack = 0.5 / min(case, control)
    return min(max(value, slack), 1 - slack)
