"""Settings of a cohort that comes as one table: which column is what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from cfdna_interp.config.convert import check_distinct

# Scores of the baselines and of subsets of the model are called after groups, and beside them stand these.
RESERVED = ("all", "context", "covariates", "model", "none", "proxy", "technical")


class Code(str):
    """What a cell of a table says for a role or a label; a config may give it as a whole number."""

    @classmethod
    def of(cls, value: Any) -> Code:
        """Return a text or a whole number as a code.

        Raises
        ------
        ValueError
            It is neither, or empty.
        """
        if type(value) not in (str, int) or value == "":
            raise ValueError("a code is a text or a whole number")
        return cls(value)


Cell = Annotated[Code, Meta(description="a text or a whole number")]
Column = Annotated[str, Meta(min_length=1)]
GroupName = Annotated[
    str,
    Meta(
        pattern="^[a-z][a-z0-9_]*$",
        description="a name of lower-case letters, digits and _ that starts with a letter",
    ),
]


class TableColumns(Struct, frozen=True, forbid_unknown_fields=True):
    """Names of the columns that say who a row is; None: there is no such column.

    ``subject`` is the sample where there is none, ``batch`` the site. ``score`` holds what a foreign model
    says of each sample; that model is then the one under study.
    """

    sample: Column = "sample"
    subject: Column | None = None
    label: Column = "label"
    role: Column = "role"
    site: Column | None = None
    batch: Column | None = None
    age: Column | None = None
    sex: Column | None = None
    score: Column | None = None


class GroupColumns(Struct, frozen=True, forbid_unknown_fields=True):
    """The columns of one feature group, told in one of three ways.

    ``prefix`` is how their names begin, ``pattern`` a regular expression that fits the whole name,
    ``columns`` the names themselves.
    """

    prefix: Column | None = None
    pattern: Column | None = None
    columns: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        check_distinct("columns", self.columns)


class RoleCells(Struct, frozen=True, forbid_unknown_fields=True):
    """What the role column says for each role."""

    discovery: Cell = Code("discovery")
    heldout: Cell = Code("heldout")


class LabelCells(Struct, frozen=True, forbid_unknown_fields=True):
    """What the label column says for each label."""

    case: Cell = Code("1")
    control: Cell = Code("0")


class FeatureTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of samples by features that takes the place of alignments.

    ``groups`` maps a feature group to its columns. ``covariates`` and ``technical`` name further columns:
    what else is known of the person, and what the laboratory did. ``score_is`` says whether the score column
    holds probabilities or logits.
    """

    path: Annotated[str, Meta(min_length=1)]
    groups: Annotated[dict[GroupName, GroupColumns], Meta(min_length=1)]
    columns: TableColumns = TableColumns()
    roles: RoleCells = RoleCells()
    labels: LabelCells = LabelCells()
    score_is: Literal["probability", "logit"] = "probability"
    covariates: tuple[Column, ...] = ()
    technical: tuple[Column, ...] = ()
    simulated: bool = False

    def __post_init__(self) -> None:
        check_distinct("covariates", self.covariates)
        check_distinct("technical", self.technical)


def plain_code(code: str) -> str:
    """Return a code without the point of a whole number: 1.0 is 1, v1.0 stays."""
    return re.sub(r"^([+-]?\d+)\.0+$", r"\1", code)


def problems_of(table: FeatureTable) -> Iterator[str]:
    """Yield what is wrong with the settings of a table, with the remedy.

    Only what can be told without the table itself.
    """
    if len(table.groups) < 2:
        yield (
            "features.table.groups names one group; what a model relies on is told by comparing groups, "
            "give two or more"
        )
    for name, columns in table.groups.items():
        place = f"features.table.groups.{name}"
        ways = [way for way in ("prefix", "pattern", "columns") if getattr(columns, way)]
        if name in RESERVED:
            yield f"{place}: {name!r} is the name of something else in the results; rename the group"
        elif len(ways) != 1:
            yield f"{place} gives {' and '.join(ways) or 'no column'}; give one of prefix, pattern, columns"
        if columns.pattern is not None:
            try:
                re.compile(columns.pattern)
            except (re.error, OverflowError, RecursionError) as error:
                yield f"{place}.pattern {columns.pattern!r} is no regular expression ({error}); correct it"
    for first, second, what in (
        (table.roles.discovery, table.roles.heldout, "roles"),
        (table.labels.case, table.labels.control, "labels"),
    ):
        if plain_code(first) == plain_code(second):
            yield f"features.table.{what} are both {first!r}; give each its own"
    for name in (*table.covariates, *table.technical):
        if "/" in name:
            yield f"features.table: the column {name!r} has a / in its name; rename it in the table"
    who = table.columns
    # A subject may be the sample, a batch the site; what a model is made of stands alone.
    alone = [*table.covariates, *table.technical, *([who.score] if who.score else [])]
    named = [name for key, name in structs.asdict(who).items() if name is not None and key != "score"] + alone
    # A held-out label under another name would stand in the matrices.
    for name in dict.fromkeys((who.label, who.role, *alone)):
        if named.count(name) > 1:
            yield f"features.table uses the column {name!r} twice; leave it in one place"
