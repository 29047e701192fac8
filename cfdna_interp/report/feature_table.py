"""A cohort that came as a table of features: what the table held, and which features the model rests on."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cfdna_interp.artifacts.files import read_result
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.tables import read_parquet
from cfdna_interp.report.words import group_rank

SHOWN, GROUPS = 24, 6  # features and groups in the figure; feature_shares.parquet has them all


@dataclass(frozen=True)
class TableGroup:
    """Columns of a feature group.

    Attributes
    ----------
    name, features
        The group and its number of columns.
    """

    name: str
    features: int


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """The table behind a run.

    Attributes
    ----------
    source, digest
        Name of the file and its SHA-256.
    groups
        Groups in the order shown.
    unused
        Columns without a meaning to the run.
    empty
        Columns of the settings that hold no value.
    left_out
        Rows without a role.
    shares
        ``feature_shares.parquet``, the largest share first.
    """

    source: str
    digest: str
    groups: tuple[TableGroup, ...]
    unused: tuple[str, ...]
    empty: tuple[str, ...]
    left_out: int
    shares: pd.DataFrame

    @property
    def features(self) -> int:
        """Number of feature columns."""
        return sum(group.features for group in self.groups)


@dataclass(frozen=True)
class FeatureRow:
    """A feature: share of Σ|φ| over all features, and φ of cases less that of controls with its interval."""

    feature: str
    group: str
    share: float
    difference: dict[str, float]


def load_feature_table(layout: Layout) -> FeatureTable:
    """Read ``table.json`` and ``feature_shares.parquet``.

    Raises
    ------
    InputError
        One of them is missing or damaged.
    """
    record = read_result(layout.file("table.json"), "matrix", groups=dict, source=str, digest=str)
    shares = read_parquet(layout.file("feature_shares.parquet"), "dominance")
    groups = record["groups"]
    return FeatureTable(
        source=str(record["source"]),
        digest=str(record["digest"]),
        groups=tuple(TableGroup(name, groups[name]["features"]) for name in sorted(groups, key=group_rank)),
        unused=tuple(record["unused"]),
        empty=tuple(record["empty"]),
        left_out=record["left_out"],
        shares=shares.sort_values(["mean_abs_phi", "feature"], ascending=[False, True], ignore_index=True),
    )


def feature_rows(table: FeatureTable) -> list[FeatureRow]:
    """Return the features with the largest shares of each group, groups with the largest sums first.

    A group of many features has small ones; side by side with a group of few it would not be seen.
    """
    sums = table.shares.groupby("group")["share"].sum().sort_values(ascending=False, kind="stable")
    shown = list(sums.index[:GROUPS])
    rows = [
        row
        for group in shown
        for row in table.shares[table.shares["group"] == group].head(SHOWN // len(shown)).to_dict("records")
    ]
    return [
        FeatureRow(
            row["feature"],
            row["group"],
            row["share"],
            {"value": row["difference"], "low": row["low"], "high": row["high"]},
        )
        for row in rows
    ]
