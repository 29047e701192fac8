"""Judge how many reads of a sample were lost, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cfdna_interp.fragments.read_signs import Sign
from cfdna_interp.records.qc import LossFilter, ReadLoss

# Share of a sample's primary reads that may fail a filter without a word. Each is about twice what good
# libraries lose: a tenth of reads without mates after trimming; a fifth under a mapping quality of 20 in
# converted DNA, where pairs fail if one mate does; one or two in a hundred chimeras. What no good file has,
# tags and CIGARs that don't fit their reads, is judged strictly.
LIMITS: dict[LossFilter, float] = {
    "mate_missing": 0.25,
    "mate_elsewhere": 0.2,
    "mate_distant": 0.2,
    "qc_fail": 0.4,
    "low_mapq": 0.4,
    "malformed": 0.05,
    "not_inward": 0.2,
    "not_proper": 0.4,
    "length_out_of_range": 0.4,
    "no_sequence": 0.05,
    "calls": 0.05,
}
LEAST_READS = 100  # of fewer, a few odd ones are a large share
SHOWN = 0.5  # a cause explains a loss if the reads that show it are at least this part of those lost
# These are no fault of a file, and depend on where in the genome one looks. Only a loss of the whole file
# says something then.
DEPENDS_ON_PLACE = ("several places", "mate unmapped", "mate absent")


def judge_losses(counts: Mapping[str, int], signs: Sequence[Sign]) -> tuple[ReadLoss, ...]:
    """Return the filters that too many primary reads of a sample failed, the largest loss first.

    Parameters
    ----------
    counts
        Field of :class:`cfdna_interp.records.qc.ReadCounts` -> its number, of the whole file.
    signs
        What a look at some of the reads shows.
    """
    primary = counts["reads"] - counts["secondary_supplementary"]
    losses = [
        explain_loss(name, counts[name], primary, signs)
        for name, limit in LIMITS.items()
        if name != "calls" and primary >= LEAST_READS and counts[name] > limit * primary
    ]
    losses.sort(key=lambda loss: -loss.reads)
    return (*losses, *_seen([sign for sign in signs if sign.filter == "calls"]))


def expected_losses(signs: Sequence[Sign]) -> tuple[ReadLoss, ...]:
    """Return the losses that a look at some reads announces, before the whole file is read."""
    return _seen([sign for sign in signs if sign.cause not in DEPENDS_ON_PLACE])


def explain_loss(name: LossFilter, reads: int, of: int, signs: Sequence[Sign]) -> ReadLoss:
    """Return a loss with its likely cause.

    Parameters
    ----------
    name
        The filter.
    reads, of
        Reads that failed it, and primary reads.
    signs
        As for :func:`judge_losses`.
    """
    best = max((sign for sign in signs if sign.filter == name), key=lambda sign: sign.reads, default=None)
    if best is None or best.reads * of < SHOWN * reads * best.of:
        return ReadLoss(filter=name, reads=reads, of=of, cause=None, shown=0, looked_at=0)
    return ReadLoss(filter=name, reads=reads, of=of, cause=best.cause, shown=best.reads, looked_at=best.of)


def _seen(signs: Sequence[Sign]) -> tuple[ReadLoss, ...]:
    """Return the losses among the reads that were looked at."""
    return tuple(
        ReadLoss(
            filter=sign.filter,
            reads=sign.reads,
            of=sign.of,
            cause=sign.cause,
            shown=sign.reads,
            looked_at=sign.of,
        )
        for sign in signs
        if sign.of >= LEAST_READS and sign.reads > LIMITS[sign.filter] * sign.of
    )
