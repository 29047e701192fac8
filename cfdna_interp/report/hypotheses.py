"""The table of hypotheses as cards: what differs on each card, what they share said once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cfdna_interp.report.collect import Run

# Columns that make up the statement and its estimate; all others are facts with a name.
TOLD = ("statement", "direction", "coefficient", "low", "high")


@dataclass(frozen=True)
class Card:
    """One hypothesis.

    Attributes
    ----------
    statement
        What is supposed.
    estimate
        Direction and coefficient with its interval and n; "" for the handling explanation.
    facts
        Name -> text of the columns that set it apart from the others.
    """

    statement: str
    estimate: str
    facts: dict[str, str]


@dataclass(frozen=True)
class Hypotheses:
    """All cards, and the columns that hold the same text on each of several."""

    cards: tuple[Card, ...]
    common: dict[str, str]


def arrange(run: Run) -> Hypotheses:
    """Turn the rows of ``hypotheses.tsv`` into cards."""
    rows = run.hypotheses
    common = _common(rows)
    cards = tuple(
        Card(
            statement=row["statement"],
            estimate=_estimate(row, run),
            facts={
                name: text for name, text in row.items() if text and name not in TOLD and name not in common
            },
        )
        for row in rows
    )
    return Hypotheses(cards, common)


def _common(rows: Sequence[dict[str, str]]) -> dict[str, str]:
    if len(rows) < 2:
        return {}
    return {
        name: text
        for name, text in rows[0].items()
        if text and name not in TOLD and all(row[name] == text for row in rows)
    }


def _estimate(row: dict[str, str], run: Run) -> str:
    if not row["coefficient"] or run.proxy is None:
        return ""
    n = run.proxy["n"]
    return (
        f"{row['direction']}; coefficient {row['coefficient']} [{row['low']}, {row['high']}] logit per SD, "
        f"95 % over bootstrap refits, n = {n['case']} cases + {n['control']} controls"
    )
