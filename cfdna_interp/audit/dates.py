"""Columns of dates."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}")


def days(column: pd.Series) -> np.ndarray | None:
    """Return a column of dates as days, NaN where unknown; None if a cell isn't like 2024-05-31."""
    if pd.api.types.is_datetime64_any_dtype(column):
        parsed = column
    elif pd.api.types.is_numeric_dtype(column):
        return None
    else:
        text = column.astype(object).where(column.notna(), "").astype(str)
        known = text[text != ""]
        if known.empty or not known.map(lambda cell: _DATE.match(cell) is not None).all():
            return None
        parsed = pd.to_datetime(text.str[:10], format="%Y-%m-%d", errors="coerce")
    counted = parsed.to_numpy(dtype="datetime64[D]").astype(np.float64)
    return np.where(parsed.isna().to_numpy(), np.nan, counted)
