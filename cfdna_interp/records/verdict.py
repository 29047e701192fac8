"""``verdict.json``: the ladder of claims, what it comes to, and what stands against it."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

from cfdna_interp.artifacts.sheet import Role
from cfdna_interp.config.settings import Corrected
from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.leaks import Break, WithoutLeaks
from cfdna_interp.records.openings import Opening
from cfdna_interp.records.values import Auroc, Counts, Interval

RungName = Literal["L0", "L1", "L2", "L3", "L4", "L5"]


class Status(StrEnum):
    """What became of a rung."""

    EARNED = "earned"
    REFUSED = "refused"
    CANT_TELL = "can't tell"


class Word(StrEnum):
    """What became of a rung, in the rung's own word."""

    EARNED = "earned"
    CANT_TELL = "can't tell"
    LEAK = "can't tell: leak"
    CORRECTED = "corrected with labels"
    NO_SIGNAL = "no signal"
    WITH_SUPPRESSOR = "with a suppressor"
    NO_LEADER = "no group leads"
    SUPPRESSOR = "suppressor"
    REDUNDANT = "redundant"
    INTERACTION = "interaction"
    REPLACEABLE = "replaceable"
    NOT_SUFFICIENT = "not sufficient"
    ATTENUATED = "attenuated"
    HANDLING = "handling"
    CONFOUNDED = "confounded"
    NOT_RECORDED = "can't tell: not recorded"


class CautionKind(StrEnum):
    """What a caution is about."""

    GROUP_REVERSED = "group reversed"
    GROUP_WEAKER = "group weaker"
    SCORE_REVERSED = "score reversed"
    SCORE_WEAKER = "score weaker"
    BASELINE_BETTER = "baseline better"
    CALIBRATION_OFF = "calibration off"
    CORRECTION = "correction with labels"
    CORRECTION_NOTED = "earlier correction"
    LISTED_APART = "classes listed apart"
    SAME_TWICE = "one sample as two people"
    COLUMN_LEFT_OUT = "column in no baseline"
    FEW_SUBJECTS = "few subjects"


class SignalEvidence(Record, frozen=True, kw_only=True, tag="signal"):
    """What rung L0 rests on, beside leaks.

    Attributes
    ----------
    auroc
        The model's held-out AUROC.
    p
        That permuted labels reach it.
    """

    auroc: Auroc
    p: float


class RelianceEvidence(Record, frozen=True, kw_only=True, tag="reliance"):
    """What rung L1 rests on.

    Attributes
    ----------
    share
        The group's share of the attribution, in discovery.
    """

    share: Interval


class NecessityEvidence(Record, frozen=True, kw_only=True, tag="necessity"):
    """What rung L2 rests on.

    Attributes
    ----------
    difference
        Held-out AUROC of the model less that of the model retrained without the group, paired.
    """

    difference: Interval


class SurrogateEvidence(Record, frozen=True, kw_only=True, tag="surrogate"):
    """What rung L2 rests on for a model that is known by its scores.

    Attributes
    ----------
    follows
        Correlation of the surrogate with the model's score on the held-out subjects.
    r2_lost
        What the surrogate loses of R² with that score when it is retrained without the group.
    """

    follows: Interval
    r2_lost: Interval


class SufficiencyEvidence(Record, frozen=True, kw_only=True, tag="sufficiency"):
    """What rung L3 rests on.

    Attributes
    ----------
    difference
        Held-out AUROC of the model less that of the proxy, paired: the lower end is two-sided, the upper end
        is the one-sided 95 % bound.
    """

    difference: Interval


class HeldEvidence(Record, frozen=True, kw_only=True, tag="held"):
    """What rungs L4 and L5 rest on.

    Attributes
    ----------
    crude
        The judged score's AUROC over all held-out subjects.
    held, fall
        The AUROC with something held, and its fall from the crude one of the same subjects; null where no
        case can be compared with a control.
    """

    crude: float
    held: Interval | None
    fall: Interval | None


Evidence = (
    SignalEvidence
    | RelianceEvidence
    | NecessityEvidence
    | SurrogateEvidence
    | SufficiencyEvidence
    | HeldEvidence
)


class SignalFinding(StrEnum):
    """What became of the model's held-out AUROC at rung L0."""

    SHOWN = "shown"
    BELOW_CEILING = "below ceiling"
    OPEN = "open"
    NO_INTERVAL = "no interval"
    LEAK = "leak"


class Bound(StrEnum):
    """Where the interval of a difference lies about the margins of its rung."""

    LOW_ABOVE = "lower bound above"
    HIGH_BELOW = "upper bound below"
    BETWEEN = "between"


class Signal(Record, frozen=True, kw_only=True, tag="signal"):
    """The held-out AUROC of rung L0, whose figures are the rung's evidence.

    Attributes
    ----------
    finding
        What became of it.
    n
        Held-out subjects.
    ceiling
        Below this AUROC there is no signal to speak of.
    """

    finding: SignalFinding
    n: Counts
    ceiling: float


class Leaking(Record, frozen=True, kw_only=True, tag="leak"):
    """Something leaks, which breaks rung L0.

    Attributes
    ----------
    breaks
        What leaks.
    without
        What is left without the subjects that leak; null where none can be left out.
    """

    breaks: tuple[Break, ...]
    without: WithoutLeaks | None


class LeakBelow(Record, frozen=True, kw_only=True, tag="leak at L0"):
    """The rung would be earned; what leaks at L0 may be behind it."""


class FewSubjects(Record, frozen=True, kw_only=True, tag="few subjects"):
    """A role has too few subjects of a class for any rung.

    Attributes
    ----------
    role
        The role.
    n
        Its subjects.
    needed
        The fewest of a class.
    """

    role: Role
    n: Counts
    needed: int


class LabelsInValues(Record, frozen=True, kw_only=True, tag="corrected with labels"):
    """The values were corrected for batches by someone who knew the labels.

    Attributes
    ----------
    corrected
        The correction, as the protocol names it.
    """

    corrected: Corrected


class Attributed(Record, frozen=True, kw_only=True, tag="attribution"):
    """What ``dominance.json`` says is what the rung says."""


class NoSignal(Record, frozen=True, kw_only=True, tag="no signal"):
    """No group leads, but there is no signal to divide.

    Attributes
    ----------
    word
        The word of rung L0.
    """

    word: Word


class NoEffects(Record, frozen=True, kw_only=True, tag="no effects"):
    """More subjects would tell, but of a score no effects are known to plan by."""


class DecidingSize(Record, frozen=True, kw_only=True):
    """The smallest discovery cohort that names a group, or excludes that one leads, with a power of 80 %.

    Attributes
    ----------
    n
        Its subjects.
    named
        Whether the first group is named; else it is excluded that a group leads.
    """

    n: Counts
    named: bool


class Plan(Record, frozen=True, kw_only=True, tag="plan"):
    """How many discovery subjects would decide, at the effects seen here.

    Attributes
    ----------
    effects
        Feature group -> separation of the classes by the model on this group alone, in standard deviations;
        the largest first.
    size
        The size that decides; null where none up to ``most`` of a class does.
    most
        The largest size that was tried.
    n
        Discovery subjects that there are.
    """

    effects: tuple[tuple[str, float], ...]
    size: DecidingSize | None
    most: int
    n: Counts


class NoGroup(Record, frozen=True, kw_only=True, tag="no group"):
    """No group is dominant, so that there is nothing to compare with."""


class NoScore(Record, frozen=True, kw_only=True, tag="no score"):
    """The score to compare with was not made on the held-out subjects.

    Attributes
    ----------
    score
        That score.
    """

    score: str


class Compared(Record, frozen=True, kw_only=True, tag="compared"):
    """The model's held-out AUROC less that of another score; the figures are the rung's evidence.

    Attributes
    ----------
    score
        The other score.
    n
        Held-out subjects.
    bound
        Where the interval lies.
    margin
        The margin that decided, or that would have earned the rung.
    """

    score: str
    n: Counts
    bound: Bound
    margin: float


class Followed(Record, frozen=True, kw_only=True, tag="followed"):
    """What the surrogate of a model's score needs to follow it; the figures are the rung's evidence.

    Attributes
    ----------
    group
        The group without which it was retrained.
    n
        Held-out subjects.
    measure
        The correlation that says how well the surrogate follows.
    bound
        Where the interval of the loss lies. Null where the surrogate follows too poorly to ask.
    margin
        The margin that decided, or that would have earned the rung. Without a bound the correlation that the
        surrogate has to reach.
    """

    group: str
    n: int
    measure: Literal["correlation", "rank correlation"]
    bound: Bound | None
    margin: float


class Audited(Record, frozen=True, kw_only=True, tag="audit"):
    """What ``audit.json`` says of the rung's question is what the rung says."""


Reason = (
    Signal
    | Leaking
    | LeakBelow
    | FewSubjects
    | LabelsInValues
    | Attributed
    | NoSignal
    | NoEffects
    | Plan
    | NoGroup
    | NoScore
    | Compared
    | Followed
    | Audited
)


class Rung(Record, frozen=True, kw_only=True):
    """One claim and what became of it.

    Attributes
    ----------
    rung
        Its name.
    claim
        The claim, a clause.
    status
        Whether it is earned.
    word
        The status in the rung's own word.
    reasons
        Why it is earned, refused or open, with the figures behind that.
    evidence
        The figures of the claim itself, null where there are none.
    """

    rung: RungName
    claim: str
    status: Status
    word: Word
    reasons: tuple[Reason, ...]
    evidence: Evidence | None = None


class GroupChange(Record, frozen=True, kw_only=True, tag="group"):
    """A feature group that carried something in discovery and not, or less, in the held-out subjects.

    Attributes
    ----------
    group
        The group.
    discovery, heldout
        AUROC of the model on this group alone.
    fall
        The first less the second.
    cost
        What retraining without the group costs of held-out AUROC.
    """

    group: str
    discovery: Interval
    heldout: Interval
    fall: Interval
    cost: Interval


class ScoreChange(Record, frozen=True, kw_only=True, tag="score"):
    """A score that tells less of new people than of the discovery subjects.

    Attributes
    ----------
    score
        The score.
    discovery, heldout
        Its AUROC.
    fall
        The first less the second.
    """

    score: str
    discovery: Interval
    heldout: Interval
    fall: Interval


class BaselineLead(Record, frozen=True, kw_only=True, tag="baseline"):
    """A baseline that does better than the model or the proxy.

    Attributes
    ----------
    baseline, score
        What is better than what.
    lead
        Held-out AUROC of the baseline less that of the score.
    p_holm
        That there is no difference, after Holm.
    """

    baseline: str
    score: str
    lead: Interval
    p_holm: float | None


class CalibrationError(Record, frozen=True, kw_only=True, tag="calibration"):
    """A score whose predicted chances are wrong on the held-out subjects.

    Attributes
    ----------
    score
        The score.
    slope, in_the_large
        Calibration slope (1 is perfect), and calibration-in-the-large in log odds (0 is perfect).
    """

    score: str
    slope: Interval
    in_the_large: Interval


class SmallCohort(Record, frozen=True, kw_only=True, tag="size"):
    """A cohort in which little can show.

    Attributes
    ----------
    n, discovery
        Held-out and discovery subjects.
    detectable
        The smallest held-out AUROC that is told from .5 with a power of 80 %, null where none is.
    """

    n: Counts
    discovery: Counts
    detectable: float | None


Finding = GroupChange | ScoreChange | BaselineLead | CalibrationError | SmallCohort


class Caution(Record, frozen=True, kw_only=True):
    """Something that a reader has to know before believing the verdict.

    Attributes
    ----------
    kind
        What it is about.
    sentence
        It in words, with the numbers and whom they are of.
    finding
        The numbers. Null for what was found of leaks, of an earlier correction and of columns in no baseline:
        that is in ``audit.json`` and ``protocol.json``.
    """

    kind: CautionKind
    sentence: str
    finding: Finding | None = None


class Verdict(ResultFile, frozen=True, kw_only=True):
    """The ladder of claims and what stands against it.

    Attributes
    ----------
    headline
        The highest rung that is earned with no broken rung below, null where L0 isn't.
    sentences
        The verdict in two sentences.
    simulated
        Whether a program made the data.
    group
        The dominant feature group, null where none is.
    rungs
        From L0 to L5.
    cautions
        What stands against the verdict, the gravest first.
    opening
        Which opening of the held-out labels this is.
    hypotheses_digest
        SHA-256 of the ``hypotheses.tsv`` that was written with it. ``report`` stops where that is another
        table: one that lost lines looks whole.
    """

    FILE: ClassVar[str] = "verdict.json"
    STAGE: ClassVar[str] = "verdict"
    FORMAT: ClassVar[int] = 2

    headline: RungName | None
    sentences: tuple[str, str]
    simulated: bool
    group: str | None
    rungs: tuple[Rung, ...]
    cautions: tuple[Caution, ...]
    opening: Opening
    hypotheses_digest: str
