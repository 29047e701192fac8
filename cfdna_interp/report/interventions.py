"""Shares under every intervention and reference: what each asks, which apply, whether they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cfdna_interp.report.words import group_name, number, percent

Record = Mapping[str, Any]

QUESTIONS = {
    "swap": (
        "What would the model say if, fragment by fragment, this group were as it is among reference "
        "fragments of the same context?"
    ),
    "reweight": (
        "What would it say if, among the sample's own fragments, those typical of the reference were as "
        "common as there? Every fragment stays real; how groups hang together within fragments stays the "
        "sample's own."
    ),
    "edit": (
        "What would it say had each molecule been cut to another length, or carried other calls, at its "
        "place in the genome? CpGs come and go with the length."
    ),
}
REFERENCES = {
    "discovery": "all discovery subjects",
    "controls": "discovery controls",
    "matched": "controls matched in batch, sex and age",
}
DIAGNOSTICS = {
    "unmatched": "replacements without a donor, which kept their own value",
    "relaxed": "replacements whose donor was found after a criterion had been dropped",
    "unmatched_in_blocks": "of fragments in atlas blocks: without a donor",
    "relaxed_in_blocks": "of fragments in atlas blocks: donor found after a criterion had been dropped",
    "unplaced": "fragments off the reference, which kept their length",
    "effective": "effective sample size of the worst coalition, of the bag",
    "largest": "largest weight",
    "moved": "reference's mass where the sample has no fragment, worst group",
    "without_value": "coalitions without a value",
}


@dataclass(frozen=True)
class Combination:
    """Shares under one intervention with one reference.

    Attributes
    ----------
    title
        Both in words.
    subjects, of, donors
        Subjects with values, all subjects, donor parts.
    shares
        Group -> interval.
    errors
        Group -> standard error over donors, None where there is one donor.
    context
        Interval of context and joint dependence.
    """

    title: str
    subjects: int
    of: int
    donors: int
    shares: Mapping[str, Record]
    errors: Mapping[str, float | None]
    context: Record


def combination_name(record: Record) -> str:
    """Return intervention and reference in words."""
    name = str(record["intervention"]).capitalize()
    return f"{name}, {REFERENCES.get(record['reference'], record['reference'])}"


def combinations(dominance: Record) -> list[Combination]:
    """Return the combinations that apply, in the order of the settings."""
    return [
        Combination(
            title=combination_name(entry),
            subjects=entry["subjects"],
            of=entry["of"],
            donors=entry["donors"],
            shares=entry["share"],
            errors=entry["donor_error"],
            context=entry["context_and_joint"],
        )
        for entry in dominance["interventions"]
        if entry["applies"]
    ]


def refusals(dominance: Record) -> list[tuple[str, str]]:
    """Return what was asked for and has no shares, with the reason."""
    found = []
    for name, reason in dominance["not_applicable"].items():
        title = f"Reference: {REFERENCES[name]}" if name in REFERENCES else str(name).capitalize()
        found.append((title, str(reason)))
    found += [
        (
            combination_name(entry),
            f"values for {entry['subjects']} of {entry['of']} subjects only, and four fifths are needed to "
            "speak of the cohort",
        )
        for entry in dominance["interventions"]
        if not entry["applies"]
    ]
    return found


def agreement(dominance: Record) -> str:
    """Say in one sentence whether all combinations put the groups in one order."""
    orders = [
        (combination_name(entry), tuple(entry["order"]))
        for entry in dominance["interventions"]
        if entry["applies"]
    ]
    if len(orders) < 2:
        return "Only one combination applies, so there is no other to agree with it."
    everyone = "Both combinations" if len(orders) == 2 else f"All {len(orders)} combinations"
    if len({order for _, order in orders}) == 1:
        ranked = ", ".join(group_name(group).lower() for group in orders[0][1])
        return f"{everyone} give the groups in the same order: {ranked}."
    firsts: dict[str, list[str]] = {}
    for title, order in orders:
        firsts.setdefault(order[0], []).append(title)
    if len(firsts) == 1:
        leader = group_name(next(iter(firsts))).lower()
        return f"{everyone} put {leader} first; behind it the order differs."
    parts = "; ".join(f"{group_name(group).lower()} with {_names(names)}" for group, names in firsts.items())
    return f"The combinations don't agree on the first group: {parts}."


def diagnostics(dominance: Record) -> list[tuple[str, str, str, str]]:
    """Return combination, what was measured, mean over samples, and smallest to largest."""
    rows = []
    for entry in dominance["diagnostics"]:
        for name, mean in entry["mean"].items():
            write = number if name == "largest" else _percent
            spread = f"{write(entry['smallest'][name])} to {write(entry['largest'][name])}"
            rows.append((combination_name(entry), DIAGNOSTICS.get(name, name), write(mean), spread))
    return rows


def _percent(value: float | None) -> str:
    return percent(value, 1)


def _names(titles: list[str]) -> str:
    return " and ".join(f"“{title}”" for title in titles)
