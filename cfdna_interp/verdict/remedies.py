"""What would decide where no feature group is named."""

from __future__ import annotations

from collections.abc import Mapping

from cfdna_interp.attribution.judge import CONTEXT_LIMIT, FIDELITY
from cfdna_interp.records.dominance import Dominance, GroupAttribution
from cfdna_interp.records.proxy import Obstacle

LENGTH, CALLS = "fragment_length", ("methylation", "tissue_of_origin")
# Where no group is named although shares can be read.
REMEDIES = {
    "redundant": "a cohort, or an experiment, that moves one of the leading groups and holds the other",
    "suppressor": (
        "more subjects, so that the group whose noise is taken off can be told from the others; the group "
        "that takes it off is measured beside it and is no finding by itself"
    ),
    "interaction": (
        "an experiment that moves the two groups one at a time and together, with both measured in each "
        "sample: each alone stays below the signal ceiling"
    ),
    "none": "more subjects or finer groups, so that one group's lead over the next holds in refits",
    "can't tell": "a cohort in which more than one group varies",
}
# What moves length and holds methylation, and the other way round.
LENGTH_OR_CALLS = "size-selected libraries of the same plasma; spiked-in DNA of known methylation"
DISAGREE = (
    "interventions that agree on the leading group, or a cohort in which more than one group is "
    "measured; the reason beside it says which"
)


def why_no_proxy(dominance: Dominance, obstacle: Obstacle) -> str:
    """Return in a sentence without a full stop why there is no proxy.

    Parameters
    ----------
    dominance
        What the model relies on.
    obstacle
        What stood in the way.
    """
    if obstacle == "no group is dominant":
        return f"no group is dominant: {dominance.reason}".rstrip(".")
    if obstacle == "no feature varies":
        return f"{dominance.group} is dominant, but none of its features varies among the discovery samples"
    return f"{dominance.group} is dominant, but {obstacle}"


def remedy(dominance: Dominance, obstacle: Obstacle) -> str:
    """Return what would decide, by what stood in the way.

    Parameters
    ----------
    dominance
        What the model relies on.
    obstacle
        Why there is no proxy.
    """
    if dominance.group is not None:
        if obstacle == "the penalty leaves no feature":
            return "a weaker penalty (proxy.penalty: l2), under a protocol of its own"
        return "samples in which the group's features can be measured"
    fidelity, context = dominance.fidelity, dominance.context_and_joint.value
    if fidelity is not None and not fidelity.judged_low >= FIDELITY:
        return "the model itself in place of its scores, or more subjects for its surrogate to learn from"
    if context is not None and context > CONTEXT_LIMIT:
        return "a model that depends less on context, or finer groups, so that shares can be read"
    outcome = dominance.outcome
    if outcome == "redundant" and _length_and_calls(dominance.groups):
        return f"{REMEDIES[outcome]} ({LENGTH_OR_CALLS})"
    asked = {entry.intervention for entry in dominance.interventions if entry.shares is not None}
    if outcome == "can't tell" and len(asked) > 1:
        return DISAGREE
    return REMEDIES[outcome]


def _length_and_calls(groups: Mapping[str, GroupAttribution]) -> bool:
    """Return whether the two groups with the largest shares are fragment length and one of calls."""
    shares = {name: record.share.value or 0.0 for name, record in groups.items()}
    first, second = sorted(shares, key=lambda name: -shares[name])[:2]
    return LENGTH in (first, second) and (first in CALLS or second in CALLS)
