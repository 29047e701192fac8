"""Linear probes: how well a concept is decoded from vectors of people whom the probe never saw.

Probes are those of Alain and Bengio (arXiv:1610.01644, 2016). Numbers are decoded by ridge regression and
scored by R². Classes are decoded by logistic regression for fragments and by ridge classification for
samples, and scored by the macro average of each class's AUROC against the others. AUROCs of fragments are
computed within a subject and averaged over subjects, those of samples within a fold and averaged over folds.
Outputs of different probes are never pooled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifierCV, RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cfdna_interp.records.probes import Metric
from cfdna_interp.representation.concepts import Concept
from cfdna_interp.stats.estimates import IntervalEstimate
from cfdna_interp.stats.resampling import bootstrap_table, percentile_interval
from cfdna_interp.stats.roc import auroc, concordance, weighted_mean
from cfdna_interp.stats.subjects import Subjects, by_subject

LOGISTIC_FRAGMENTS = 20_000  # more change the AUROC of a fragment probe by less than a hundredth
# For samples, which are hardly more than dimensions. Leave-one-out errors choose one.
_PENALTIES = np.logspace(-1, 4, 11)
_SOMETHING = 0.01  # of the variance of indicators
_FEW = 3  # smallest number of a class and of the others in a subject or fold for an AUROC


@dataclass(frozen=True, eq=False)
class Task:
    """The task of a probe.

    Attributes
    ----------
    concept
        n values.
    codes
        (n,) subject of each value.
    fold
        (n,) fold in which it is tested, the same for all values of a subject.
    fragments
        Whether the rows are fragments; otherwise they are samples.
    """

    concept: Concept
    codes: np.ndarray
    fold: np.ndarray
    fragments: bool

    @property
    def metric(self) -> Metric:
        """``R2`` or ``AUROC``."""
        return "R2" if self.concept.kind == "number" else "AUROC"

    @property
    def rows(self) -> np.ndarray:
        """Rows with a known concept; for classes of fragments at most ``LOGISTIC_FRAGMENTS``."""
        rows = np.flatnonzero(self.concept.known)
        if self.fragments and self.concept.kind == "classes" and len(rows) > LOGISTIC_FRAGMENTS:
            rows = rows[np.linspace(0, len(rows) - 1, LOGISTIC_FRAGMENTS).astype(np.int64)]
        return rows


# Maps a fold to the vectors of all rows for the probe of that fold.
Vectors = Callable[[int], np.ndarray]


def out_of_fold(vectors: np.ndarray | Vectors, task: Task) -> np.ndarray:
    """Return the predictions of probes for rows of folds that they were not fitted on.

    Parameters
    ----------
    vectors
        (n, dim), or a function of the fold.
    task
        The concept.

    Returns
    -------
    (rows, 1) numbers, or (rows, classes) scores of classes in ascending order of their value, at
    ``task.rows``. NaN if a fold's training rows lack the class or have only one value.
    """
    rows, fold = task.rows, task.fold[task.rows]
    values = task.concept.values[rows]
    numeric = task.concept.kind == "number"
    classes = np.unique(values)
    predicted = np.full((len(rows), 1 if numeric else len(classes)), np.nan)
    for number in np.unique(fold):
        test = fold == number
        if len(np.unique(values[~test])) < 2:
            continue
        x = (vectors(int(number)) if callable(vectors) else vectors)[rows]
        probe = _probe(task).fit(x[~test], values[~test])
        if numeric:
            predicted[test, 0] = probe.predict(x[test])
            continue
        decided = probe.decision_function(x[test])
        if decided.ndim == 1:
            decided = np.stack([-decided, decided], axis=1)
        predicted[np.ix_(test, np.searchsorted(classes, probe.classes_))] = decided
    return predicted


def score(
    predicted: np.ndarray, task: Task, rng: np.random.Generator, resamples: int
) -> IntervalEstimate | None:
    """Score the predictions of probes, with a bootstrap over subjects; None if nothing can be scored."""
    rows = task.rows
    values, codes = task.concept.values[rows], task.codes[rows]
    if task.concept.kind == "number":
        return _explained(predicted[:, 0], values, codes, rng, resamples)
    if task.fragments:
        return _within_subjects(predicted, values, codes, rng, resamples)
    return _within_folds(predicted, values, codes, task.fold[rows], rng, resamples)


def left_over(vectors: np.ndarray | Vectors, task: Task) -> float | None:
    """Return the score after an erasure, in the concept's metric; None if nothing can be scored.

    Classes with equal means can differ in spread. Even a direction from noise then ranks them. An AUROC is
    therefore only used if a regression on indicators of the classes explains something in subjects that it
    never saw. Otherwise the score is that of chance.
    """
    if task.concept.kind == "classes":
        rows, values = task.rows, task.concept.values[task.rows]
        indicators = (values[:, None] == np.unique(values)).astype(np.float64)
        centred = indicators - indicators.mean(axis=0)
        error, spread = 0.0, 0.0
        for number in np.unique(task.fold[rows]):
            test = task.fold[rows] == number
            x = (vectors(int(number)) if callable(vectors) else vectors)[rows]
            model = Ridge(alpha=1.0) if task.fragments else RidgeCV(_PENALTIES)
            predicted = make_pipeline(StandardScaler(), model).fit(x[~test], centred[~test]).predict(x[test])
            error += float(((centred[test] - predicted) ** 2).sum())
            spread += float((centred[test] ** 2).sum())
        if 1 - error / spread < _SOMETHING:
            return 0.5
    # One draw is enough, since the interval isn't used.
    estimate = score(out_of_fold(vectors, task), task, np.random.default_rng(0), 1)
    return None if estimate is None else estimate.value


def _probe(task: Task) -> Pipeline:
    numeric = task.concept.kind == "number"
    if task.fragments:
        # There are many more fragments than dimensions, so the penalty only makes the solution unique.
        model = Ridge(alpha=1.0) if numeric else LogisticRegression(C=1.0, tol=1e-3, max_iter=200)
    else:
        model = RidgeCV(_PENALTIES) if numeric else RidgeClassifierCV(_PENALTIES, class_weight="balanced")
    return make_pipeline(StandardScaler(), model)


def _explained(
    predicted: np.ndarray, values: np.ndarray, codes: np.ndarray, rng: np.random.Generator, resamples: int
) -> IntervalEstimate | None:
    """Return R², with a subject's rows resampled together."""
    there = np.isfinite(predicted)
    y, error, codes = values[there], (values - predicted)[there] ** 2, codes[there]
    if len(y) == 0 or np.ptp(y) == 0:
        return None
    columns = np.stack([np.ones(len(y)), y, y**2, error], axis=1)
    # Values are centred, so that the difference of large squares loses no digits.
    columns[:, 1] -= y.mean()
    columns[:, 2] = columns[:, 1] ** 2
    sums = Subjects(codes).sums(columns)  # (subjects, 4)

    def r2(total: np.ndarray) -> np.ndarray:
        n, first, second, residual = total.T
        spread = second - first**2 / n
        return np.asarray(1 - residual / np.where(spread > 0, spread, np.nan))

    draws = bootstrap_table(np.zeros(len(sums)), resamples, rng) @ sums
    scores = r2(draws)
    return percentile_interval(float(r2(sums.sum(axis=0)[None])[0]), scores[np.isfinite(scores)])


def _within_subjects(
    predicted: np.ndarray, values: np.ndarray, codes: np.ndarray, rng: np.random.Generator, resamples: int
) -> IntervalEstimate | None:
    people = Subjects(codes)
    classes = np.unique(values)
    table = np.full((len(people), len(classes)), np.nan)
    order = np.argsort(people.index, kind="stable")
    for person, rows in enumerate(np.split(order, np.cumsum(people.counts)[:-1])):
        for column, value in enumerate(classes):
            table[person, column] = _auroc(values[rows] == value, predicted[rows, column])
    return _mean_of(table, bootstrap_table(np.zeros(len(people)), resamples, rng))


def _auroc(members: np.ndarray, predicted: np.ndarray) -> float:
    there = np.isfinite(predicted)
    members, predicted = members[there], predicted[there]
    if min(members.sum(), (~members).sum()) < _FEW:
        return float("nan")
    return auroc(members.astype(np.int64), predicted)


def _mean_of(table: np.ndarray, counts: np.ndarray) -> IntervalEstimate | None:
    """Return the mean over columns of the means over rows of (rows, columns), without missing values."""
    there = np.isfinite(table)
    columns = there.any(axis=0)
    if not columns.any():
        return None
    filled, there = np.where(there, table, 0.0)[:, columns], there[:, columns].astype(np.float64)
    value = float((filled.sum(axis=0) / there.sum(axis=0)).mean())
    held = counts @ there
    with np.errstate(invalid="ignore"):
        draws = np.nanmean(np.where(held > 0, counts @ filled / held, np.nan), axis=1)
    return percentile_interval(value, draws[np.isfinite(draws)])


def _within_folds(
    predicted: np.ndarray,
    values: np.ndarray,
    codes: np.ndarray,
    fold: np.ndarray,
    rng: np.random.Generator,
    resamples: int,
) -> IntervalEstimate | None:
    """Return the AUROC of samples, after averaging those of one subject and class."""
    classes, place = np.unique(values, return_inverse=True)
    rows = by_subject(codes * len(classes) + place, np.column_stack([predicted, place, fold]))
    predicted, place, fold = rows[:, :-2], rows[:, -2].astype(np.int64), rows[:, -1].astype(np.int64)
    counts = bootstrap_table(fold * len(classes) + place, resamples, rng)
    values_, draws = [], []
    for column in range(1, 2) if len(classes) == 2 else range(len(classes)):
        cells = []
        for number in np.unique(fold):
            members = (fold == number) & np.isfinite(predicted[:, column])
            cells.append(_cell(place[members] == column, predicted[members, column], counts[:, members]))
        there = [cell for cell in cells if cell is not None]
        if there:
            values_.append(np.mean([value for value, _ in there]))
            draws.append(np.mean([part for _, part in there], axis=0))
    if not values_:
        return None
    means = np.mean(draws, axis=0)
    return percentile_interval(float(np.mean(values_)), means[np.isfinite(means)])


def _cell(members: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> tuple[float, np.ndarray] | None:
    if min(members.sum(), (~members).sum()) < _FEW:
        return None
    kernel = concordance(members.astype(np.int64), predicted)  # (members, others)
    return float(kernel.mean()), weighted_mean(kernel, counts[:, members], counts[:, ~members])
