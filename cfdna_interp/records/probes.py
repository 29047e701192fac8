"""``probes.json``: what linear probes read off the embeddings, and what the heads lose without it."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.values import Interval

Kind = Literal["number", "classes"]
Metric = Literal["R2", "AUROC"]
Status = Literal["used", "decodable, not used", "not decodable", "can't tell"]


class ProbeFinding(StrEnum):
    """What decides the status of a concept, in the order in which it is asked."""

    # The upper bound of the score is below what counts as decodable.
    LOW_SCORE = "low score"
    # The heads tell labels no better than chance: there is nothing to lose.
    NO_SIGNAL = "no signal"
    # Erasing it costs more than random directions do, and there is no other concept to explain that,
    COSTLY = "costly"
    # or the other concepts explain all of it,
    EXPLAINED = "explained"
    # or what they don't explain of it costs AUROC by itself,
    COSTLY_BY_ITSELF = "costly by itself"
    # or that isn't shown.
    COSTLY_WITH_OTHERS = "costly with others"
    # The interval of the score lies on both sides of what counts as decodable.
    OPEN_SCORE = "open score"
    # The probe reads no more than in its control task.
    CONTROL_TASK = "control task"
    # It is read, and erasing it costs next to nothing,
    CHEAP = "cheap"
    # or erasing what the other concepts don't explain of it does.
    CHEAP_BY_ITSELF = "cheap by itself"
    # It is read, and what erasing it costs is open.
    OPEN_COST = "open cost"


class NotProbed(Record, frozen=True, kw_only=True):
    """Why nothing was asked of a concept, or of the untrained encoder.

    Attributes
    ----------
    why
        Too few of its classes are frequent enough; too few values are known; it is the same everywhere; its
        classes are those of another concept; no fold holds enough subjects of two classes; or, of the
        encoder, its architecture is not known here, so that its weights can't be drawn anew.
    needed, of
        How many of what a class, or the concept, needs; null where nothing is counted.
    twin
        The other concept; null without one.
    """

    why: Literal[
        "few classes", "seldom known", "constant", "same classes", "few subjects", "unknown architecture"
    ]
    needed: int | None = None
    of: Literal["fragments", "subjects"] | None = None
    twin: str | None = None


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
    finding
        What decided that.
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
    finding: ProbeFinding


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
    FORMAT: ClassVar[int] = 2

    subjects: int
    samples: int
    fragments: int
    auroc: Interval
    concepts: tuple[ConceptProbe, ...]
    left_out: dict[str, NotProbed]
