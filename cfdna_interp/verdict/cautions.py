"""What the numbers hold against the verdict: one list, so that no section can say the opposite of another.

The ladder judges claims one by one. What else a reader has to know before believing it is decided and put
into words here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cfdna_interp.artifacts.predictions import SURROGATE
from cfdna_interp.proxy.measure import BASELINE
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.validation import MAIN, InBothRoles, Repetition, ValidationResult
from cfdna_interp.records.values import Counts, Interval, interval_of, negated
from cfdna_interp.records.verdict import (
    BaselineLead,
    CalibrationError,
    Caution,
    CautionKind,
    GroupChange,
    ScoreChange,
    SmallCohort,
)
from cfdna_interp.stats.roc import DELONG_MINIMUM
from cfdna_interp.verdict.leak_cautions import leak_cautions
from cfdna_interp.verdict.reliance_words import name_of

# What a reader has to know, and what takes nothing off a claim.
NOTES = (CautionKind.CORRECTION_NOTED, CautionKind.COLUMN_LEFT_OUT, CautionKind.FEW_SUBJECTS)

Rule = Callable[[str | None, ValidationResult, Audit, FrozenProtocol], Iterator[Caution]]

NAMES = {
    "model": "the model",
    SURROGATE: "the surrogate",
    "proxy": "the proxy",
    "baseline_all": "a logistic regression on all groups",
    "baseline_covariates": "a logistic regression on the covariates alone",
    "baseline_technical": "a logistic regression on the technical columns alone",
}


def cautions(
    named: str | None, validation: ValidationResult, audit: Audit, protocol: FrozenProtocol
) -> tuple[Caution, ...]:
    """Return what stands against the verdict, the gravest first; empty where nothing does.

    Parameters
    ----------
    named
        The group that the attribution names.
    validation, audit, protocol
        The content of the JSON files of these names.
    """
    return tuple(found for rule in RULES for found in rule(named, validation, audit, protocol))


def _groups(
    named: str | None, validation: ValidationResult, audit: Audit, protocol: FrozenProtocol
) -> Iterator[Caution]:
    """Find groups that carried something in discovery and not, or less, in the held-out subjects."""
    for wanted in (Repetition.REVERSED, Repetition.WEAKER):
        for group, record in validation.groups.items():
            if record.word != wanted:
                continue
            alone, cost, name = record.alone, record.cost.heldout, _capital(name_of(group))
            finding = GroupChange(
                group=group,
                discovery=interval_of(alone.discovery),
                heldout=interval_of(alone.heldout),
                fall=alone.fall,
                cost=cost,
            )
            if wanted is Repetition.WEAKER:
                sentence = f"{name} alone {_weaker(alone, validation)}."
                yield Caution(kind=CautionKind.GROUP_WEAKER, sentence=sentence, finding=finding)
                continue
            sentence = f"{name} has reversed: alone it reaches {_both(alone, validation)}"
            if record.better_without:
                sentence += (
                    f"; held out, {NAMES[_whole(validation)]} retrained without it is better by "
                    f"{_interval(negated(cost), 3)}"
                )
            if group == named:
                sentence += "; it is the group that the verdict names"
            yield Caution(kind=CautionKind.GROUP_REVERSED, sentence=f"{sentence}.", finding=finding)


def _scores(
    named: str | None, validation: ValidationResult, audit: Audit, protocol: FrozenProtocol
) -> Iterator[Caution]:
    """Find out whether model and proxy tell less of new people than of the discovery subjects."""
    for score, record in validation.repeated.items():
        name = _capital(_name(score))
        finding = ScoreChange(
            score=score,
            discovery=interval_of(record.discovery),
            heldout=interval_of(record.heldout),
            fall=record.fall,
        )
        if record.word is Repetition.REVERSED:
            sentence = f"{name} has reversed: it reaches {_both(record, validation)}."
            yield Caution(kind=CautionKind.SCORE_REVERSED, sentence=sentence, finding=finding)
        elif record.word is Repetition.WEAKER:
            sentence = f"{name} {_weaker(record, validation)}."
            yield Caution(kind=CautionKind.SCORE_WEAKER, sentence=sentence, finding=finding)


def _baselines(
    named: str | None, validation: ValidationResult, audit: Audit, protocol: FrozenProtocol
) -> Iterator[Caution]:
    """Find baselines that are shown to do better than the model or the proxy."""
    for pair in validation.paired:
        if pair.a in MAIN and pair.b.startswith(BASELINE) and pair.better == pair.b:
            lead = negated(pair)
            yield Caution(
                kind=CautionKind.BASELINE_BETTER,
                sentence=(
                    f"{_capital(_name(pair.b))} does better than {_name(pair.a)} by {_interval(lead, 3)} of "
                    f"AUROC {_heldout(validation)} (p after Holm {pair.p_holm:.2g})."
                ),
                finding=BaselineLead(baseline=pair.b, score=pair.a, lead=lead, p_holm=pair.p_holm),
            )


def _calibration(
    named: str | None, validation: ValidationResult, audit: Audit, protocol: FrozenProtocol
) -> Iterator[Caution]:
    """Find out whether predicted chances of model and proxy are shown to be wrong."""
    for score in MAIN:
        if score not in validation.scores:
            continue
        calibration = validation.scores[score].calibration
        slope, large = interval_of(calibration.slope), interval_of(calibration.in_the_large)
        said = []
        if side := _off(slope, 1.0):
            how = "too timid" if side > 0 else "too extreme"
            said.append(f"they are {how} (calibration slope {_interval(slope)}, 1 is perfect)")
        if side := _off(large, 0.0):
            how = "fewer cases than there are" if side > 0 else "more cases than there are"
            said.append(
                f"they promise {how} (calibration-in-the-large {_interval(large)} log odds, 0 is perfect; "
                f"cases are {_share(validation.discovery)} in discovery and {_share(validation.n)} "
                "held out)"
            )
        if said:
            yield Caution(
                kind=CautionKind.CALIBRATION_OFF,
                sentence=(
                    f"Chances read off {_name(score)} are wrong {_heldout(validation)}: "
                    f"{', and '.join(said)}."
                ),
                finding=CalibrationError(score=score, slope=slope, in_the_large=large),
            )


def _size(
    named: str | None, validation: ValidationResult, audit: Audit, protocol: FrozenProtocol
) -> Iterator[Caution]:
    """Find cohorts in which little could show, and in which intervals may be too narrow."""
    n, discovery = validation.n, validation.discovery
    small = [
        f"{size.case} cases + {size.control} controls {role}"
        for role, size in (("in discovery", discovery), ("held out", n))
        if min(size.case, size.control) < DELONG_MINIMUM
    ]
    if small:
        least = validation.detectable
        seen = "no AUROC" if least.auroc is None else f"only an AUROC of {least.auroc:.2f} or more"
        yield Caution(
            kind=CautionKind.FEW_SUBJECTS,
            sentence=(
                f"Few subjects: {', '.join(small)}. With n = {n.case} + {n.control} held out {seen} is "
                f"told from 0.50 with a power of {100 * least.power:.0f} %, and intervals may be too narrow."
            ),
            finding=SmallCohort(n=n, discovery=discovery, detectable=least.auroc),
        )


def _leaks(
    named: str | None, validation: ValidationResult, audit: Audit, protocol: FrozenProtocol
) -> Iterator[Caution]:
    """Find possible leaks of the label that break no rung."""
    yield from leak_cautions(protocol, audit.leakage)


def against(found: Sequence[Caution]) -> tuple[CautionKind, ...]:
    """Return the kinds of cautions that speak against what the ladder says, each once."""
    return tuple(dict.fromkeys(caution.kind for caution in found if caution.kind not in NOTES))


# The gravest first. Each rule reads the four records and yields a caution for each thing that it finds.
RULES: tuple[Rule, ...] = (_groups, _scores, _baselines, _calibration, _leaks, _size)


def _both(record: InBothRoles, validation: ValidationResult) -> str:
    n = validation.discovery
    return (
        f"AUROC {_interval(record.discovery)} in discovery (cross-fitted, n = {n.case} cases + "
        f"{n.control} controls) and {_interval(record.heldout)} {_heldout(validation)}"
    )


def _weaker(record: InBothRoles, validation: ValidationResult) -> str:
    return (
        f"reaches less in new people: {_both(record, validation)}, a fall of {_interval(record.fall)} "
        f"(p {record.p:.2g})"
    )


def _heldout(validation: ValidationResult) -> str:
    n = validation.n
    return f"on the {n.case} held-out cases and {n.control} controls"


def _off(interval: Interval, perfect: float) -> int:
    """Return 1 where an interval lies above its perfect value, -1 where below, else 0."""
    if interval.low is None or interval.high is None:
        return 0
    return int(interval.low > perfect) - int(interval.high < perfect)


def _share(n: Counts) -> str:
    return f"{100 * n.case / (n.case + n.control):.0f} %"


def _interval(interval: Interval, digits: int = 2) -> str:
    if interval.low is None:
        return f"{interval.value:.{digits}f}"
    return f"{interval.value:.{digits}f} [{interval.low:.{digits}f} to {interval.high:.{digits}f}]"


def _whole(validation: ValidationResult) -> str:
    return SURROGATE if SURROGATE in validation.scores else "model"


def _name(score: str) -> str:
    group = score.removeprefix(BASELINE)
    return NAMES.get(score, f"a logistic regression on {name_of(group)} alone")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
