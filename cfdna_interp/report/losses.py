"""Where the reads of each sample went, beside the other samples of its role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import ROLES, Sample
from cfdna_interp.fragments.filters import REASONS
from cfdna_interp.fragments.loss_words import FILTERS, loss_words
from cfdna_interp.records.base import load_record
from cfdna_interp.records.qc import LossFilter, SampleQuality

# No loss of the reads that a fragment could come from.
_NO_LOSS = ("secondary_supplementary",)
# A sample that loses so many more of its reads to a filter than half of its role does was handled otherwise,
# whatever the filter. It is a tenth of all reads.
FAR = 0.1
SHOWN = 0.0005  # a filter takes this share of some sample's reads, or it has no row


@dataclass(frozen=True, eq=False)
class SampleLosses:
    """Losses of one sample.

    Attributes
    ----------
    sample, role
        Whose.
    excluded
        Whether the sample was left out.
    reads
        Its primary reads.
    lost
        Filter -> share of the primary reads that failed it.
    judged
        Filter -> what it is, its likely cause and the remedy, for losses larger than those of good libraries.
    """

    sample: str
    role: str
    excluded: bool
    reads: int
    lost: Mapping[LossFilter, float]
    judged: Mapping[LossFilter, str]


@dataclass(frozen=True)
class FilterRow:
    """What one filter takes.

    Attributes
    ----------
    filter
        Its name.
    words
        What its reads are.
    spread
        Role -> (median, highest) share over the role's analysed samples, and the sample with the highest.
    """

    filter: LossFilter
    words: str
    spread: Mapping[str, tuple[float, float, str]]


@dataclass(frozen=True)
class OutlyingLoss:
    """A loss of one sample that is larger than good libraries have, or than its role has.

    Attributes
    ----------
    sample, role, excluded
        Whose.
    filter
        The filter; ``calls`` for reads whose tags don't fit them.
    share
        Of the primary reads; None for ``calls``, which is known of the reads that were looked at.
    median
        Of the role's analysed samples; None with ``share``, and where no sample of the role was analysed.
    words
        What the loss is and what to do.
    """

    sample: str
    role: str
    excluded: bool
    filter: LossFilter
    share: float | None
    median: float | None
    words: str


def load_losses(
    samples: Mapping[str, Sequence[Sample]], excluded: Sequence[Mapping[str, str]], layout: Layout
) -> tuple[SampleLosses, ...]:
    """Read where the reads of each sample went; samples without a read that could be counted are left out.

    Parameters
    ----------
    samples
        Role -> its analysed samples.
    excluded
        Rows of ``exclusions.tsv``.
    layout
        Of the run.
    """
    found = []
    for role in ROLES:
        names = [(sample.sample, False) for sample in samples[role]]
        names += [(row["sample"], True) for row in excluded if row["role"] == role]
        for name, left_out in names:
            quality = load_record(SampleQuality, layout.qc(name))
            counts = quality.counts
            primary = counts.reads - counts.secondary_supplementary
            if primary == 0:
                continue
            lost = {reason: getattr(counts, reason) / primary for reason in REASONS if reason not in _NO_LOSS}
            judged = {loss.filter: loss_words(loss) for loss in quality.losses}
            found.append(SampleLosses(name, role, left_out, primary, lost, judged))
    return tuple(found)


def filter_rows(losses: Sequence[SampleLosses]) -> list[FilterRow]:
    """Return the filters that take reads of an analysed sample, in the order in which they are asked."""
    analysed = [one for one in losses if not one.excluded]
    rows = []
    for reason in (reason for reason in REASONS if reason not in _NO_LOSS):
        if not any(one.lost[reason] >= SHOWN for one in analysed):
            continue
        spread = {}
        for role in ROLES:
            members = [one for one in analysed if one.role == role]
            if members:
                most = max(members, key=lambda one: one.lost[reason])
                spread[role] = (_median(members, reason), most.lost[reason], most.sample)
        rows.append(FilterRow(reason, FILTERS[reason], spread))
    return rows


def outlying_losses(losses: Sequence[SampleLosses]) -> list[OutlyingLoss]:
    """Return the losses that stand out, the largest share first.

    A loss stands out if extraction judged it, or if it is at least a tenth of the sample's reads above the
    median of its role's analysed samples.
    """
    found = []
    for one in losses:
        peers = [other for other in losses if other.role == one.role and not other.excluded]
        for reason, share in one.lost.items():
            median = _median(peers, reason) if peers else None
            judged = one.judged.get(reason)
            if judged is None and (median is None or share - median < FAR):
                continue
            words = (
                judged or f"{FILTERS[reason]}; other samples of its role lose fewer: compare how it was made"
            )
            found.append(OutlyingLoss(one.sample, one.role, one.excluded, reason, share, median, words))
        if "calls" in one.judged:
            words = one.judged["calls"]
            found.append(OutlyingLoss(one.sample, one.role, one.excluded, "calls", None, None, words))
    return sorted(found, key=lambda loss: (-(loss.share or 0.0), loss.sample, loss.filter))


def losses_sentence(losses: Sequence[SampleLosses]) -> str:
    """Say how many samples stand out by what they lose."""
    if not losses:
        return ""
    outlying = {loss.sample for loss in outlying_losses(losses)}
    if not outlying:
        return (
            f"None of {len(losses)} samples loses more reads to a filter than good libraries do, or a tenth "
            "more than the median of its role."
        )
    verb = "loses" if len(outlying) == 1 else "lose"
    return (
        f"{len(outlying)} of {len(losses)} samples {verb} more reads to a filter than good libraries do, or "
        "a tenth more than the median of its role."
    )


def _median(members: Sequence[SampleLosses], reason: LossFilter) -> float:
    return float(np.median([one.lost[reason] for one in members]))
