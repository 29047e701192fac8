"""The choice of the penalty and its strength on inner folds of subjects, in favour of the stronger one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import structs
from sklearn import config_context

from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.proxy.linear import PLAIN
from cfdna_interp.proxy.pipeline import pipeline, regression
from cfdna_interp.records.proxy import Penalty
from cfdna_interp.stats.subjects import LabelledSubjects

# The strongest leaves only the intercept. The weakest separates small cohorts.
GRID = np.logspace(-4, 1, 6)
# Penalties in order of preference.
PENALTIES: tuple[Penalty, ...] = ("l2", "elasticnet", "l1")
# At this tolerance coefficients still change, but losses change by less than their error.
PATH_TOL = 1e-4
# A path ends after this many rises of the loss in a row, because weak penalties take most of the time.
RISES = 2


@dataclass(frozen=True)
class Choice:
    """A penalty and its inverse strength."""

    penalty: Penalty
    C: float


def choose(
    X: np.ndarray,
    names: Sequence[str],
    labels: np.ndarray,
    subjects: np.ndarray,
    rng: np.random.Generator,
    settings: ProxySettings,
    *,
    within: np.ndarray | None = None,
) -> Choice:
    """Return the penalty of the settings, or under ``auto`` the preferred one, with its strength.

    Under ``auto`` it is the first of L2, elastic net and L1 whose best mean loss is within one standard error
    of the best of all. The strength follows the one-standard-error rule. Standard errors are those of paired
    differences on the same folds.

    Parameters
    ----------
    X
        (samples, inputs).
    names
        (inputs,) names of the inputs.
    labels, subjects
        (samples,) label and subject of each sample.
    rng
        Source of the folds, which are the same for all penalties.
    settings
        Penalty, basis and components.
    within
        Indices of the sorted subjects that the choice may use; all by default.
    """
    wanted = [penalty for penalty in PENALTIES if settings.penalty in ("auto", penalty)]
    groups = LabelledSubjects(labels, subjects)
    members = np.arange(len(groups.labels)) if within is None else within
    losses: dict[Penalty, list[list[float]]] = {penalty: [] for penalty in wanted}
    # For thousands of small fits, input checks would take longer than fitting.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for train, test in groups.folds(members, rng):
            for penalty, path in _paths(X, names, labels, groups, train, test, settings, wanted).items():
                losses[penalty].append(path)
    tables = {penalty: np.array(rows) for penalty, rows in losses.items()}
    best = min(tables, key=lambda penalty: float(tables[penalty].mean(axis=0).min()))
    lowest = {name: table[:, [int(table.mean(axis=0).argmin())]] for name, table in tables.items()}
    penalty = next(name for name in wanted if _as_good(lowest[name], lowest[best][:, 0])[0])
    return Choice(penalty, one_standard_error(GRID, tables[penalty]))


def choose_penalty(
    X: np.ndarray, labels: np.ndarray, subjects: np.ndarray, rng: np.random.Generator
) -> float:
    """Return the C of an L2 penalty on unchanged inputs, by the rule of :func:`choose`."""
    return choose(X, (), labels, subjects, rng, PLAIN).C


def one_standard_error(grid: np.ndarray, losses: np.ndarray) -> float:
    """Return the smallest C whose mean loss is within one standard error of the smallest mean.

    This is the rule of Breiman et al. 1984 with the standard error of the folds' differences from the best.
    Some folds are harder than others for every strength. With the standard error of the losses themselves, a
    model without features would seem as good as one that is better in each fold. A penalty that was not tried
    in some fold has an infinite loss.

    Parameters
    ----------
    grid
        (penalties,) ascending C.
    losses
        (folds, penalties) loss of each fold.
    """
    best = losses[:, int(losses.mean(axis=0).argmin())]
    return float(grid[np.flatnonzero(_as_good(losses, best))[0]])


def _as_good(losses: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return which columns exceed the best one on average by at most one standard error of the difference."""
    tried = np.isfinite(losses).all(axis=0)
    more = np.where(tried, losses, 0) - best[:, None]
    within = more.mean(axis=0) <= more.std(axis=0, ddof=1) / np.sqrt(len(losses))
    return np.asarray(tried & within)


def _paths(
    X: np.ndarray,
    names: Sequence[str],
    labels: np.ndarray,
    groups: LabelledSubjects,
    train: np.ndarray,
    test: np.ndarray,
    settings: ProxySettings,
    penalties: Sequence[Penalty],
) -> dict[Penalty, list[float]]:
    rows, tested = groups.rows(train), groups.rows(test)
    prepare = pipeline(GRID[0], structs.replace(settings, penalty=penalties[0]), names)[:-1].fit(X[rows])
    Z, Z_tested = prepare.transform(X[rows]), prepare.transform(X[tested])
    losses = {}
    for penalty in penalties:
        # One object is used along the path, so that each penalty starts from the solution of the stronger
        # one.
        model = regression(GRID[0], penalty, PATH_TOL).set_params(warm_start=True)
        path: list[float] = []
        for C in GRID:
            model.set_params(C=C).fit(Z, labels[rows], sample_weight=groups.weights[rows])
            scores = np.full(len(X), np.nan)
            scores[tested] = model.decision_function(Z_tested)
            signed = np.where(groups.labels[test] > 0, -1.0, 1.0) * groups.means(scores)[test]
            path.append(float(np.logaddexp(0, signed).mean()))
            if len(path) > RISES and (np.diff(path[-RISES - 1 :]) > 0).all():
                break
        losses[penalty] = path + [np.inf] * (len(GRID) - len(path))
    return losses
