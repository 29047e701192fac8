"""The table of hypotheses as cards: what differs on each card, what they share said once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cfdna_interp.report.collect import Run
from cfdna_interp.report.words import p_value, term_name
from cfdna_interp.verdict.explanations import SEPARATOR

# Columns that make up the statement and the sentences with numbers, and what the section itself is marked
# with; all others are facts with a name.
TOLD = (
    "statement", "direction", "coefficient", "low", "high", "rank", "priority", "feature",
    "difference", "difference_low", "difference_high", "difference_p", "q", "sd", "unadjusted", "held",
    "heldout_auroc", "heldout_low", "heldout_high", "heldout_p", "heldout_q", "replication", "sources",
    "exploratory",
)  # fmt: skip
NAMES = {
    "share_of_attribution": "Share of the attribution",
    "share_of_proxy": "Share of the proxy's logit",
    "not_held": "Not held",
    "handling": "Handling",
    "mechanisms_for": "Fits",
    "mechanisms_against": "Does not fit",
    "mechanisms_silent": "Sources don't say",
    "would_refute": "Speaks against it",
    "assay": "Assay",
    "sample_size": "Subjects",
    "control_arm": "Control arm",
    "control_size": "Persons in the control arm",
}


@dataclass(frozen=True)
class Card:
    """One hypothesis.

    Attributes
    ----------
    statement
        What is supposed.
    estimates
        Sentences with the numbers; none for the handling explanation.
    facts
        Name -> entries of the columns that set it apart from the others.
    sources
        Publications behind the mechanisms.
    """

    statement: str
    estimates: tuple[str, ...]
    facts: dict[str, tuple[str, ...]]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Hypotheses:
    """All cards, and the columns that hold the same text on each of several."""

    cards: tuple[Card, ...]
    common: dict[str, tuple[str, ...]]


def arrange(run: Run) -> Hypotheses:
    """Turn the rows of ``hypotheses.tsv`` into cards."""
    rows = run.hypotheses
    common = _common(rows)
    cards = tuple(
        Card(
            statement=row["statement"],
            estimates=_estimates(row, run),
            facts=_facts({name: text for name, text in row.items() if name not in common}),
            sources=_entries(row.get("sources", "")),
        )
        for row in rows
    )
    return Hypotheses(cards, _facts(common))


def _common(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if len(rows) < 2:
        return {}
    return {
        name: text
        for name, text in rows[0].items()
        if text and name not in TOLD and all(row[name] == text for row in rows)
    }


def _facts(row: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the cells that have something to say, known ones in the order of the names."""
    order = [*(name for name in NAMES if name in row), *(name for name in row if name not in NAMES)]
    return {
        NAMES.get(name, term_name(name)): _entries(row[name])
        for name in order
        if row[name] and name not in TOLD
    }


def _entries(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(SEPARATOR)) if cell else ()


def _estimates(row: Mapping[str, str], run: Run) -> tuple[str, ...]:
    if not row["coefficient"] or run.proxy is None:
        return ()
    n = run.proxy.n
    found = [
        f"{row['direction']}; coefficient {row['coefficient']} [{row['low']}, {row['high']}] logit per SD, "
        f"95 % over bootstrap refits, n = {n.case} discovery cases + {n.control} controls"
    ]
    if row.get("difference"):
        held = f"{', '.join(map(term_name, row['held'].split(', ')))} held" if row["held"] else "nothing held"
        found.append(
            f"by itself, cases less controls in discovery: {row['difference']} SD "
            f"[{row['difference_low']}, {row['difference_high']}], {held}, q {_p(row['q'])}; unadjusted "
            f"{row['unadjusted']} SD; one SD within the classes is {row['sd']}"
        )
    if row.get("replication"):
        found.append(_heldout(row, run))
    if row.get("rank"):
        found.append(f"rank {row['rank']}, priority {row['priority']} of 1")
    return tuple(found)


def _heldout(row: Mapping[str, str], run: Run) -> str:
    text = f"replicated: {row['replication']}"
    if row["heldout_auroc"]:
        n = run.validation.n
        text += (
            f"; AUROC of the feature alone on n = {n.case} held-out cases + {n.control} controls "
            f"{row['heldout_auroc']} [{row['heldout_low']}, {row['heldout_high']}], one-sided p "
            f"{_p(row['heldout_p'])}, q {_p(row['heldout_q'])}"
        )
    return text


def _p(text: str) -> str:
    written = p_value(float(text) if text else None)
    return written if written.startswith("<") else f"= {written}"
