"""A sentence of the page that can be false: when it is printed, when it must not be, and what shows both."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
# Hand-made records of other tests are used again; their folders are searched last.
sys.path += [
    str(TESTS / name) for name in ("audit", "verdict", "attribution") if str(TESTS / name) not in sys.path
]

Build = Callable[[], str]


@dataclass(frozen=True)
class Sentence:
    """A sentence, or a clause, that can be false.

    Attributes
    ----------
    key
        What it belongs to, and which of its words it is.
    words
        As a reader sees it; "…" stands for names and numbers.
    made
        The file that makes it.
    printed, absent
        When it is printed, and a record in which it would be false.
    true, false
        Texts of the product from a record of either kind, from the function that makes the sentence; None
        where ``test`` asks both.
    test
        Node of an older test that finds the sentence in one record and misses it in another, "" where there
        is none.
    """

    key: str
    words: str
    made: str
    printed: str
    absent: str
    true: Build | None = None
    false: Build | None = None
    test: str = ""

    @property
    def pattern(self) -> re.Pattern[str]:
        """What the words look like in a text."""
        return re.compile(".*?".join(re.escape(part) for part in self.words.split("…")), re.DOTALL)

    def stands_in(self, text: str) -> bool:
        """Say whether a text holds the sentence."""
        return self.pattern.search(" ".join(text.split())) is not None


def exists(node: str) -> bool:
    """Say whether a test of this node, ``tests/folder/test_file.py::test_name``, is there."""
    path, name = node.split("::")
    place = TESTS.parent / path
    if not place.is_file():
        return False
    if str(place.parent) not in sys.path:
        sys.path.append(str(place.parent))
    return callable(getattr(importlib.import_module(place.stem), name, None))


def as_markdown(parts: Iterable[tuple[str, Iterable[Sentence]]]) -> str:
    """Write the list: a heading for each part, a row for each sentence."""
    lines = [
        "# Sentences that can be false",
        "",
        "Every claim of the page and of the verdict, a record in which it is printed, and one in which it",
        "would be false and is not printed. “…” stands for names and numbers. What only says how a figure is",
        "made is not listed, nor is the statement of a hypothesis: it is what is to be tested.",
        "`tests/report/test_sentences.py` builds both records of a row, or the test that the row names does.",
        "`python tests/report/sentence_list.py` writes this page from the list; do not edit it.",
    ]
    for title, sentences in parts:
        lines += [
            "",
            f"## {title}",
            "",
            "| which | words | printed where | not printed where | made in | test |",
        ]
        lines.append("|---|---|---|---|---|---|")
        for row in sentences:
            test = f"`{row.test}`" if row.test else f"`test_sentences.py[{row.key}]`"
            cells = (row.key, row.words, row.printed, row.absent, f"`{row.made}`", test)
            lines.append(f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |")
    return "\n".join(lines) + "\n"
