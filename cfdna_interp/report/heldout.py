"""What the held-out numbers mean beyond a single AUROC: operating points, subgroups, what could be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import expit

from cfdna_interp.artifacts.predictions import SURROGATE
from cfdna_interp.records.validation import (
    MAIN,
    Division,
    PairedDifference,
    RepeatedScore,
    Repetition,
    ValidationResult,
)
from cfdna_interp.records.values import Auroc, Interval, negated
from cfdna_interp.report.words import (
    group_name,
    interval,
    number,
    p_phrase,
    percent,
    score_name,
    score_rank,
    whole_name,
)
from cfdna_interp.stats.caution import auroc_caution
from cfdna_interp.verdict.missing_words import missing_words

RETRAINED, BASELINE = "model_without_", "baseline_"
TECHNICAL = "baseline_technical"
SIGNIFICANT = 0.05
# What became of a group's role among the held-out subjects.
REPEATED = {
    Repetition.HOLDS: "it holds",
    Repetition.WEAKER: "it is weaker",
    Repetition.REVERSED: "it has reversed",
    Repetition.NOT_TOLD: "whether it holds is not told",
    Repetition.NO_CLAIM: "discovery claimed nothing to repeat",
}


@dataclass(frozen=True)
class OperatingRow:
    """Sensitivity of a score where a share of the controls is called negative.

    Attributes
    ----------
    score
        The reader's name.
    main
        Model or proxy; the others are there to be compared with.
    wanted, seen
        Specificity asked for, and that of the threshold among the controls at hand; None without one.
    threshold
        Probability above which a subject is called positive.
    sensitivity
        Interval; None where there is none.
    missing
        Why there is none, a clause; "" otherwise.
    """

    score: str
    main: bool
    wanted: float
    seen: float | None
    threshold: float | None
    sensitivity: Interval | None
    missing: str


@dataclass(frozen=True)
class SubgroupRow:
    """AUROC of a score among the subjects of one site, sex or third of ages."""

    by: str
    group: str
    case: int
    control: int
    auroc: Auroc | None
    missing: str


def main_scores(validation: ValidationResult) -> list[str]:
    """Return model and proxy, as far as they were scored."""
    return [name for name in MAIN if name in validation.scores]


def operating_rows(validation: ValidationResult) -> list[OperatingRow]:
    """Return the operating points of every score, model and proxy first."""
    return [
        OperatingRow(
            score=score_name(name, whole_name(validation)),
            main=name in MAIN,
            wanted=point.specificity,
            seen=point.specificity_seen,
            threshold=None if point.threshold is None else float(expit(point.threshold)),
            sensitivity=point.sensitivity,
            missing=missing_words(point.missing),
        )
        for name in sorted(validation.scores, key=score_rank)
        for point in validation.scores[name].at_specificity
    ]


def subgroup_rows(validation: ValidationResult, score: str) -> list[SubgroupRow]:
    """Return the subgroups of a score, by site, then sex, then age."""
    return [
        SubgroupRow(
            by=division.by,
            group=group.group,
            case=group.case,
            control=group.control,
            auroc=group.auroc,
            missing=missing_words(group.missing),
        )
        for division in validation.subgroups.get(score, ())
        for group in division.groups
    ]


def subgroup_sentences(validation: ValidationResult, score: str) -> list[tuple[str, str]]:
    """Return for each division of the subjects what the test of one AUROC in all groups says."""
    return [(f"By {division.by}", _tested(division)) for division in validation.subgroups.get(score, ())]


def subgroup_caution(validation: ValidationResult, score: str) -> str:
    """Say how many groups have an interval that may be too narrow, and of the smallest why; "" where none."""
    shown = [
        (min(group.case, group.control), f"{division.by} {group.group}", caution)
        for division in validation.subgroups.get(score, ())
        for group in division.groups
        if group.auroc is not None
        and (caution := auroc_caution(group.case, group.control, group.auroc.value))
    ]
    if not shown:
        return ""
    _, name, caution = min(shown)
    return f"Intervals that may be too narrow: {len(shown)}. {name[:1].upper()}{name[1:]}: {caution}"


def held_out(validation: ValidationResult) -> str:
    """Return on whom held-out numbers are."""
    n = validation.n
    return f"on n = {n.case} held-out cases + {n.control} controls"


def paired_sentences(validation: ValidationResult) -> list[str]:
    """Say what the paired differences show: the model without each group, beside the proxy and baselines."""
    pairs, who = validation.paired, held_out(validation)
    retrained = [pair for pair in pairs if pair.b.startswith(RETRAINED)]
    sentences = []
    if retrained:
        each = "; ".join(
            f"{group_name(pair.b.removeprefix(RETRAINED)).lower()} {_difference(pair)}" for pair in retrained
        )
        whole = score_name(retrained[0].a).lower()
        sentences.append(
            f"What the {whole}'s AUROC loses {who} when it is retrained without a group: {each}."
        )
    sentences += [f"Model less proxy {who}: {_difference(pair)}." for pair in pairs if pair.b == "proxy"]
    for score in main_scores(validation):
        against = [pair for pair in pairs if pair.a == score and pair.b.startswith(BASELINE)]
        if against:
            sentences.append(
                f"{score_name(score)} {who}, a difference being told at p ≤ {SIGNIFICANT} after Holm: "
                f"{_against(against)}."
            )
    return sentences


def _against(pairs: Sequence[PairedDifference]) -> str:
    """Name the baselines that a score beats, those that beat it, and those not told apart from it."""
    found: dict[str, list[str]] = {"beats": [], "is beaten by": [], "is not told apart from": []}
    for pair in pairs:
        verb = "is not told apart from"
        if pair.better:
            verb = "beats" if pair.better == pair.a else "is beaten by"
        name = score_name(pair.b).lower()
        if verb == "is beaten by":
            name += f" (by {interval(negated(pair), 3)})"
        found[verb].append(name)
    return "; ".join(f"{verb} {', '.join(names)}" for verb, names in found.items() if names)


def directionless_sentence(validation: ValidationResult) -> str:
    """Say how well technical columns tell the label whichever way they point; "" where there are none."""
    score = validation.scores.get(TECHNICAL)
    if score is None or score.directionless is None:
        return ""
    either_way = score.directionless
    turned = (
        f"among these subjects it points the other way (AUROC {interval(score.auroc)}) and is turned "
        "round wherever it is compared; "
        if either_way.turned
        else ""
    )
    return (
        f"{score_name(TECHNICAL)} {held_out(validation)}: AUROC {interval(either_way)} whichever way it "
        f"points, at most {number(either_way.null_high)} in 95 % of permutations of the labels, "
        f"{p_phrase(either_way.p)}; {turned}what was fitted in discovery may turn round in other people and "
        "tells the label all the same."
    )


def repeat_sentences(validation: ValidationResult) -> dict[str, str]:
    """Say of each group by its reader's name what became of its role among the held-out subjects."""
    whole = whole_name(validation).lower()
    said = {}
    for group, record in validation.groups.items():
        alone, cost = record.alone, record.cost.heldout
        fall = ""
        if record.word is Repetition.WEAKER:
            fall = f", a fall of {interval(alone.fall)}, {p_phrase(alone.p)}"
        better = f": the {whole} is better without it" if record.better_without else ""
        said[group_name(group)] = (
            f"{_capital(held_out(validation))}: {REPEATED[record.word]}; alone AUROC "
            f"{interval(alone.heldout)} against {interval(alone.discovery)} in discovery{fall}; "
            f"retraining without it costs {interval(cost, 3)}{better}."
        )
    return said


def repeat_rows(validation: ValidationResult) -> list[tuple[str, RepeatedScore, str]]:
    """Return name, record and words of model (or its surrogate) and proxy in discovery and held out."""
    names = {"model": "Model", SURROGATE: "Surrogate", "proxy": "Proxy"}
    return [(names[score], record, REPEATED[record.word]) for score, record in validation.repeated.items()]


def curve_notes(validation: ValidationResult) -> list[str]:
    """Say how the smooth calibration curves were made, and of which score there is none."""
    made, notes = set(), []
    for name in main_scores(validation):
        curve = validation.calibration_curve[name]
        if curve.missing is not None:
            notes.append(f"{score_name(name)}: no smooth curve ({missing_words(curve.missing)}).")
        else:
            made.add(curve.method)
    return [*(f"Curves: {method}; bands: pointwise 95 %." for method in sorted(made)), *notes]


def detectable_sentence(validation: ValidationResult) -> str:
    """Say what the cohort could have shown at all: whatever is smaller is not excluded by a null result."""
    least, n = validation.detectable, validation.n
    size = f"{n.case} cases and {n.control} controls"
    power = percent(least.power)
    if least.auroc is None:
        return f"No AUROC would be told from 0.50 with a power of {power} by {size} held out."
    return (
        f"With {size} held out, the smallest AUROC that is told from 0.50 with a power of {power} is "
        f"{number(least.auroc)} (two-sided test at {percent(least.alpha)}: rung L0 asks that the "
        "interval lies above 0.50, and a permutation p of at most 0.05). "
        "What is smaller may be there and not show."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _difference(pair: PairedDifference) -> str:
    return (
        f"{interval(pair, 3)}, {p_phrase(pair.p_holm)} after Holm, "
        f"smallest difference to be seen {number(pair.detectable, 3)}"
    )


def _tested(division: Division) -> str:
    unknown = f" Unknown for {division.unknown} subjects." if division.unknown else ""
    left = "; ".join(f"{row.group}, since {missing_words(row.missing)}" for row in division.left_out)
    test = division.interaction
    if test is None:
        why = missing_words(division.missing)
        return f"not tested: {why}{f' ({left})' if left else ''}.{unknown}"
    said = (
        "the AUROC differs between the groups"
        if test.p_holm <= SIGNIFICANT
        else "no difference between the groups is shown, which doesn't mean that there is none"
    )
    without = f" Left out of the test: {left}." if left else ""
    return (
        f"{said} (n = {test.n} in {test.groups} groups; Cochran's Q {number(test.statistic, 1)} on "
        f"{test.df} degrees of freedom, {p_phrase(test.p)}, after Holm over the divisions "
        f"{p_phrase(test.p_holm)}).{without}{unknown}"
    )
