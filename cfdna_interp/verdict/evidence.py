"""What one feature shows by itself: its adjusted difference in discovery, and whether it replicates."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from cfdna_interp.artifacts.matrix import TECHNICAL, Table, covariates_among, technical_among
from cfdna_interp.audit.handling_terms import PER_LEVEL, place_among, standardised, terms
from cfdna_interp.audit.held_columns import by_priority
from cfdna_interp.stats.roc import auroc_interval

# Two subjects a term would do for a linear regression (Austin and Steyerberg, J Clin Epidemiol 68:627, 2015);
# ten leave the interval of the difference about as wide as without the terms.
SUBJECTS_PER_TERM = 10
FEWEST = 3  # subjects of a class, below which there is no difference to speak of
NAN = float("nan")


@dataclass(frozen=True)
class Difference:
    """Cases less controls in discovery, in standard deviations within the classes.

    Attributes
    ----------
    value, low, high, p
        Adjusted for ``held``, with its 95 % interval and two-sided test; NaN where ``reason`` says why.
    crude, crude_low, crude_high
        Not adjusted for anything.
    sd
        The standard deviation within the classes, in the feature's own unit.
    held
        Terms that were held.
    reason
        What could not be held, or why there is no difference.
    """

    value: float
    low: float
    high: float
    p: float
    crude: float
    crude_low: float
    crude_high: float
    sd: float
    held: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Replication:
    """The feature by itself on the held-out subjects.

    ``auroc`` is the chance that a held-out case lies beyond a held-out control in the direction of discovery,
    with its 95 % interval; ``p`` the one-sided test of Mann and Whitney in that direction. NaN where
    ``reason`` says why.
    """

    auroc: float
    low: float
    high: float
    p: float
    case: int
    control: int
    reason: str


def subject_values(table: Table, members: Sequence[str]) -> pd.Series:
    """Return each subject's value by name: the sum of the members, averaged over the subject's samples.

    NaN where a member was not measured, in any or in all samples of the table.
    """
    places = {name: i for i, name in enumerate(table.names)}
    values = np.full(len(table.samples), np.nan)
    if all(member in places for member in members):
        values = table.X[:, [places[member] for member in members]].sum(axis=1)
    return pd.Series(values, index=list(table.subjects)).groupby(level=0).mean()


def subject_frame(table: Table) -> pd.DataFrame:
    """Return label, site, batch, covariates and technical columns of each subject, from its first sample.

    The index holds the subjects in the order of their names.
    """
    known = ("site", "batch", *table.covariate_columns())
    columns = [str(name) for name in table.obs if name in known or str(name).startswith(TECHNICAL)]
    frame = table.obs[columns].copy()
    frame.index = pd.Index(table.subjects)
    if table.labels is not None:
        frame["label"] = table.labels
    return frame[~frame.index.duplicated()].sort_index()


def adjusted_difference(values: pd.Series, frame: pd.DataFrame, priority: Sequence[str] = ()) -> Difference:
    """Fit value ~ label + age + sex + further covariates + technical columns + site by least squares.

    The user's columns enter first, then those that tell the label best, as many terms as there are subjects
    for; a column that the label or terms before it already tell cannot be held, nor a
    level of fewer than 5 subjects: one that has an indicator to itself has no error. Missing numbers take the
    median. Errors are those of HC3 (MacKinnon and White, J Econometrics 29:305, 1985), which don't ask for
    equal variances.

    Parameters
    ----------
    values, frame
        As :func:`subject_values` and :func:`subject_frame` return them, with labels.
    priority
        Plain names of columns to hold first, in this order.
    """
    measured = values.reindex(frame.index).to_numpy(dtype=np.float64)
    kept = np.isfinite(measured)
    y, subjects = measured[kept], frame[kept]
    label = subjects["label"].to_numpy(dtype=np.float64)
    case, control = int(label.sum()), int((1 - label).sum())
    if min(case, control) < FEWEST:
        return _nothing(f"measured in {case} cases and {control} controls of discovery")
    sd = _within(y, label)
    if not sd > 1e-12 * max(1.0, float(np.abs(y).max())):
        return _nothing("it does not vary within the classes")
    y = (y - y.mean()) / sd
    X = np.column_stack([np.ones(len(y)), label])
    crude = _fit(y, X)
    held: list[str] = []
    told: list[str] = []
    beyond: list[str] = []
    rare: list[str] = []
    for name, column in _candidates(subjects, priority):
        wider = np.column_stack([X, column])
        _, counts = np.unique(column, return_counts=True)
        if len(counts) == 2 and counts.min() < PER_LEVEL:
            rare.append(name)
        elif np.linalg.matrix_rank(wider) < wider.shape[1]:
            told.append(name)
        elif wider.shape[1] - 1 > len(y) // SUBJECTS_PER_TERM:
            beyond.append(name)
        else:
            X = wider
            held.append(name)
    reasons = [
        f"not held, since {why}: {', '.join(names)}"
        for why, names in (
            ("the label or the terms before tell them", told),
            (f"a term needs {SUBJECTS_PER_TERM} subjects", beyond),
            (f"a level needs {PER_LEVEL} subjects", rare),
        )
        if names
    ]
    if not held and not reasons:
        reasons = ["the cohort has no age, sex, technical column or site that varies"]
    value, low, high, p = _fit(y, X) if held else crude
    return Difference(value, low, high, p, *crude[:3], sd, tuple(held), "; ".join(reasons))


def replicate(values: pd.Series, labels: pd.Series, sign: int, rng: np.random.Generator) -> Replication:
    """Test the feature by itself on held-out subjects.

    Parameters
    ----------
    values
        Held-out subjects' values by name, as :func:`subject_values` returns them.
    labels
        1 case, 0 control by name of the subject.
    sign
        1 where discovery has more in cases, -1 where less.
    rng
        Source of the bootstrap of small samples.
    """
    measured = values.reindex(labels.index).to_numpy(dtype=np.float64)
    kept = np.isfinite(measured)
    oriented, y = sign * measured[kept], labels.to_numpy()[kept].astype(int)
    case, control = int(y.sum()), int((y == 0).sum())
    if min(case, control) < FEWEST:
        reason = f"measured in {case} cases and {control} controls of the held-out cohort"
        return Replication(NAN, NAN, NAN, NAN, case, control, reason)
    interval = auroc_interval(y, oriented, rng)
    p = float(mannwhitneyu(oriented[y == 1], oriented[y == 0], alternative="greater").pvalue)
    return Replication(interval.value, interval.low, interval.high, p, case, control, "")


def _within(y: np.ndarray, label: np.ndarray) -> float:
    """Return the standard deviation within the classes, pooled."""
    squares = sum(float(((part - part.mean()) ** 2).sum()) for part in (y[label == 1], y[label == 0]))
    return float(np.sqrt(squares / (len(y) - 2)))


def _fit(y: np.ndarray, X: np.ndarray) -> tuple[float, float, float, float]:
    import statsmodels.api as sm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = sm.OLS(y, X).fit(cov_type="HC3", use_t=True)
        low, high = result.conf_int()[1]
    return float(result.params[1]), float(low), float(high), float(result.pvalues[1])


def _candidates(subjects: pd.DataFrame, priority: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    names = [*covariates_among(subjects), *technical_among(subjects), *place_among(subjects)]
    ordered = by_priority(subjects["label"].to_numpy(), subjects, names, priority)
    found = [(term, standardised(column)) for name in ordered for term, column in terms(subjects[name])]
    return [(name, column) for name, column in found if column is not None]


def _nothing(reason: str) -> Difference:
    return Difference(NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, (), reason)
