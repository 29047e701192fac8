"""Missing cells by feature group, and in the columns about people and handling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.artifacts.sheet import Role
from cfdna_interp.records.audit import MissingCells, MissingShare, WidestGap
from cfdna_interp.records.values import known
from cfdna_interp.stats.multiplicity import holm
from cfdna_interp.stats.subjects import first_samples

KNOWN = "covariates, technical columns, site and batch"


@dataclass(frozen=True, eq=False)
class Gaps:
    """A pattern of missing cells.

    Attributes
    ----------
    group
        The feature group, or "" for the columns about people and handling.
    columns
        (columns,) names.
    missing
        (samples, columns) bool.
    """

    group: str
    columns: tuple[str, ...]
    missing: np.ndarray

    @property
    def name(self) -> str:
        """The pattern in words."""
        return f"gaps in {self.group.replace('_', ' ') or KNOWN}"


def gaps_of(table: Table) -> list[Gaps]:
    """Return the gaps of each feature group, and those of the columns about people and handling together."""
    owners = np.array(table.groups)
    absent = np.isnan(table.X)
    patterns = [
        Gaps(
            group,
            tuple(name for name, owner in zip(table.names, owners, strict=True) if owner == group),
            absent[:, owners == group],
        )
        for group in dict.fromkeys(table.groups)
    ]
    columns = known_columns(table)
    if columns:
        blank = np.column_stack([_blank(table.obs[name]) for name in columns])
        patterns.append(Gaps("", tuple(columns), blank))
    return patterns


def known_columns(table: Table) -> list[str]:
    """Return those of age, sex, further covariates, technical columns, site and batch that the cohort has."""
    named = [name for name in ("site", "batch") if name in table.obs]
    return [*table.covariate_columns(), *table.technical_columns(), *named]


def missing_shares(table: Table, role: Role) -> tuple[MissingShare, ...]:
    """Return the missing share of each feature group and column, by label.

    Parameters
    ----------
    table
        A role's samples, with labels. The first sample of each subject is used.
    role
        Goes into the result.
    """
    assert table.labels is not None
    first = first_samples(table.subjects)
    case = table.labels[first] == 1
    rows = []
    for pattern in gaps_of(table):
        missing = pattern.missing[first]
        if pattern.group:
            worst = _worst(pattern.columns, missing, case)
            rows.append(_share(pattern.group, "features", role, missing, case, worst))
            continue
        for place, name in enumerate(pattern.columns):
            rows.append(_share(name, "column", role, missing[:, [place]], case, None))
    adjusted = holm([np.nan if row.p is None else row.p for row in rows])
    return tuple(msgspec.structs.replace(row, p_holm=known(q)) for row, q in zip(rows, adjusted, strict=True))


def _share(
    name: str,
    kind: Literal["features", "column"],
    role: Role,
    missing: np.ndarray,
    case: np.ndarray,
    worst: WidestGap | None,
) -> MissingShare:
    some = missing.any(axis=1)
    counts = [[int((some & who).sum()), int((~some & who).sum())] for who in (case, ~case)]
    return MissingShare(
        name=name,
        kind=kind,
        role=role,
        columns=missing.shape[1],
        case=_cells(missing[case]),
        control=_cells(missing[~case]),
        p=float(fisher_exact(counts).pvalue) if some.any() and not some.all() else None,
        p_holm=None,
        worst=worst,
    )


def _cells(missing: np.ndarray) -> MissingCells:
    return MissingCells(missing=float(missing.mean()) if len(missing) else None, n=len(missing))


def _worst(columns: tuple[str, ...], missing: np.ndarray, case: np.ndarray) -> WidestGap | None:
    if not missing.any() or case.all() or not case.any():
        return None
    cases, controls = missing[case].mean(axis=0), missing[~case].mean(axis=0)
    place = int(np.abs(cases - controls).argmax())
    return WidestGap(column=columns[place], case=float(cases[place]), control=float(controls[place]))


def _blank(column: pd.Series) -> np.ndarray:
    text = column.astype(object)
    return np.asarray(text.isna() | (text == ""))
