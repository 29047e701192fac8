"""``table.json``: what a table of features held and lacked when its matrices were made."""

from __future__ import annotations

from typing import ClassVar

from cfdna_interp.records.base import Record, ResultFile


class EmptiestColumn(Record, frozen=True, kw_only=True):
    """The feature of a group with the most missing cells.

    Attributes
    ----------
    feature
        Its name.
    missing
        Its share of missing cells, in the role where that is larger.
    """

    feature: str
    missing: float


class TableGroup(Record, frozen=True, kw_only=True):
    """The columns of one feature group.

    Attributes
    ----------
    features
        Number of columns.
    missing
        Role -> mean share of missing cells.
    worst
        The column with the most missing cells.
    """

    features: int
    missing: dict[str, float]
    worst: EmptiestColumn


class TableSource(ResultFile, frozen=True, kw_only=True):
    """The table behind both matrices.

    Attributes
    ----------
    source
        Name of the table's file.
    digest
        SHA-256 of the table's bytes.
    samples
        Role -> number of samples.
    left_out
        Number of rows without a role.
    unused
        Columns that mean nothing to the run.
    empty
        Columns named in the settings that hold no value.
    groups
        Feature group -> its columns.
    """

    FILE: ClassVar[str] = "table.json"
    STAGE: ClassVar[str] = "matrix"

    source: str
    digest: str
    samples: dict[str, int]
    left_out: int
    unused: tuple[str, ...]
    empty: tuple[str, ...]
    groups: dict[str, TableGroup]
