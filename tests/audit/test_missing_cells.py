"""Missing shares by label and role: every column, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.audit.missing_cells import missing_shares
from cfdna_interp.records.audit import MissingCells, WidestGap


def made(*, bmi: list[float], sizes: np.ndarray) -> Table:
    n = len(bmi)
    names = tuple(f"S{i}" for i in range(n))
    obs = pd.DataFrame(
        {"subject": names, "site": ["A"] * n, "covariate_bmi": bmi, "technical_tube": ["", *["x"] * (n - 1)]},
        index=list(names),
    )
    labels = np.array([1] * (n // 2) + [0] * (n // 2))
    groups = ("sizes",) * sizes.shape[1]
    features = tuple(f"s{i}" for i in range(sizes.shape[1]))
    return Table(names, names, labels, sizes, features, groups, features, obs, True, ("sizes",), ("sizes",))


def test_shares_and_fishers_p_are_those_of_the_counts() -> None:
    sizes = np.ones((10, 2))
    sizes[:2, 1] = np.nan
    rows = {
        row.name: row for row in missing_shares(made(bmi=[np.nan] * 5 + [20.0] * 5, sizes=sizes), "heldout")
    }
    assert list(rows) == ["sizes", "covariate_bmi", "technical_tube", "site"]
    bmi, group = rows["covariate_bmi"], rows["sizes"]
    assert (bmi.case, bmi.control) == (MissingCells(missing=1.0, n=5), MissingCells(missing=0.0, n=5))
    # Of the 252 ways to deal five gaps two are as uneven.
    assert bmi.p == pytest.approx(2 / 252)
    # Two of five cases have a gap in one of two columns; both gaps among cases: 2 x 10 of 45 ways.
    assert (group.case.missing, group.columns, group.p) == (0.2, 2, pytest.approx(20 / 45))
    assert group.worst == WidestGap(column="s1", case=0.4, control=0.0)
    # Holm over the three that have a gap: 3 x, 2 x, 1 x.
    assert bmi.p_holm == pytest.approx(3 * 2 / 252)
    assert rows["technical_tube"].p == pytest.approx(1.0)
    assert (rows["site"].p, rows["site"].p_holm, rows["site"].worst) == (None, None, None)


def test_a_subject_counts_once() -> None:
    table = made(bmi=[np.nan, 20.0, 20.0, 20.0], sizes=np.ones((4, 1)))
    doubled = Table(
        **{
            **vars(table),
            "subjects": ("P0", "P0", "P1", "P1"),
            "labels": np.array([1, 1, 0, 0]),
        }
    )
    bmi = next(row for row in missing_shares(doubled, "discovery") if row.name == "covariate_bmi")
    # The first sample of a subject stands for it.
    assert (bmi.case, bmi.control) == (MissingCells(missing=1.0, n=1), MissingCells(missing=0.0, n=1))
