"""Why a sample is left out, in words."""

from __future__ import annotations

from typing import assert_never

from cfdna_interp.fragments.loss_words import loss_words
from cfdna_interp.records.qc import (
    FewFragments,
    MoleculesLost,
    NoCalls,
    SampleObstacle,
    SampleQuality,
    Unreadable,
)


def obstacle_words(obstacle: SampleObstacle) -> str:
    """Say why a sample is left out, in a clause that doesn't name the sample."""
    match obstacle:
        case Unreadable():
            return obstacle.message
        case FewFragments():
            return _few_fragments(obstacle)
        case NoCalls():
            return _no_calls(obstacle)
        case MoleculesLost():
            return f"{loss_words(obstacle.loss)}; what is left are the longer molecules only"
    assert_never(obstacle)


def excluded_sample(quality: SampleQuality) -> str:
    """Say which sample is left out, which file it has and why; "" where the sample is analysed."""
    if quality.obstacle is None:
        return ""
    words = obstacle_words(quality.obstacle)
    if isinstance(quality.obstacle, Unreadable):  # the message names its file
        return f"sample {quality.sample}: {words}"
    return f"sample {quality.sample}: {quality.bam}: {words}"


def _no_calls(obstacle: NoCalls) -> str:
    words = f"{obstacle.fragments} fragments have no CpG calls by methylation: {obstacle.dialect}"
    if obstacle.letters_misfit or obstacle.strand_unknown:
        return (
            f"{words} ({obstacle.letters_misfit} reads have an XM tag of another length than the read, "
            f"{obstacle.strand_unknown} an XG tag that is neither CT nor GA); set methylation: "
            "reference, or align "
            "with Bismark"
        )
    if obstacle.left_out:
        return (
            f"{words}: {obstacle.left_out} calls lie at ends that extract.ignore_5p and ignore_3p leave "
            "out, beyond "
            "the fragment, or where mates disagree; lower these settings, or set methylation: none"
        )
    return f"{words}; set methylation: none, or align again with methylation calls"


def _few_fragments(obstacle: FewFragments) -> str:
    words = f"{obstacle.fragments} fragments are fewer than extract.{obstacle.setting} ({obstacle.needed})"
    loss = obstacle.largest_loss
    if loss is None:
        return words
    return f"{words}; the largest loss: {loss_words(loss)}"
