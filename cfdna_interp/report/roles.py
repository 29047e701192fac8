"""What the rule found, and what each group is to the model, with the figures that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cfdna_interp.attribution.roles import USED
from cfdna_interp.records.verdict import Rung, Status
from cfdna_interp.report.words import group_name, group_rank, number, percent

# Of the model, or of the score of a model that is known by nothing else; {} names which. All is of discovery.
ROLES = {
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


def outcome_title(dominance: Mapping[str, Any]) -> str:
    """Return the outcome in a few words.

    Parameters
    ----------
    dominance
        The content of ``dominance.json``.
    """
    group = group_name(dominance["group"]).lower()
    if dominance["outcome"] == "suppressor":
        # The group named is the one that is helped, not the suppressor.
        named = dominance["group"] is not None
        return f"{group}, helped by a suppressor" if named else "a suppressor, and no group for certain"
    return {
        "dominant": f"dominant: {group}",
        "redundant": "redundant groups",
        "interaction": "groups that count only together",
        "none": "no group named",
    }.get(dominance["outcome"], str(dominance["outcome"]))


def overruled(dominance: Mapping[str, Any], rungs: Iterable[Rung]) -> str:
    """Say that the ladder doesn't earn what the attribution names; "" where it does, or names nothing."""
    rung = next(rung for rung in rungs if rung.rung == "L1")
    if dominance["group"] is None or rung.status is Status.EARNED:
        return ""
    return f"The ladder doesn't earn this, L1 is {rung.word}: {rung.reason}."


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


def role_sentences(dominance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and sentence of each group, the largest share first; all of discovery subjects.

    Parameters
    ----------
    dominance
        The content of ``dominance.json``.
    """
    groups = dominance["groups"]
    order = sorted(groups, key=lambda group: (-(groups[group]["share"]["value"] or 0), group_rank(group)))
    whose = "the model" if dominance["fidelity"] is None else "the score"
    return [
        (
            group_name(group),
            f"{ROLES[groups[group]['role']].format(whose)} (in discovery: share "
            f"{percent(groups[group]['share']['value'])}, covariance share "
            f"{percent(groups[group]['covariance_share']['value'])}; {_retrained(dominance, group)}).",
        )
        for group in order
    ]


def _retrained(dominance: Mapping[str, Any], group: str) -> str:
    """Return what is reached alone and lost without a group: of the label, or of a foreign model's score."""
    followed = dominance["cross_fitted_fidelity"]
    if followed is None:
        return (
            f"alone AUROC {number(dominance['cross_fitted_auroc'][f'model_only_{group}'])}; retraining "
            f"without it costs {number(dominance['leave_out_cost'][group], 3)}"
        )
    return (
        f"a surrogate on it alone follows the score with a correlation of "
        f"{number(followed[f'model_only_{group}']['judged'])}; retraining the surrogate without it costs "
        f"{number(dominance['leave_out_r2'][group], 3)} of R²"
    )
