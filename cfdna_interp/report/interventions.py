"""Shares under every intervention and reference: what each asks, which apply, whether they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cfdna_interp.records.attribution_notes import DiagnosticName, InterventionName, ReferenceName
from cfdna_interp.records.dominance import Diagnostics, Dominance, InterventionShares
from cfdna_interp.records.values import Interval
from cfdna_interp.report.words import group_name, number, percent

QUESTIONS: dict[InterventionName, str] = {
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
REFERENCES: dict[ReferenceName, str] = {
    "discovery": "all discovery subjects",
    "controls": "discovery controls",
    "matched": "controls matched in batch, sex and age",
}
DIAGNOSTICS: dict[DiagnosticName, str] = {
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
    shares: Mapping[str, Interval]
    errors: Mapping[str, float | None]
    context: Interval


def combination_name(intervention: InterventionName, reference: ReferenceName) -> str:
    """Return intervention and reference in words."""
    return f"{intervention.capitalize()}, {REFERENCES[reference]}"


def combinations(entries: Sequence[InterventionShares]) -> list[Combination]:
    """Return the combinations that apply, in the order of the settings."""
    return [
        Combination(
            title=combination_name(entry.intervention, entry.reference),
            subjects=entry.subjects,
            of=entry.of,
            donors=entry.donors,
            shares=entry.shares.share,
            errors=entry.shares.donor_error,
            context=entry.shares.context_and_joint,
        )
        for entry in entries
        if entry.shares is not None
    ]


def refusals(dominance: Dominance) -> list[tuple[str, str]]:
    """Return what was asked for and has no shares, with the reason."""
    found = []
    for name, reason in dominance.not_applicable.items():
        title = f"Reference: {REFERENCES[name]}" if name in REFERENCES else name.capitalize()
        found.append((title, reason))
    found += [
        (
            combination_name(entry.intervention, entry.reference),
            f"values for {entry.subjects} of {entry.of} subjects only, and four fifths are needed to speak "
            "of the cohort",
        )
        for entry in dominance.interventions
        if entry.shares is None
    ]
    return found


def agreement(entries: Sequence[InterventionShares]) -> str:
    """Say in one sentence whether all combinations put the groups in one order."""
    orders = [
        (combination_name(entry.intervention, entry.reference), entry.shares.order)
        for entry in entries
        if entry.shares is not None
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


def diagnostics(entries: Sequence[Diagnostics]) -> list[tuple[str, str, str, str]]:
    """Return combination, what was measured, mean over samples, and smallest to largest."""
    rows = []
    for entry in entries:
        title = combination_name(entry.intervention, entry.reference)
        for name, spread in entry.values.items():
            write = number if name == "largest" else _percent
            ends = f"{write(spread.smallest)} to {write(spread.largest)}"
            rows.append((title, DIAGNOSTICS[name], write(spread.mean), ends))
    return rows


def _percent(value: float | None) -> str:
    return percent(value, 1)


def _names(titles: list[str]) -> str:
    return " and ".join(f"“{title}”" for title in titles)
