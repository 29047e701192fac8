"""Whether a held-out signal survives inside batches: the rule of rung L4, and what would decide it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import norm

from cfdna_interp.audit.between import Between
from cfdna_interp.audit.overlap import Overlap
from cfdna_interp.proxy.measure import NESTED
from cfdna_interp.stats.roc import LEVEL

NOT_HANDLING = "not handling"
ATTENUATED = "attenuated"
HANDLING = "handling"
CANT_TELL = "can't tell"
POWER = 0.8
ANOTHER = "a second batch or site that holds both classes, or a technical column that varies"
# Differences from chance below this would take over a thousand subjects of each class to be told.
SMALLEST = 0.03
# `handling` denies the person's part: it needs batches to exclude more than this share of the crude signal.
EXCLUDED = 0.5


@dataclass(frozen=True)
class Handling:
    """The outcome of the rule.

    Attributes
    ----------
    status
        One of the four words.
    reason
        A sentence with the numbers.
    decided_by
        ``measure`` (``within_batch``, ``between_batches`` or ``overlap_weighted``), its ``value``, ``low``
        and ``high``, and ``crude``, the AUROC over all subjects. Where nothing decided, those of the
        within-batch AUROC, None where there is none.
    would_decide
        For ``can't tell``: which data would decide. "" otherwise.
    """

    status: str
    reason: str
    decided_by: dict[str, Any] = field(default_factory=dict)
    would_decide: str = ""


def judge(
    within: Mapping[str, Any], between: Between | None = None, overlap: Overlap | None = None
) -> Handling:
    """Apply the rule to one score.

    Signal above chance inside batches whose interval reaches the crude AUROC: not handling, unless the paired
    difference of crude and within-batch AUROC, whose interval is narrower, shows a fall: then attenuated.
    Above chance but below the crude AUROC: attenuated. Without a crude signal nothing further is told. Below
    the crude AUROC and not above chance: handling where the interval also excludes half of the crude signal,
    attenuated where it doesn't. Otherwise the interval is too wide to tell, unless further evidence shows
    that the signal falls when handling is held: then attenuated, never more. That evidence is the paired
    difference and, beside it, the overlap-weighted AUROC. Where no batch holds both classes at all nothing is
    ever told: weights on handling can't be known there either. Of subjects of one batch alone the
    overlap-weighted AUROC decides: nothing else was compared.

    Parameters
    ----------
    within
        ``validation.json``'s entry of the score: ``value``, ``low``, ``high``, ``crude``, and ``only``, true
        where no second batch holds subjects enough to compare; or ``value`` None, ``reason`` and ``crude``.
        Bounds are None for a score that is constant in each batch.
    between
        The score's crude minus within-batch AUROC.
    overlap
        The score's overlap-weighted AUROC.
    """
    crude = within.get("crude")
    if within["value"] is None:
        numbers = str(within["reason"])
        if numbers == NESTED:
            return Handling(CANT_TELL, numbers, _number("within_batch", None, crude), _needed(within))
    elif within["low"] is None:
        numbers = "the score is the same for all subjects of a batch, and has no interval within batches"
    else:
        low, high, crude = within["low"], within["high"], within["crude"]
        decided = _number("within_batch", within, crude)
        numbers = f"within-batch AUROC {within['value']:.2f} [{low:.2f} to {high:.2f}], crude {crude:.2f}"
        if mixed := within.get("batches"):
            case, control = (sum(batch[key] for batch in mixed) for key in ("case", "control"))
            batches = "batch" if len(mixed) == 1 else "batches"
            numbers += f" ({case} cases and {control} controls in {len(mixed)} mixed {batches})"
        if within.get("only"):
            return _of_one_batch(numbers, crude, decided, overlap)
        if low > 0.5 and high >= crude:
            if between is not None and between.low > 0:
                reason = f"{numbers}; {_fall(between)}: part of the signal is a difference between batches"
                return Handling(ATTENUATED, reason, _number("between_batches", vars(between), crude))
            reason = f"{numbers}: the signal is there among subjects of the same batch"
            return Handling(NOT_HANDLING, reason, decided)
        if crude <= 0.5:
            return Handling(CANT_TELL, f"{numbers}: there is no signal to explain", decided, _needed(within))
        if low > 0.5:
            reason = f"{numbers}: part of the signal is a difference between batches"
            return Handling(ATTENUATED, reason, decided)
        if high < min(crude, 0.5 + (1 - EXCLUDED) * (crude - 0.5)):
            reason = f"{numbers}: the signal is a difference between batches, none is shown within them"
            return Handling(HANDLING, reason, decided)
        if high < crude:
            reason = (
                f"{numbers}: part of the signal is a difference between batches; within them none is shown, "
                "and half of it is not excluded"
            )
            return Handling(ATTENUATED, reason, decided)
        numbers += ": the interval holds chance and the crude AUROC"
    # Only a signal can be attenuated: a crude AUROC at chance has nothing to lose.
    signal = 0.5 if crude is None else crude
    if signal > 0.5 and between is not None and between.low > 0:
        reason = (
            f"{numbers}; {_fall(between)}: part of the signal is a difference between batches, whether any "
            "is left cannot be told"
        )
        return Handling(ATTENUATED, reason, _number("between_batches", vars(between), crude))
    if overlap is not None and not overlap.reason and 0.5 < signal > overlap.high:
        return _falls_when_weighted(f"{numbers}; {_weighted(overlap)}", signal, overlap)
    return Handling(CANT_TELL, numbers, _number("within_batch", within, crude), _needed(within))


def _of_one_batch(numbers: str, crude: float, decided: dict[str, Any], overlap: Overlap | None) -> Handling:
    """Judge by the overlap-weighted AUROC alone: within the only batch lies the crude AUROC itself."""
    numbers += ": no second batch holds subjects enough, so none were compared between batches"
    if overlap is None or overlap.reason:
        return Handling(
            CANT_TELL, f"{numbers}, and no technical column could be held either", decided, ANOTHER
        )
    numbers += f"; {_weighted(overlap)}"
    if overlap.low > 0.5 and overlap.high >= crude:
        reason = f"{numbers}: the signal is there with technical columns held"
        return Handling(NOT_HANDLING, reason, _number("overlap_weighted", vars(overlap), crude))
    if 0.5 < crude > overlap.high:
        return _falls_when_weighted(numbers, crude, overlap)
    return Handling(CANT_TELL, f"{numbers}: no signal is shown with them held", decided, ANOTHER)


def _falls_when_weighted(numbers: str, crude: float, overlap: Overlap) -> Handling:
    reason = (
        f"{numbers}, crude {crude:.2f}: part of the signal goes along with handling, or with what handling "
        "and disease share"
    )
    return Handling(ATTENUATED, reason, _number("overlap_weighted", vars(overlap), crude))


def _fall(between: Between) -> str:
    return (
        f"from all subjects to within batches the AUROC falls by {between.value:.2f} "
        f"[{between.low:.2f} to {between.high:.2f}]"
    )


def _weighted(overlap: Overlap) -> str:
    return (
        f"weighted for overlap in technical columns and site the AUROC is {overlap.value:.2f} "
        f"[{overlap.low:.2f} to {overlap.high:.2f}]"
    )


def per_class(crude: float) -> int:
    """Return how many cases and controls in one batch would part chance from a crude AUROC.

    That many of each class that a two-sided 95 % interval around chance excludes the crude AUROC with
    power 80 %, from the variance (n1 + n0 + 1) / (12 n1 n0) of the AUROC without signal (Mann and
    Whitney 1947).
    """
    gap = float(norm.isf((1 - LEVEL) / 2) + norm.ppf(POWER)) / abs(crude - 0.5)
    # (2 n + 1) / (12 n²) = 1 / gap², solved for n.
    return int(np.ceil((gap**2 + np.sqrt(gap**4 + 12 * gap**2)) / 12))


def _needed(within: Mapping[str, Any]) -> str:
    crude = within.get("crude")
    if crude is None or crude - 0.5 < SMALLEST:
        return (
            "a cohort in which the score tells the classes apart: there is no signal to explain in this one"
        )
    n = per_class(crude)
    text = f"{n} cases and {n} controls in one batch, or as many pairs spread over batches that hold both"
    batches = within.get("batches")
    if batches:
        # A batch of n1 + n0 tells as much as one with this many of each class.
        now = sum(2 * b["case"] * b["control"] / (b["case"] + b["control"]) for b in batches)
        text += f"; the mixed batches of this cohort are worth {now:.0f} of each"
    return f"{text} (to part AUROC {crude:.2f} from chance with power 80 %)"


def _number(measure: str, value: Mapping[str, Any] | None, crude: float | None) -> dict[str, Any]:
    numbers = {key: None if value is None else value.get(key) for key in ("value", "low", "high")}
    return {"measure": measure, **numbers, "crude": crude}
