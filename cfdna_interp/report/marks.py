"""What has to stand over a whole page: that data are simulated, or the held-out labels no longer new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cfdna_interp.artifacts.openings import LABELS, SPACING, opening_of

SIMULATED, EXPLORATORY = "SIMULATED DATA", "EXPLORATORY"
# Sections with numbers that the held-out labels decide.
OPENED = (
    "verdict",
    "ladder",
    "attribution",
    "heldout",
    "proxy",
    "audit",
    "leakage",
    "hypotheses",
    "excluded",
    "checklist",
)


def lock_sentence(validation: Mapping[str, Any]) -> str:
    """Say that held-out labels had been read before; "" where this was the first opening.

    Parameters
    ----------
    validation
        The content of ``validation.json``.
    """
    if not validation["exploratory"]:
        return ""
    opening = opening_of(validation)
    before = opening.total - 1
    times = "once" if before == 1 else f"{before} times"
    how = "when others were given" if opening.changed == (LABELS,) else "under another protocol"
    return (
        f"The held-out labels had been read {times} before, {how}. Held-out numbers on this "
        "page are right, but they are no independent confirmation."
    )


def lock_changes(validation: Mapping[str, Any]) -> str:
    """Say what differs between the first protocol and this one; "" where this was the first opening."""
    if not validation["exploratory"]:
        return ""
    changed = validation["opening"]["changed"]
    if changed is None:
        return "What changed since can't be told: no copy of the first protocol is left."
    return f"Changed in the protocol since: {', '.join(changed) or SPACING}."


def page_marks(validation: Mapping[str, Any], simulated: bool) -> list[str]:
    """Return the words that stand at the top, at the end and along every printed page."""
    return [SIMULATED] * simulated + [EXPLORATORY] * bool(validation["exploratory"])
