"""Numeric terms of a subject's handling: technical columns and site."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.matrix import technical_among

# A level with fewer subjects identifies persons rather than a way of handling.
PER_LEVEL = 5


def terms(column: pd.Series) -> list[tuple[str, np.ndarray]]:
    """Return a column as (name, numbers): a standardised measure, or indicators of a category.

    A missing number takes the median. An unknown category has all indicators zero. The first level in sorted
    order has no indicator. Constant and empty columns give no terms.
    """
    name = str(column.name)
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=np.float64)
        if np.isnan(values).all():
            return []
        standard = standardised(np.where(np.isnan(values), np.nanmedian(values), values))
        return [] if standard is None else [(name, standard)]
    text = column.fillna("").astype(str).to_numpy()
    levels = sorted(set(text.tolist()) - {""})
    return [(f"{name}={level}", (text == level).astype(np.float64)) for level in levels[1:]]


def standardised(values: np.ndarray) -> np.ndarray | None:
    """Return the values with mean 0 and variance 1, or None if they are all the same."""
    spread = float(values.std())
    return None if np.ptp(values) == 0 else (values - values.mean()) / spread


def technical_design(subjects: pd.DataFrame) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and (subjects, terms) numbers of technical columns and of site, or of batch without one.

    Indicators of fewer than 5 subjects are left out.

    Parameters
    ----------
    subjects
        One row per subject with ``technical_<name>`` columns and ``site`` or ``batch``.
    """
    columns = [*technical_among(subjects), *place_among(subjects)]
    candidates = [item for name in columns for item in terms(subjects[name])]
    used = [
        (name, values)
        for name, values in candidates
        if "=" not in name or PER_LEVEL <= values.sum() <= len(values) - PER_LEVEL
    ]
    X = np.column_stack([values for _, values in used]) if used else np.empty((len(subjects), 0))
    return tuple(name for name, _ in used), X


def place_among(subjects: pd.DataFrame) -> list[str]:
    """Return the name of the column of the subjects' places: site, or batch without one."""
    places = [name for name in ("site", "batch") if name in subjects]
    return [name for name in places if len(set(_known(subjects[name]))) > 1][:1]


def _known(column: pd.Series) -> Sequence[str]:
    return [str(value) for value in column if not pd.isna(value) and str(value)]
