"""What has to stand over a whole page: that data are simulated, or the held-out labels no longer new."""

from __future__ import annotations

from cfdna_interp.records.openings import LABELS, SPACING, Opening

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


def lock_sentence(opening: Opening) -> str:
    """Say that held-out labels had been read before; "" where this was the first opening."""
    if not opening.exploratory:
        return ""
    before = opening.total - 1
    times = "once" if before == 1 else f"{before} times"
    how = "when others were given" if opening.changed == (LABELS,) else "under another protocol"
    return (
        f"The held-out labels had been read {times} before, {how}. Held-out numbers on this "
        "page are right, but they are no independent confirmation."
    )


def lock_changes(opening: Opening) -> str:
    """Say what differs between the first protocol and this one; "" where this was the first opening."""
    if not opening.exploratory:
        return ""
    if opening.changed is None:
        return "What changed since can't be told: no copy of the first protocol is left."
    return f"Changed in the protocol since: {', '.join(opening.changed) or SPACING}."


def page_marks(opening: Opening, simulated: bool) -> list[str]:
    """Return the words that stand at the top, at the end and along every printed page."""
    return [SIMULATED] * simulated + [EXPLORATORY] * opening.exploratory
