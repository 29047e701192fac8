"""``probes.json``: what linear probes read off the embeddings, and what the heads lose without it."""

from __future__ import annotations

from typing import ClassVar, Literal

from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.values import Interval

Kind = Literal["number", "classes"]
Metric = Literal["R2", "AUROC"]
Status = Literal["used", "decodable, not used", "not decodable", "can't tell"]


class Erasure(Record, frozen=True, kw_only=True):
    """What the frozen heads lose when a concept is erased from everything they read.

    Attributes
    ----------
    rank
        Number of directions that are erased; for a concept of samples, the most over folds.
    cost
        Cross-fitted AUROC lost, with its interval over subjects.
    partial_cost
        AUROC lost when only that part of the concept goes which the other concepts don't explain linearly.
        Null where nothing is left to erase, and for concepts of samples.
    null_high
        The largest AUROC lost among draws of as many random directions.
    """

    rank: int
    cost: Interval
    partial_cost: Interval | None
    null_high: float


class ConceptProbe(Record, frozen=True, kw_only=True):
    """One concept: how well it is read, and whether the heads use it.

    Attributes
    ----------
    concept
        Its name.
    of
        Whether each fragment or each sample has a value.
    kind
        Whether the values are numbers or classes.
    metric
        The score of the probe: R² of numbers, macro AUROC of classes.
    n
        Number of fragments or samples whose value is known.
    score
        What the probe reaches on subjects that it was not fitted on, with its interval over subjects.
    control
        Score of the same probe on the control task, where values are dealt out at random. Null where nothing
        can be scored.
    selectivity
        ``score`` minus ``control``; null without ``control``.
    untrained
        Score on the embeddings of an encoder with weights drawn anew; null where there is no such encoder.
    raw
        Score on the other inputs of a fragment as they are; null where nothing can be scored.
    after_erasure
        Score after the concept is erased; null where nothing can be scored.
    erasure
        What the heads lose without the concept.
    status
        What is said of the concept.
    reason
        Why, in words.
    """

    concept: str
    of: Literal["fragment", "sample"]
    kind: Kind
    metric: Metric
    n: int
    score: Interval
    control: float | None
    selectivity: float | None
    untrained: float | None
    raw: float | None
    after_erasure: float | None
    erasure: Erasure
    status: Status
    reason: str


class Probes(ResultFile, frozen=True, kw_only=True):
    """What can be read off the embeddings of the discovery cohort, beside what the heads use of it.

    Attributes
    ----------
    subjects, samples
        Number of discovery subjects and samples.
    fragments
        Number of fragments that probes are fitted and scored on.
    auroc
        Cross-fitted AUROC of the heads with nothing erased, with its interval over subjects.
    concepts
        The concepts, those of fragments first.
    left_out
        Concept, or ``untrained encoder`` -> why it was left out.
    """

    FILE: ClassVar[str] = "probes.json"
    STAGE: ClassVar[str] = "probe"

    subjects: int
    samples: int
    fragments: int
    auroc: Interval
    concepts: tuple[ConceptProbe, ...]
    left_out: dict[str, str]
