"""A logistic regression with an L2 penalty, its penalty chosen and its worth judged by nested folds.

Folds are drawn over subjects, stratified by label. Samples of one subject share a weight of one in
fitting, and their logits are averaged in testing.
"""

from __future__ import annotations

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from cfdna_interp.artifacts.matrix import Inputs, usable
from cfdna_interp.artifacts.proxy import Linear
from cfdna_interp.errors import InputError
from cfdna_interp.stats.resampling import bootstrap_counts
from cfdna_interp.stats.roc import auroc

# From a penalty under which only the intercept is left to one that separates small cohorts.
GRID = np.logspace(-4, 1, 6)
FOLDS = 5
# Two are left for the inner folds when an outer fold holds one.
FEWEST = 3


def pipeline(C: float) -> Pipeline:
    """Return the unfitted model: median imputation, standardisation, L2 logistic regression."""
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("regression", _regression(C)),
        ]
    )


def fit(
    inputs: Inputs, labels: np.ndarray, subjects: np.ndarray, rng: np.random.Generator, *, draws: int = 0
) -> Linear | None:
    """Fit on all samples, the penalty chosen by cross-validation; None where no input varies.

    The penalty is the strongest one whose mean inner log-loss lies within one standard error of the
    best (Breiman et al. 1984). Coefficient draws are refits on resampled subjects, penalty and
    standardisation held.

    Parameters
    ----------
    inputs
        Discovery samples by inputs, NaN where missing.
    labels
        (samples,) 1 case, 0 control, one label per subject.
    subjects
        (samples,) name of each sample's subject.
    rng
        Source of folds and bootstrap.
    draws
        Number of coefficient draws.

    Raises
    ------
    InputError
        A class has fewer than 3 subjects.
    """
    kept = usable(inputs.X)
    if not kept.any():
        return None
    X = inputs.X[:, kept]
    groups = _Subjects(labels, subjects)
    cases = int(groups.labels.sum())
    controls = len(groups.labels) - cases
    if min(cases, controls) < FEWEST:
        raise InputError(
            f"discovery cohort: {cases} cases and {controls} controls are too few to cross-validate; "
            f"give at least {FEWEST} subjects of each class"
        )
    C = choose_penalty(X, labels, subjects, rng)
    model = pipeline(C).fit(X, labels, regression__sample_weight=groups.weights)
    Z = model[:-1].transform(X)
    regression = model["regression"]
    drawn = np.empty((draws, 1 + X.shape[1]))
    for row in drawn:
        weights = groups.weights * bootstrap_counts(groups.labels, rng)[groups.index]
        refit = _regression(C).fit(Z, labels, sample_weight=weights)
        row[:] = [refit.intercept_[0], *refit.coef_[0]]
    return Linear(
        names=tuple(name for name, keep in zip(inputs.names, kept, strict=True) if keep),
        impute=model["impute"].statistics_,
        mean=model["scale"].mean_,
        scale=model["scale"].scale_,
        coefficient=regression.coef_[0],
        intercept=float(regression.intercept_[0]),
        C=float(C),
        draws=drawn,
    )


def cross_validate(
    inputs: Inputs, labels: np.ndarray, subjects: np.ndarray, rng: np.random.Generator
) -> tuple[float, ...]:
    """Return the AUROC of each outer fold, the penalty chosen anew inside each fold's training subjects.

    One by one and never pooled: logits of different fits don't share a scale, and folds don't share an
    independent error.

    Parameters
    ----------
    inputs, labels, subjects, rng
        As for :func:`fit`; at least one input varies.
    """
    X = inputs.X[:, usable(inputs.X)]
    groups = _Subjects(labels, subjects)
    aurocs = []
    for train, test in groups.folds(np.arange(len(groups.labels)), rng):
        C = choose_penalty(X, labels, subjects, rng, within=train)
        rows = groups.rows(train)
        model = pipeline(C).fit(X[rows], labels[rows], regression__sample_weight=groups.weights[rows])
        aurocs.append(auroc(groups.labels[test], groups.mean_logits(model.decision_function(X), test)))
    return tuple(aurocs)


def choose_penalty(
    X: np.ndarray,
    labels: np.ndarray,
    subjects: np.ndarray,
    rng: np.random.Generator,
    *,
    within: np.ndarray | None = None,
) -> float:
    """Return the C of the one-standard-error rule over subject folds.

    Parameters
    ----------
    X
        (samples, inputs).
    labels, subjects
        (samples,) label and subject of each sample.
    rng
        Source of the folds.
    within
        Indices into the sorted subjects to which the choice is confined; all by default.
    """
    groups = _Subjects(labels, subjects)
    members = np.arange(len(groups.labels)) if within is None else within
    losses = []
    for train, test in groups.folds(members, rng):
        rows, tested = groups.rows(train), groups.rows(test)
        prepare = pipeline(GRID[0])[:-1].fit(X[rows])
        Z = np.full((len(X), X.shape[1]), np.nan)
        Z[rows], Z[tested] = prepare.transform(X[rows]), prepare.transform(X[tested])
        # One object along the path: each penalty starts from the solution of the stronger one.
        regression = _regression(GRID[0]).set_params(warm_start=True)
        path = []
        for C in GRID:
            regression.set_params(C=C).fit(Z[rows], labels[rows], sample_weight=groups.weights[rows])
            scores = np.full(len(X), np.nan)
            scores[tested] = regression.decision_function(Z[tested])
            chance = 1 / (1 + np.exp(-groups.mean_logits(scores, test)))
            path.append(log_loss(groups.labels[test], chance, labels=[0, 1]))
        losses.append(path)
    return one_standard_error(GRID, np.array(losses))


def one_standard_error(grid: np.ndarray, losses: np.ndarray) -> float:
    """Return the smallest C whose mean loss is within one standard error of the smallest mean.

    Parameters
    ----------
    grid
        (penalties,) ascending C.
    losses
        (folds, penalties) loss of each fold.
    """
    mean = losses.mean(axis=0)
    best = int(mean.argmin())
    error = losses[:, best].std(ddof=1) / np.sqrt(len(losses))
    return float(grid[np.flatnonzero(mean <= mean[best] + error)[0]])


def _regression(C: float) -> LogisticRegression:
    return LogisticRegression(C=C, solver="lbfgs", tol=1e-5, max_iter=2_000)


class _Subjects:
    """Samples gathered by subject; subjects in sorted order of their names."""

    def __init__(self, labels: np.ndarray, subjects: np.ndarray) -> None:
        _, first, self.index, counts = np.unique(
            np.asarray(subjects, dtype=str), return_index=True, return_inverse=True, return_counts=True
        )
        self.labels = np.asarray(labels)[first]  # (subjects,)
        self.weights = 1 / counts[self.index]  # (samples,)
        self.counts = counts

    def folds(self, members: np.ndarray, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
        labels = self.labels[members]
        fewest = int(min((labels == 0).sum(), (labels == 1).sum()))
        splitter = StratifiedKFold(min(FOLDS, fewest), shuffle=True, random_state=int(rng.integers(2**31)))
        return [(members[a], members[b]) for a, b in splitter.split(np.zeros(len(members)), labels)]

    def rows(self, members: np.ndarray) -> np.ndarray:
        return np.flatnonzero(np.isin(self.index, members))

    def mean_logits(self, logits: np.ndarray, members: np.ndarray) -> np.ndarray:
        rows = self.rows(members)
        sums = np.bincount(self.index[rows], weights=logits[rows], minlength=len(self.labels))
        return np.asarray((sums / self.counts)[members])
