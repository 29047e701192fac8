"""Every way in which handling was held fixed, as rows that can be read side by side, and what decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cfdna_interp.report.words import group_name, interval, number, percent

Record = Mapping[str, Any]

DEPTH_ROWS = 10  # features shown with their correlation with depth; audit.json has them all
OTHERS = 3  # place of the first measure that isn't about batches
NAMES = {
    "within_batch": "the AUROC within batches",
    "between_batches": "the fall of the AUROC from all subjects to within batches",
    "overlap_weighted": "the AUROC weighted for overlap in handling",
}


@dataclass(frozen=True)
class Measure:
    """One way of holding handling.

    Attributes
    ----------
    name
        What was measured.
    value
        Interval; None where there is none.
    subjects
        What it rests on.
    compare
        What the number is to be held against.
    note
        What a reader has to know, or why there is no number.
    usable
        Whether the number may be read as an answer.
    """

    name: str
    value: Record | None
    subjects: str
    compare: str
    note: str
    usable: bool = True


def measures(audit: Record, validation: Record) -> list[Measure]:
    """Return the measures, the crude AUROC first, then the one that the rule asks first."""
    n, score = validation["n"], audit["handling"]["score"]
    crude = validation["scores"][score]["auroc"]
    beside = f"crude {number(crude['value'])}, chance 0.50"
    everyone = f"{n['case']} cases + {n['control']} controls"
    return [
        Measure("All subjects (crude)", crude, everyone, "chance 0.50", "handling is not held"),
        _within(validation["within_batch"][score], beside),
        _between(audit["between_batches"], everyone),
        _overlap(audit["overlap_weighted"], beside, everyone),
        _left_out(audit["leave_one_site_out"], beside),
        _depth(audit["depth_matched"], beside),
    ]


def decision(handling: Record) -> list[str]:
    """Say which number decided, and where none did, which data would."""
    decided, wanted = handling["decided_by"], handling["would_decide"]
    sentences = []
    if wanted:
        sentences.append(f"Nothing decides in this cohort. What would: {wanted}.")
    elif decided["value"] is not None:
        sentences.append(
            f"What decided: {NAMES[decided['measure']]}, {interval(decided)}, beside a crude AUROC of "
            f"{number(decided['crude'])}."
        )
    return sentences


def deepest(depth: list[Record]) -> list[Record]:
    """Return the features that go along with depth most, strongest first."""
    measured = [row for row in depth if row["spearman"] is not None]
    return sorted(measured, key=lambda row: (-abs(row["spearman"]), row["feature"]))[:DEPTH_ROWS]


def depth_counts(depth: list[Record]) -> dict[str, tuple[int, int]]:
    """Count by group: features that follow depth at a false-discovery rate of 5 %, and all."""
    counts: dict[str, tuple[int, int]] = {}
    for row in depth:
        hits, total = counts.get(row["group"], (0, 0))
        counts[row["group"]] = (hits + (row["q"] is not None and row["q"] <= 0.05), total + 1)
    return counts


def _within(within: Record, beside: str) -> Measure:
    name = "Within batches"
    if within["value"] is None:
        return Measure(name, None, "", beside, str(within["reason"]))
    batches = within["batches"]
    cases, controls = (sum(batch[kind] for batch in batches) for kind in ("case", "control"))
    subjects = f"{cases} cases + {controls} controls in {_counted(len(batches), 'batch', 'batches')}"
    return Measure(name, within, subjects, beside, "only cases and controls of one batch are compared")


def _between(between: Record | None, everyone: str) -> Measure:
    name = "Crude less within batches"
    if between is None:
        return Measure(name, None, "", "no difference 0", "no batch holds enough of both classes")
    note = "paired: both share most of their noise, so the interval is narrower than that of either"
    return Measure(name, between, everyone, "no difference 0", note)


def _overlap(overlap: Record, beside: str, everyone: str) -> Measure:
    name = "Weighted for overlap in technical columns and site"
    if overlap["value"] is None:
        return Measure(name, None, "", beside, str(overlap["reason"]))
    subjects = (
        f"{everyone}, worth {number(overlap['effective_case'], 0)} + "
        f"{number(overlap['effective_control'], 0)} after weighting"
    )
    check = (
        f"largest standardised difference of a column between the classes {number(overlap['imbalance'])} "
        f"before, {number(overlap['imbalance_weighted'])} after weighting; {percent(overlap['outside'])} of "
        "subjects have handling that all but tells the label"
    )
    if overlap["reason"]:
        check = f"not to be used: {overlap['reason']}; {check}"
    return Measure(name, overlap, subjects, beside, check, usable=not overlap["reason"])


def _left_out(left: Record, beside: str) -> Measure:
    name = "Leaving one site out"
    fitted = ", ".join(group_name(group).lower() for group in left["groups"])
    if left["value"] is None:
        return Measure(name, None, "", beside, str(left["reason"]))
    sites = left["sites"]
    cases, controls = (sum(site[kind] for site in sites) for kind in ("case", "control"))
    listed = ", ".join(
        f"{site['site']} {number(site['auroc'])} (n = {site['case']} + {site['control']})" for site in sites
    )
    return Measure(
        name,
        left,
        f"{cases} cases + {controls} controls of both roles at {len(sites)} sites",
        beside,
        f"a regression on {fitted}, fitted without the site on which it is tested: {listed}",
    )


def _depth(matched: Record, beside: str) -> Measure:
    name = "Matched in depth"
    if matched["value"] is None:
        return Measure(name, None, "", beside, str(matched["reason"]))
    note = (
        f"depth alone tells the label with AUROC {number(matched['depth_before'])} before and "
        f"{number(matched['depth_after'])} after matching"
    )
    return Measure(name, matched, f"{matched['pairs']} pairs of a case and a control", beside, note)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
