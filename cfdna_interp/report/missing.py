"""How much is missing of every feature group and column, by label and role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cfdna_interp.artifacts.sheet import ROLES
from cfdna_interp.records.audit import MissingShare
from cfdna_interp.records.protocol import ColumnKnown
from cfdna_interp.report.words import ROLE_NAMES, group_name, percent, term_name
from cfdna_interp.verdict.missing_words import known_words

NAMED = 6  # in the sentence; the table has them all


@dataclass(frozen=True)
class MissingRow:
    """A feature group or a column.

    Attributes
    ----------
    name, columns
        In words, and how many columns.
    roles
        Role -> its row of ``missing`` in ``audit.json``.
    note
        The column of a group whose gaps differ most between the labels, or why a column is in no baseline.
    """

    name: str
    columns: int
    roles: dict[str, MissingShare]
    note: str


def missing_rows(missing: Sequence[MissingShare], left_out: Mapping[str, ColumnKnown]) -> list[MissingRow]:
    """Return a row for each feature group and each column, both roles side by side.

    Parameters
    ----------
    missing
        As in ``audit.json``.
    left_out
        Column -> why it is in no baseline, as in ``protocol.json``.
    """
    rows: dict[tuple[str, str], dict[str, MissingShare]] = {}
    for row in missing:
        rows.setdefault((row.kind, row.name), {})[row.role] = row
    return [
        MissingRow(
            _name(kind, name),
            next(iter(roles.values())).columns,
            roles,
            "; ".join(part for part in (_worst(roles), _left_out(left_out.get(name))) if part),
        )
        for (kind, name), roles in rows.items()
    ]


def missing_sentence(missing: Sequence[MissingShare], empty: Sequence[str] = ()) -> str:
    """Say how much is missing of which features and columns, and what takes its place.

    Parameters
    ----------
    missing
        As in ``audit.json``.
    empty
        Columns of the table that hold no value at all; nothing else is known of them.
    """
    nothing = f" Columns without any value: {', '.join(empty)}." if empty else ""
    rows = [row for row in missing_rows(missing, {}) if any(map(_most, row.roles.values()))]
    if not rows:
        return f"No value is missing in any column that holds one.{nothing}"
    rows.sort(key=lambda row: -max(map(_most, row.roles.values())))
    named = "; ".join(_told(row) for row in rows[:NAMED])
    further = f"; and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return (
        f"Missing values: {named}{further}.{nothing} Features take the median of the subjects that a "
        "model was fitted on."
    )


def _told(row: MissingRow) -> str:
    parts = [
        f"{percent(row.roles[role].case.missing, 1)} of {ROLE_NAMES[role].lower()} cases and "
        f"{percent(row.roles[role].control.missing, 1)} of controls"
        for role in ROLES
        if role in row.roles
    ]
    return f"{row.name[:1].lower()}{row.name[1:]} {', '.join(parts)}"


def _most(row: MissingShare) -> float:
    return max(row.case.missing or 0.0, row.control.missing or 0.0)


def _name(kind: str, name: str) -> str:
    return group_name(name) if kind == "features" else term_name(name)


def _worst(roles: Mapping[str, MissingShare]) -> str:
    found = [row.worst for row in roles.values() if row.worst is not None]
    if not found:
        return ""
    worst = max(found, key=lambda one: abs(one.case - one.control))
    return (
        f"differs most in {worst.column}: {percent(worst.case, 1)} of cases, "
        f"{percent(worst.control, 1)} of controls"
    )


def _left_out(known: ColumnKnown | None) -> str:
    return "" if known is None else f"in no baseline: {known_words(known)}"
