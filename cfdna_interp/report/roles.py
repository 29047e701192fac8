"""What the rule found, and what each group is to the model, with the figures that say so."""

from __future__ import annotations

from collections.abc import Iterable

from cfdna_interp.attribution.roles import USED
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.dominance import Dominance, Outcome, Role
from cfdna_interp.records.verdict import Rung, Status
from cfdna_interp.report.words import group_name, group_rank, number, percent
from cfdna_interp.verdict.rung_words import rung_words

# Of the model, or of the score of a model that is known by nothing else; {} names which. All is of discovery.
ROLES: dict[Role, str] = {
    "carrier": "carries signal for {} that no other group here replaces",
    "redundant": "has signal for {} that others have too, which are used as well",
    "suppressor": (
        "by itself makes predictions no better, and takes noise off another group in {}; it is no finding by "
        "itself"
    ),
    "partner": "counts for {} only together with others: alone it stays below what counts as signal",
    "unused": (
        f"is not used by {{}}: less than {percent(USED)} of the attribution is its, and leaving it out costs "
        "nothing that is sure"
    ),
    "unclear": "has a part in {} that can't be told from these figures",
}


def outcome_title(outcome: Outcome, group: str | None) -> str:
    """Return the outcome in a few words.

    Parameters
    ----------
    outcome, group
        What the rule says, and the group that it names; with a suppressor that is the group that is helped.
    """
    title = "no group" if group is None else group_name(group).lower()
    return {
        "dominant": f"dominant: {title}",
        "redundant": "redundant groups",
        "suppressor": "a suppressor, and no group for certain"
        if group is None
        else f"{title}, helped by a suppressor",
        "interaction": "groups that count only together",
        "none": "no group named",
        "can't tell": "can't tell",
    }[outcome]


def overruled(dominance: Dominance, audit: Audit, rungs: Iterable[Rung]) -> str:
    """Say that the ladder doesn't earn what the attribution names; "" where it does, or names nothing."""
    rung = next(rung for rung in rungs if rung.rung == "L1")
    if dominance.group is None or rung.status is Status.EARNED:
        return ""
    return f"The ladder doesn't earn this, L1 is {rung.word}: {rung_words(rung, dominance, audit)}."


def roles_method(foreign: bool) -> str:
    """Say what roles were read from: of a model of our own, or of one that is known by its scores."""
    whose, cost, alone = "the model", "the AUROC that retraining without it costs", "the AUROC of the model"
    if foreign:
        whose, cost = "the score", "the R² with the score that the surrogate loses without it"
        alone = "the correlation with the score of the surrogate"
    return (
        f"What a group is to {whose} was read in discovery from its share, its contribution, {cost}, and "
        f"{alone} retrained on it."
    )


def role_sentences(dominance: Dominance) -> list[tuple[str, str]]:
    """Return name and sentence of each group, the largest share first; all of discovery subjects.

    Parameters
    ----------
    dominance
        What the model relies on.
    """
    groups = dominance.groups
    order = sorted(groups, key=lambda group: (-(groups[group].share.value or 0), group_rank(group)))
    whose = "the model" if dominance.fidelity is None else "the score"
    return [
        (
            group_name(group),
            f"{ROLES[groups[group].role].format(whose)} (in discovery: share "
            f"{percent(groups[group].share.value)}, covariance share "
            f"{percent(groups[group].covariance_share.value)}; {_retrained(dominance, group)}).",
        )
        for group in order
    ]


def _retrained(dominance: Dominance, group: str) -> str:
    """Return what is reached alone and lost without a group: of the label, or of a foreign model's score."""
    followed, lost = dominance.cross_fitted_fidelity, dominance.leave_out_r2
    if followed is None or lost is None:
        return (
            f"alone AUROC {number(dominance.cross_fitted_auroc[f'model_only_{group}'])}; retraining "
            f"without it costs {number(dominance.leave_out_cost[group], 3)}"
        )
    return (
        f"a surrogate on it alone follows the score with a correlation of "
        f"{number(followed[f'model_only_{group}'].judged)}; retraining the surrogate without it costs "
        f"{number(lost[group], 3)} of R²"
    )
