"""Why a sample is left out, in words."""

from __future__ import annotations

from typing import assert_never

from cfdna_interp.fragments.loss_words import loss_words
from cfdna_interp.records.qc import FewFragments, MoleculesLost, NoCalls, SampleObstacle, SampleQuality, Unreadable


def obstacle_words(obstacle: SampleObstacle) -> str:
    """Say why a sample is left out, in a clause that doesn't name the sample."""
    match obstacle:
        case Unreadable():
            return obstacle.message
        case FewFragments():
            return _few_fragments(obstacle)
        case NoCalls():
            return (
                f"{obstacle.fragments} fragments have no CpG calls, though the first reads have the tags of "
                f"{obstacle.dialect}; set extract.methylation: none, or align again with methylation calls"
            )
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


def _few_fragments(obstacle: FewFragments) -> str:
    words = f"{obstacle.fragments} fragments are fewer than extract.{obstacle.setting} ({obstacle.needed})"
    loss = obstacle.largest_loss
    if loss is None:
        return words
    return f"{words}; the largest loss: {loss_words(loss)}"
