"""A cohort that came as a table of features: what the table held, and which features the model rests on."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.tables import read_parquet
from cfdna_interp.records.base import load_record
from cfdna_interp.records.table import TableGroup, TableSource
from cfdna_interp.records.values import Interval
from cfdna_interp.report.words import group_rank

# The figure shows so many features and groups; feature_shares.parquet holds all of them.
SHOWN, GROUPS = 24, 6


@dataclass(frozen=True, eq=False)
class FeatureTableResults:
    """The table behind a run.

    Attributes
    ----------
    record
        ``table.json``.
    groups
        Feature groups in the order shown, with their columns.
    shares
        ``feature_shares.parquet``, the largest share first.
    """

    record: TableSource
    groups: dict[str, TableGroup]
    shares: pd.DataFrame

    @property
    def features(self) -> int:
        """Number of feature columns."""
        return sum(group.features for group in self.groups.values())


@dataclass(frozen=True)
class FeatureRow:
    """A feature: share of Σ|φ| over all features, and φ of cases less that of controls with its interval."""

    feature: str
    group: str
    share: float
    difference: Interval


def load_feature_table(layout: Layout) -> FeatureTableResults:
    """Read ``table.json`` and ``feature_shares.parquet``.

    Raises
    ------
    InputError
        One of them is missing or damaged.
    """
    record = load_record(TableSource, layout.file(TableSource.FILE))
    shares = read_parquet(layout.file("feature_shares.parquet"), "dominance")
    return FeatureTableResults(
        record=record,
        groups={name: record.groups[name] for name in sorted(record.groups, key=group_rank)},
        shares=shares.sort_values(["mean_abs_phi", "feature"], ascending=[False, True], ignore_index=True),
    )


def feature_rows(table: FeatureTableResults) -> list[FeatureRow]:
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
            Interval(value=row["difference"], low=row["low"], high=row["high"]),
        )
        for row in rows
    ]
