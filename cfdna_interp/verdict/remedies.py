"""What would decide where no feature group is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cfdna_interp.attribution.judge import CONTEXT_LIMIT, FIDELITY

# Where no group is named although shares can be read.
REMEDIES = {
    "redundant": (
        "a cohort, or an experiment, that moves one of the leading groups and holds the other "
        "(size-selected libraries of the same plasma; spiked-in DNA of known methylation)"
    ),
    "suppressor": (
        "more subjects, so that the group whose noise is taken off can be told from the others; the group "
        "that takes it off is measured beside it and is no finding by itself"
    ),
    "interaction": (
        "an experiment that moves the two groups one at a time and together, with both measured in each "
        "sample: neither tells the classes apart alone"
    ),
    "none": "more subjects or a stronger signal, so that the groups' shares can be told from the null",
    "can't tell": (
        "interventions that agree on the leading group, or a cohort in which more than one group is "
        "measured; the reason beside it says which"
    ),
}


def remedy(dominance: Mapping[str, Any]) -> str:
    """Return what would decide, by what stood in the way.

    Parameters
    ----------
    dominance
        ``dominance.json``.
    """
    if dominance["group"] is not None:
        return "samples in which the group's features can be measured"
    fidelity, context = dominance["fidelity"], dominance["context_and_joint"]["value"]
    if fidelity is not None and not fidelity["low"] >= FIDELITY:
        return "the model itself in place of its scores, or more subjects for its surrogate to learn from"
    if context is not None and context > CONTEXT_LIMIT:
        return "a model that depends less on context, or finer groups, so that shares can be read"
    return REMEDIES[dominance["outcome"]]
