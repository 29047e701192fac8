"""Which columns of a table are the features of which group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import structs

from cfdna_interp.cohort.cells import Cells, near
from cfdna_interp.cohort.patterns import fitting
from cfdna_interp.config.table_settings import FeatureTable, GroupColumns
from cfdna_interp.errors import InputError, Mistakes


def feature_groups(cells: Cells, table: FeatureTable) -> dict[str, str]:
    """Return feature -> group, in the order of the table's columns.

    Raises
    ------
    InputError
        A listed column is missing, a group has no column, or a column has two groups or another meaning.
    """
    other = _other_meanings(table)
    groups: dict[str, str] = {}
    mistakes = Mistakes()
    for group, wanted in table.groups.items():
        names: Sequence[str] = ()
        with mistakes.kept():
            names = _chosen(cells, group, wanted)
        for name in names:
            if name in other or name in groups:
                also = other.get(name) or f"in the group {groups[name]}"
                mistakes.add(
                    f"table {cells.path}: column {name!r} is {also} and in the group {group} too; "
                    f"a feature is in one group, narrow features.table.groups.{group}"
                )
            groups.setdefault(name, group)
    mistakes.stop()
    return {name: groups[name] for name in cells.columns if name in groups}


def _other_meanings(table: FeatureTable) -> Mapping[str, str]:
    named = {
        name: f"the {key} column" for key, name in structs.asdict(table.columns).items() if name is not None
    }
    return (
        named
        | {name: "a covariate" for name in table.covariates}
        | {name: "a technical column" for name in table.technical}
    )


def _chosen(cells: Cells, group: str, wanted: GroupColumns) -> Sequence[str]:
    place = f"features.table.groups.{group}"
    if wanted.columns:
        for name in wanted.columns:
            cells.check_column(name, place)
        return wanted.columns
    if wanted.prefix is not None:
        names = [name for name in cells.columns if name.startswith(wanted.prefix)]
        told = f"begins with {wanted.prefix!r}"
    else:
        names = fitting(wanted.pattern or "", cells.columns, place)
        told = f"fits {wanted.pattern!r}"
    if not names:
        hint = near(wanted.prefix or wanted.pattern or "", cells.columns)
        raise InputError(f"table {cells.path}: no column {told}; {hint} (correct {place})")
    return names
