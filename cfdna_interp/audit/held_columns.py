"""The choice of recorded columns to hold, their order, and the obstacles of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

from cfdna_interp.artifacts.matrix import COVARIATE, TECHNICAL
from cfdna_interp.audit.dates import days
from cfdna_interp.audit.handling_terms import PER_LEVEL
from cfdna_interp.records.held import ColumnObstacle, HeldColumn
from cfdna_interp.records.values import known
from cfdna_interp.stats.held import centred, normal_scores, worth_of
from cfdna_interp.stats.multiplicity import holm
from cfdna_interp.stats.splines import QUANTILES, natural_spline

# Subjects of one class for each slope. Vittinghoff and McCulloch (Am J Epidemiol 165:710, 2007) find 5 to 9
# acceptable for regressions of such sizes.
SUBJECTS_PER_TERM = 8
# A column must be known for this share of either class, since missing values depend on the label in real
# tables.
KNOWN = 0.8
# A measure with at least this many values gets a curve, since a line can't fit a U-shape.
CURVED = 8
TELLS = 0.05
# Stricter level for a column that is to earn trust. One in a hundred uninformative columns passes it.
TRUSTED = 0.01


@dataclass(frozen=True, eq=False)
class HeldColumns:
    """The held columns.

    Attributes
    ----------
    X
        (subjects, terms) of the held columns; NaN for subjects with an unknown value.
    columns
        All recorded columns that vary, in the order of their priority.
    """

    X: np.ndarray
    columns: tuple[HeldColumn, ...]

    @property
    def held(self) -> tuple[HeldColumn, ...]:
        """Columns that are held."""
        return tuple(column for column in self.columns if column.obstacle is None)

    @property
    def open(self) -> tuple[HeldColumn, ...]:
        """Columns that aren't held but could explain the score: those that predict the label, or may."""
        return tuple(
            column
            for column in self.columns
            if column.obstacle in (ColumnObstacle.LABEL, ColumnObstacle.MISSING)
            or (column.obstacle is ColumnObstacle.TOO_MANY and _significant(column, TELLS))
        )

    @property
    def trusted(self) -> bool:
        """Whether a held column separates the classes, so that holding it could have removed the signal."""
        return any(_significant(column, TRUSTED) for column in self.held)


def _significant(column: HeldColumn, level: float) -> bool:
    """Return whether a column was tested and predicts the label."""
    return column.p_holm is not None and column.p_holm <= level


def plain_name(column: str) -> str:
    """Return a column's name as the sheet or table has it."""
    return column.removeprefix(TECHNICAL).removeprefix(COVARIATE)


def held_columns(
    labels: np.ndarray,
    subjects: pd.DataFrame,
    columns: Sequence[str],
    strata: np.ndarray,
    priority: Sequence[str] = (),
) -> HeldColumns:
    """Choose columns to hold: the user's first, then those that predict the label best.

    Measures enter by their normal scores, as natural cubic splines of three terms, or with indicators if they
    have few values. Categories enter as indicators, ISO dates as days. One term is held for each 8 subjects
    of a class in the strata. A column that can't be held is named with its reason.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control.
    subjects
        One row per subject.
    columns
        Names of columns of ``subjects``.
    strata
        (subjects,) stratum from 0, -1 for subjects that aren't compared.
    priority
        Plain names of columns to hold first, in this order.
    """
    y, rows = np.asarray(labels).astype(int), np.asarray(strata) >= 0
    bases = {name: basis for name in columns if (basis := _basis(subjects[name], rows)) is not None}
    p = {name: _tells(y, basis, strata) for name, basis in bases.items()}
    adjusted = dict(zip(p, holm(list(p.values())), strict=True))
    X = np.empty((len(y), 0))
    judged: list[HeldColumn] = []
    for name in _ordered(p, priority):
        wanted, obstacle = _fitting(
            y, X, bases[name], strata, _recorded(subjects[name]), linear=_measured(subjects[name]) is not None
        )
        if wanted is not None:
            X = np.column_stack([X, wanted])
        terms = 0 if wanted is None else wanted.shape[1]
        judged.append(
            HeldColumn(
                name=plain_name(name),
                p=known(p[name]),
                p_holm=known(adjusted[name]),
                terms=terms,
                obstacle=obstacle,
            )
        )
    return HeldColumns(X, tuple(judged))


def by_priority(
    labels: np.ndarray, subjects: pd.DataFrame, columns: Sequence[str], priority: Sequence[str] = ()
) -> list[str]:
    """Return the columns that vary: the user's first, then those that predict the label best.

    Parameters
    ----------
    labels, subjects, columns, priority
        As for :func:`held_columns`.
    """
    y, everyone = np.asarray(labels).astype(int), np.zeros(len(labels), dtype=np.int64)
    bases = {name: _basis(subjects[name], everyone >= 0) for name in columns}
    p = {name: _tells(y, basis, everyone) for name, basis in bases.items() if basis is not None}
    return _ordered(p, priority)


def _ordered(p: Mapping[str, float], priority: Sequence[str]) -> list[str]:
    ranked = {name: i for i, name in enumerate(priority)}

    def rank(name: str) -> tuple[int, float, str]:
        # A column that can't be tested comes last.
        return ranked.get(plain_name(name), len(ranked)), 2.0 if np.isnan(p[name]) else p[name], name

    return sorted(p, key=rank)


def _fitting(
    y: np.ndarray,
    X: np.ndarray,
    basis: np.ndarray,
    strata: np.ndarray,
    recorded: np.ndarray,
    *,
    linear: bool,
) -> tuple[np.ndarray | None, ColumnObstacle | None]:
    """Return the terms of a column that can be held with (subjects, terms) X, or None and why not."""
    rows = strata >= 0
    complete = rows & np.isfinite(np.column_stack([X, basis])).all(axis=1)
    if min(complete[rows & (y == k)].mean() for k in (1, 0)) < KNOWN:
        few = min(recorded[rows & (y == k)].mean() for k in (1, 0)) < KNOWN
        scattered = not few and _rare(basis, recorded, rows)
        return None, ColumnObstacle.RARE_LEVELS if scattered else ColumnObstacle.MISSING
    # The first term of a measure is the straight line. A category is held as a whole or not at all.
    straight = basis[:, :1] if linear else basis
    inside = strata[complete]
    if not _independent(y[complete, None], inside):
        return None, ColumnObstacle.NOBODY
    if not _independent(straight[complete], inside):
        return None, ColumnObstacle.STRATA
    if not _independent(np.column_stack([X, straight])[complete], inside):
        return None, ColumnObstacle.COLUMNS
    if not _independent(np.column_stack([y, X, straight])[complete], inside):
        return None, ColumnObstacle.LABEL
    room = int(worth_of(y[complete], inside) // SUBJECTS_PER_TERM) - X.shape[1]
    for wanted in (basis, straight):
        if wanted.shape[1] <= room and _independent(np.column_stack([y, X, wanted])[complete], inside):
            return wanted, None
    return None, ColumnObstacle.TOO_MANY


def _independent(columns: np.ndarray, strata: np.ndarray) -> bool:
    """Return whether columns vary within strata and are linearly independent."""
    inside = centred(columns.astype(np.float64), strata)
    size = np.sqrt((inside**2).sum(axis=0))
    return bool((size > 1e-9).all() and np.linalg.matrix_rank(inside / size, tol=1e-6) == inside.shape[1])


def _recorded(column: pd.Series) -> np.ndarray:
    """Return the (subjects,) mask of cells that aren't empty."""
    return (column.notna() & (column.astype(object).astype(str) != "")).to_numpy()


def _rare(basis: np.ndarray, recorded: np.ndarray, rows: np.ndarray) -> bool:
    """Return whether rare levels remove more subjects than empty cells do."""
    lost = rows & ~np.isfinite(basis).all(axis=1)
    return bool((lost & recorded).sum() > (lost & ~recorded).sum())


def _measured(column: pd.Series) -> np.ndarray | None:
    """Return a column of numbers or dates as numbers, or None for a category."""
    counted = days(column)
    if counted is None and pd.api.types.is_numeric_dtype(column):
        counted = column.to_numpy(dtype=np.float64)
    return counted


def _basis(column: pd.Series, rows: np.ndarray) -> np.ndarray | None:
    """Return (subjects, terms) of a column, NaN where unknown; None if it is constant."""
    measured = _measured(column)
    if measured is not None:
        return _of_measure(measured, rows)
    text = column.fillna("").astype(str).to_numpy()
    levels, counts = np.unique(text[rows & (text != "")], return_counts=True)
    if len(levels) < 2:
        return None
    common = levels[counts >= PER_LEVEL]
    if len(common) < 2:
        return np.full((len(text), 1), np.nan)
    terms = (text[:, None] == common[None, 1:]).astype(np.float64)
    return np.where(np.isin(text, common)[:, None], terms, np.nan)


def _of_measure(values: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
    known = rows & np.isfinite(values)
    distinct, counts = np.unique(values[known], return_counts=True)
    if len(distinct) < 2:
        return None
    ranked = np.full(len(values), np.nan)
    ranked[known] = normal_scores(values[known])
    if len(distinct) < CURVED:
        # Codes and planned delays have few values. Each value that enough subjects share gets an indicator.
        inner = distinct[1:-1][counts[1:-1] >= PER_LEVEL]
        own = np.where(known[:, None], values[:, None] == inner[None], np.nan)
        return np.column_stack([ranked, own])
    knots = np.quantile(ranked[known], QUANTILES)
    return natural_spline(ranked, knots) if (np.diff(knots) > 0).all() else ranked[:, None]


def _tells(y: np.ndarray, basis: np.ndarray, strata: np.ndarray) -> float:
    """Return the p value of an F test that terms predict the label within strata."""
    known = (strata >= 0) & np.isfinite(basis).all(axis=1)
    if len(set(y[known].tolist())) < 2:
        return float("nan")
    codes = np.unique(strata[known], return_inverse=True)[1]
    design, target = centred(basis[known], codes), centred(y[known, None].astype(np.float64), codes)[:, 0]
    terms = int(np.linalg.matrix_rank(design))
    freedom = int(known.sum()) - (int(codes.max()) + 1) - terms
    total = float(target @ target)
    if terms == 0 or freedom < 1 or total == 0:
        return float("nan")
    left = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    unexplained = float(left @ left)
    if unexplained <= 1e-12 * total:
        return 0.0
    return float(f_distribution.sf((total - unexplained) / terms / (unexplained / freedom), terms, freedom))
