"""Settings of a cohort that comes as one table: which column is what."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Scores of the baselines and of subsets of the model are called after groups, and beside them stand these.
RESERVED = ("all", "context", "covariates", "model", "none", "proxy", "technical")


@dataclass(frozen=True)
class TableColumns:
    """Names of the columns that say who a row is; None: there is no such column.

    ``subject`` is the sample where there is none, ``batch`` the site. ``score`` holds what a foreign model
    says of each sample; that model is then the one under study.
    """

    sample: str = "sample"
    subject: str | None = None
    label: str = "label"
    role: str = "role"
    site: str | None = None
    batch: str | None = None
    age: str | None = None
    sex: str | None = None
    score: str | None = None


@dataclass(frozen=True)
class GroupColumns:
    """The columns of one feature group, told in one of three ways.

    ``prefix`` is how their names begin, ``pattern`` a regular expression that fits the whole name,
    ``columns`` the names themselves.
    """

    prefix: str | None = None
    pattern: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoleCells:
    """What the role column says for each role."""

    discovery: str = "discovery"
    heldout: str = "heldout"


@dataclass(frozen=True)
class LabelCells:
    """What the label column says for each label."""

    case: str = "1"
    control: str = "0"


@dataclass(frozen=True)
class FeatureTable:
    """A table of samples by features that takes the place of alignments.

    ``groups`` maps a feature group to its columns. ``covariates`` and ``technical`` name further columns:
    what else is known of the person, and what the laboratory did. ``score_is`` says whether the score column
    holds probabilities or logits.
    """

    path: str
    groups: dict[str, GroupColumns]
    columns: TableColumns = field(default_factory=TableColumns)
    roles: RoleCells = field(default_factory=RoleCells)
    labels: LabelCells = field(default_factory=LabelCells)
    score_is: str = "probability"
    covariates: tuple[str, ...] = ()
    technical: tuple[str, ...] = ()
    simulated: bool = False


def plain_code(code: str) -> str:
    """Return a code without the point of a whole number: 1.0 is 1, v1.0 stays."""
    return re.sub(r"^([+-]?\d+)\.0+$", r"\1", code)


def problem_of(table: FeatureTable) -> str | None:
    """Return what is wrong with the settings of a table, and the remedy; None where nothing is.

    Only what can be told without the table itself.
    """
    if len(table.groups) < 2:
        return (
            "features.table.groups names one group; what a model relies on is told by comparing groups, "
            "give two or more"
        )
    for name, columns in table.groups.items():
        place = f"features.table.groups.{name}"
        if name in RESERVED:
            return f"{place}: {name!r} is the name of something else in the results; rename the group"
        ways = [way for way in ("prefix", "pattern", "columns") if getattr(columns, way)]
        if len(ways) != 1:
            return f"{place} gives {' and '.join(ways) or 'no column'}; give one of prefix, pattern, columns"
        if columns.pattern is not None:
            try:
                re.compile(columns.pattern)
            except re.error as error:
                return f"{place}.pattern {columns.pattern!r} is no regular expression ({error}); correct it"
    for first, second, what in (
        (table.roles.discovery, table.roles.heldout, "roles"),
        (table.labels.case, table.labels.control, "labels"),
    ):
        if plain_code(first) == plain_code(second):
            return f"features.table.{what} are both {first!r}; give each its own"
    for name in (*table.covariates, *table.technical):
        if "/" in name:
            return f"features.table: the column {name!r} has a / in its name; rename it in the table"
    who = table.columns
    # A subject may be the sample, a batch the site; what a model is made of stands alone.
    alone = [*table.covariates, *table.technical, *([who.score] if who.score else [])]
    named = [name for key, name in vars(who).items() if name is not None and key != "score"] + alone
    # A held-out label under another name would stand in the matrices.
    for name in (who.label, who.role, *alone):
        if named.count(name) > 1:
            return f"features.table uses the column {name!r} twice; leave it in one place"
    return None
