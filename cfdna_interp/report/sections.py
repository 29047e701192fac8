"""Which sections a page has: those for which the run holds an answer, in the order read."""

from __future__ import annotations

SECTIONS = (
    ("verdict", "Verdict"),
    ("ladder", "Ladder of claims"),
    ("lengths", "Fragment lengths"),
    ("calls", "Methylation calls"),
    ("tissue", "Tissue of origin"),
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
OF_FRAGMENTS = ("lengths", "calls", "tissue", "representation")


def sections_of(*, table: bool, tissue: bool) -> tuple[tuple[str, str], ...]:
    """Return identifier and title of each section.

    Parameters
    ----------
    table
        The run is from a table: it has no section of fragments.
    tissue
        Samples have mixtures of cell types.
    """
    left_out = set(OF_FRAGMENTS) if table else set()
    if not tissue:
        left_out.add("tissue")
    return tuple(section for section in SECTIONS if section[0] not in left_out)
