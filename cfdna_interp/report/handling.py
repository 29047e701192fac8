"""Every way in which handling or the person was held, as rows that can be read side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cfdna_interp.records.audit import (
    Audit,
    DepthCorrelation,
    DepthMatched,
    LeaveOneSiteOut,
    Overlap,
)
from cfdna_interp.records.held import ColumnObstacle, HeldClaim, HeldMeasure
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.values import Interval
from cfdna_interp.report.words import group_name, number, percent
from cfdna_interp.verdict.ladder import Judgements
from cfdna_interp.verdict.missing_words import missing_words

DEPTH_ROWS = 10  # features shown with their correlation with depth; audit.json has them all
# What became of a recorded column, by its obstacle in audit.json.
COLUMN_WORDS = {
    None: "held",
    ColumnObstacle.MISSING: "not held: not known for a fifth of a class or more",
    ColumnObstacle.RARE_LEVELS: "not held: most subjects have a level that fewer than 5 share",
    ColumnObstacle.NOBODY: "not held: no case is compared with a control",
    ColumnObstacle.STRATA: "held already: the same for all subjects who are compared",
    ColumnObstacle.COLUMNS: "held already: columns before it tell it",
    ColumnObstacle.LABEL: "can't be held: the label tells it",
    ColumnObstacle.TOO_MANY: "not held: the subjects carry no further column",
}


@dataclass(frozen=True)
class Measure:
    """One way of holding something.

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
    value: Interval | None
    subjects: str
    compare: str
    note: str
    usable: bool = True


@dataclass(frozen=True)
class ColumnRow:
    """A recorded column: which rung holds it, whether it tells the label, and what became of it."""

    rung: str
    name: str
    p: float | None
    p_holm: float | None
    word: str


def measures(audit: Audit, validation: ValidationResult) -> list[Measure]:
    """Return the measures, the crude AUROC first, then those that rungs L4 and L5 rest on."""
    n, crude = validation.n, validation.scores[audit.handling.score].auroc
    beside = f"crude {number(crude.value)}, chance 0.50"
    everyone = f"{n.case} cases + {n.control} controls"
    return [
        Measure("All subjects (crude)", crude, everyone, "chance 0.50", "nothing is held"),
        *_held("Within batches and sites", audit.within_strata, "places alone"),
        *_claim("Batches, sites and technical columns held (L4)", audit.handling),
        *_claim("Age, sex and further covariates held (L5)", audit.person),
        _overlap(audit.overlap_weighted, beside, everyone),
        _left_out(audit.leave_one_site_out, beside),
        _depth(audit.depth_matched, beside),
    ]


def column_rows(handling: HeldClaim, person: HeldClaim) -> list[ColumnRow]:
    """Return every recorded column that varies, and the declared mediators."""
    rows = []
    for rung, claim in (("L4", handling), ("L5", person)):
        rows += [
            ColumnRow(rung, column.name, column.p, column.p_holm, COLUMN_WORDS[column.obstacle])
            for column in claim.columns
        ]
        rows += [
            ColumnRow(rung, name, None, None, "not held: declared a mediator") for name in claim.mediators
        ]
    return rows


def decisions(judged: Judgements) -> list[tuple[str, str, str]]:
    """Return rung, word and what would decide where nothing does, of rungs L4 and L5."""
    return [
        (rung, judgement.word, judgement.would_decide)
        for rung, judgement in (("L4", judged.handling), ("L5", judged.person))
        if judgement.would_decide
    ]


def deepest(depth: Sequence[DepthCorrelation]) -> list[DepthCorrelation]:
    """Return the features that go along with depth most, strongest first."""
    return sorted(depth, key=lambda row: (-abs(row.spearman), row.feature))[:DEPTH_ROWS]


def depth_counts(depth: Sequence[DepthCorrelation]) -> dict[str, tuple[int, int]]:
    """Count by group: features that follow depth at a false-discovery rate of 5 %, and all."""
    counts: dict[str, tuple[int, int]] = {}
    for row in depth:
        hits, total = counts.get(row.group, (0, 0))
        counts[row.group] = (hits + (row.q <= 0.05), total + 1)
    return counts


def _claim(name: str, claim: HeldClaim) -> list[Measure]:
    """Return the figures of a rung, with the names of what it holds."""
    return _held(
        name, claim.measure, f"held: {', '.join(claim.held)}" if claim.held else "no column was held"
    )


def _held(name: str, measure: HeldMeasure | None, note: str) -> list[Measure]:
    """Return a held AUROC and its fall, one row each."""
    fall = f"{name}: fall from the crude AUROC"
    if measure is None:
        return [Measure(name, None, "", "crude, chance 0.50", "no case can be compared with a control")]
    strata, worth = _counted(measure.strata, "stratum", "strata"), number(measure.worth, 0)
    subjects = f"{measure.case} cases + {measure.control} controls in {strata}, worth {worth} + {worth}"
    beside = f"crude {number(measure.crude)} of the same subjects, chance 0.50"
    paired = "paired: both AUROCs share most of their noise"
    return [
        Measure(name, measure.auroc, subjects, beside, note),
        Measure(fall, measure.fall, subjects, "no fall 0", paired, usable=False),
    ]


def _overlap(overlap: Overlap, beside: str, everyone: str) -> Measure:
    name = "Weighted for overlap in technical columns and site"
    if overlap.value is None:
        return Measure(name, None, "", beside, missing_words(overlap.missing))
    subjects = (
        f"{everyone}, worth {number(overlap.effective_case, 0)} + "
        f"{number(overlap.effective_control, 0)} after weighting"
    )
    check = (
        f"largest standardised difference of a column between the classes {number(overlap.imbalance)} "
        f"before, {number(overlap.imbalance_weighted)} after weighting; {percent(overlap.outside)} of "
        "subjects have handling that all but tells the label"
    )
    if overlap.missing is not None:
        check = f"not to be used: {missing_words(overlap.missing)}; {check}"
    return Measure(name, overlap, subjects, beside, check, usable=overlap.missing is None)


def _left_out(left: LeaveOneSiteOut, beside: str) -> Measure:
    name = "Leaving one site out"
    fitted = ", ".join(group_name(group).lower() for group in left.groups)
    if left.value is None:
        return Measure(name, None, "", beside, missing_words(left.missing))
    cases, controls = sum(site.case for site in left.sites), sum(site.control for site in left.sites)
    listed = ", ".join(
        f"{site.site} {number(site.auroc)} (n = {site.case} + {site.control})" for site in left.sites
    )
    return Measure(
        name,
        left,
        f"{cases} cases + {controls} controls of both roles at {len(left.sites)} sites",
        beside,
        f"a regression on {fitted}, fitted without the site on which it is tested: {listed}",
    )


def _depth(matched: DepthMatched, beside: str) -> Measure:
    name = "Matched in depth"
    if matched.value is None:
        return Measure(name, None, "", beside, missing_words(matched.missing))
    note = (
        f"depth alone tells the label with AUROC {number(matched.depth_before)} before and "
        f"{number(matched.depth_after)} after matching"
    )
    return Measure(name, matched, f"{matched.pairs} pairs of a case and a control", beside, note)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
