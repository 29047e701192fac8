"""Whether a held-out signal survives inside batches: the rule of rung L4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOT_HANDLING = "not handling"
ATTENUATED = "attenuated"
HANDLING = "handling"
CANT_TELL = "can't tell"


@dataclass(frozen=True)
class Handling:
    """The outcome of the rule, with one sentence that holds its numbers."""

    status: str
    reason: str


def judge(within: Mapping[str, Any]) -> Handling:
    """Apply the rule to one score.

    Signal above chance inside batches whose interval reaches the crude AUROC: not handling. Above chance
    but below the crude AUROC: attenuated. Below the crude AUROC and not above chance: handling. Otherwise
    the interval is too wide to tell. Without a batch that holds both classes nothing can be told.

    Parameters
    ----------
    within
        ``validation.json``'s entry of the score: ``value``, ``low``, ``high``, ``crude``; or ``value``
        None and ``reason``.
    """
    if within["value"] is None:
        return Handling(CANT_TELL, str(within["reason"]))
    low, high, crude = within["low"], within["high"], within["crude"]
    numbers = f"within-batch AUROC {within['value']:.2f} [{low:.2f} to {high:.2f}], crude {crude:.2f}"
    if low > 0.5 and high >= crude:
        return Handling(NOT_HANDLING, f"{numbers}: the signal is there among subjects of the same batch")
    if low > 0.5:
        return Handling(ATTENUATED, f"{numbers}: part of the signal is a difference between batches")
    if high < crude:
        return Handling(
            HANDLING, f"{numbers}: the signal is a difference between batches, none is shown within them"
        )
    return Handling(CANT_TELL, f"{numbers}: the interval holds chance and the crude AUROC")
