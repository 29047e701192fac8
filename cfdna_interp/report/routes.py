"""Two routes to one question: what sparse features of the embeddings say, beside taking groups out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.records.dominance import Outcome
from cfdna_interp.records.funnel import NO_CARRIER, FeatureFunnel, Survivor
from cfdna_interp.report.representation import family_name
from cfdna_interp.report.roles import outcome_title
from cfdna_interp.report.words import group_name, significant

AGREE, DIFFER, OPEN = "the two routes agree", "the two routes differ", "can't tell"


@dataclass(frozen=True)
class Routes:
    """Whether the embeddings' answer is that of the interventions.

    Attributes
    ----------
    title
        ``AGREE``, ``DIFFER`` or ``OPEN``.
    found
        What the features say, in one sentence.
    meaning
        What follows, in words.
    """

    title: str
    found: str
    meaning: str


def compare_routes(funnel: FeatureFunnel, outcome: Outcome, group: str | None) -> Routes:
    """Hold the surviving features against the dominant group.

    The features speak for a family where it carries the difference of more than half of the survivors, and
    there are more survivors than the 95 % quantile of permuted labels. What features follow among fragments
    is not asked: interventions don't either.

    Parameters
    ----------
    funnel
        The content of ``funnel.json``.
    outcome, group
        What interventions say of the model, and the group that they name.
    """
    title, meaning = _judge(funnel, outcome, group)
    return Routes(title, _found(funnel), meaning)


def leading_family(survivors: Sequence[Survivor]) -> str | None:
    """Return the family that carries more than half of the surviving features; None where none does."""
    for family, count in Counter(feature.carrier for feature in survivors).most_common(1):
        if family != NO_CARRIER and 2 * count > len(survivors):
            return family
    return None


def _found(funnel: FeatureFunnel) -> str:
    survivors, null = funnel.survivors, funnel.null
    count = len(survivors)
    passed = next(seed.passed for seed in funnel.seeds if seed.number == funnel.first)
    families = Counter(feature.carrier for feature in survivors)
    named = "; ".join(f"{number} {_differ(number, family)}" for family, number in _ranked(families))
    survive = f"{count} survive" if count > 1 else f"{count or 'none'} survives"
    return (
        f"Of {funnel.features:,} sparse features of the embeddings {passed} tell cases from controls "
        f"beyond permuted labels, and {survive} resampling of subjects{': ' + named if named else ''}. "
        f"With permuted labels {significant(null.survived_mean)} of them survive on average, at most "
        f"{significant(null.survived_high)} in 95 % of {funnel.permuted_heads} heads "
        f"(n = {funnel.subjects} discovery subjects)."
    )


def _differ(number: int, family: str) -> str:
    return f"{'differs' if number == 1 else 'differ'} with {family_name(family)}"


def _ranked(families: Counter[str]) -> list[tuple[str, int]]:
    return sorted(families.items(), key=lambda item: (-item[1], item[0]))


def _judge(funnel: FeatureFunnel, outcome: Outcome, group: str | None) -> tuple[str, str]:
    title, none = outcome_title(outcome, group), outcome == "none"
    if not funnel.survivors:
        if none:
            return OPEN, (
                "Neither route names a group: no feature survives, and interventions name none. Two answers "
                "that are open don't confirm each other."
            )
        return OPEN, (
            f"Interventions say: {title}. That no feature survives speaks for nothing: a contrast has to "
            "beat the largest of all features, and small cohorts seldom reach that."
        )
    if len(funnel.survivors) <= funnel.null.survived_high:
        return OPEN, "Permuted labels leave as many features, so these name nothing."
    family = leading_family(funnel.survivors)
    if family is None:
        return OPEN, f"No family carries more than half of the survivors; interventions say: {title}."
    if family not in BAG_GROUPS:
        return OPEN, (
            f"Most survivors differ with {family_name(family)}, which no intervention takes out by itself; "
            f"interventions say: {title}."
        )
    led = group_name(family).lower()
    if group == family:
        return AGREE, (
            f"In discovery, taking {led} out of the bags moves the prediction most, and the features by "
            "which the head tells cases from controls differ with it: two routes that rest on different "
            "assumptions."
        )
    if group is not None:
        return DIFFER, (
            f"In discovery, taking {group_name(group).lower()} out moves the prediction most ({title}), "
            f"and yet the features by which the head tells cases from controls differ with {led}. "
            "Interventions say what the prediction needs; features say along which directions of the "
            "embedding the classes part, and that may come with a companion of what is needed. The verdict "
            "rests on the interventions; before either is believed, look for what ties the two together."
        )
    if none:
        return DIFFER, (
            f"Interventions name no group, and yet most surviving features differ with {led}. The "
            "head tells cases from controls along these features, but no group leads with certainty: a lead "
            "to follow up, not a finding."
        )
    return OPEN, (
        f"Most survivors differ with {led}. Interventions name no single group ({title}), so there is none "
        "to compare with."
    )
