"""What the rule found, and what each group is to the model, with the figures that say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cfdna_interp.report.words import group_name, group_rank, number, percent

ROLES = {
    "carrier": "carries signal that nothing else replaces",
    "redundant": "has signal that others have too",
    "suppressor": (
        "by itself makes predictions no better, and takes noise off another group; it is no finding by itself"
    ),
    "partner": "counts only together with others: alone it stays below the signal ceiling",
    "unused": "is not used: alone it stays below the signal ceiling, and the model can do without it",
    "unclear": "has a part that can't be told from these figures",
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
        "none": "no dominant group",
    }.get(dominance["outcome"], str(dominance["outcome"]))


def role_sentences(dominance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and sentence of each group, the largest share first.

    Parameters
    ----------
    dominance
        The content of ``dominance.json``.
    """
    groups = dominance["groups"]
    order = sorted(groups, key=lambda group: (-(groups[group]["share"]["value"] or 0), group_rank(group)))
    reached, costs = dominance["cross_fitted_auroc"], dominance["leave_out_cost"]
    return [
        (
            group_name(group),
            f"{ROLES[groups[group]['role']]} (share {percent(groups[group]['share']['value'])}, covariance "
            f"share {percent(groups[group]['covariance_share']['value'])}; alone AUROC "
            f"{number(reached[f'model_only_{group}'])}; retraining without it costs "
            f"{number(costs[group], 3)}).",
        )
        for group in order
    ]
