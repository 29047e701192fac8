"""The TRIPOD+AI checklist, answered as far as a run knows the answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from cfdna_interp.config.resources import shipped
from cfdna_interp.report.answers import answers
from cfdna_interp.report.collect import Run


@dataclass(frozen=True)
class Item:
    """One item of the checklist.

    Attributes
    ----------
    item, topic, asks
        Number in the statement, topic, and what is asked for, in our words.
    answer
        What this run says; "" where only the authors know.
    where
        Identifiers of the page's sections with more.
    authors
        What the authors have to add, "" where nothing.
    """

    item: str
    topic: str
    asks: str
    answer: str
    where: tuple[str, ...]
    authors: str


def checklist(run: Run, sections: tuple[str, ...]) -> list[Item]:
    """Return the items in their order.

    Parameters
    ----------
    run
        A finished run.
    sections
        Identifiers of the sections that the page has.
    """
    known = answers(run)
    return [
        Item(
            item=entry["item"],
            topic=entry["topic"],
            asks=entry["asks"],
            answer=entry.get("answer", "").format_map(known),
            where=tuple(name for name in entry.get("where", ()) if name in sections),
            authors=entry.get("authors", "").format_map(known),
        )
        for entry in items()
    ]


@cache
def items() -> list[dict[str, Any]]:
    """Read the shipped list; its head says what an item holds."""
    text = shipped("resources", "tripod_ai.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)["items"]
    return found
