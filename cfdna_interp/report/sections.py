"""Which sections a page has: those for which the run holds an answer, in the order read."""

from __future__ import annotations

SECTIONS = (
    ("verdict", "Verdict"),
    ("ladder", "Ladder of claims"),
    ("lengths", "Fragment lengths"),
    ("calls", "Methylation calls"),
    ("model", "Model under study"),
    ("attribution", "Attribution"),
    ("representation", "What the embeddings hold"),
    ("heldout", "Held-out performance"),
    ("proxy", "The proxy"),
    ("audit", "Biology, handling or the person"),
    ("leakage", "Leaks and shifts"),
    ("hypotheses", "Hypotheses"),
    ("excluded", "Study and exclusions"),
    ("checklist", "Reporting checklist"),
    ("methods", "Methods"),
    ("provenance", "Provenance"),
)
# Sections that are drawn from fragments.
OF_FRAGMENTS = ("lengths", "calls", "representation")


def sections_of(*, table: bool) -> tuple[tuple[str, str], ...]:
    """Return identifier and title of each section; a run from a ``table`` has none of fragments."""
    return tuple(section for section in SECTIONS if not (table and section[0] in OF_FRAGMENTS))
