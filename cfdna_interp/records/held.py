"""What ``audit.json`` says of rungs L4 and L5: what was held, what was measured, what became of the claim."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from cfdna_interp.records.base import Record
from cfdna_interp.records.values import Auroc, Interval


class ClaimStatus(StrEnum):
    """What became of the claim of rung L4 or L5."""

    NOT_HANDLING = "not handling"
    NOT_PERSON = "not age or sex"
    ATTENUATED = "attenuated"
    HANDLING = "handling"
    CONFOUNDED = "confounded"
    CANT_TELL = "can't tell"
    NOT_RECORDED = "can't tell: not recorded"


class ClaimObstacle(StrEnum):
    """What keeps a claim from being earned although the figures may say so."""

    NESTED = "nested"
    ONE_PLACE = "one place"
    COLUMNS = "columns"
    OVERLAP = "overlap"
    COARSE = "coarse"
    SITES_DIFFER = "sites differ"
    FEW = "few"
    NOT_RECORDED = "not recorded"


Question = Literal["handling", "person"]
PersonColumn = Literal["age", "sex"]


class ColumnObstacle(StrEnum):
    """Why a recorded column isn't held."""

    MISSING = "missing"
    RARE_LEVELS = "rare levels"
    NOBODY = "nobody"
    STRATA = "strata"
    COLUMNS = "columns"
    LABEL = "label"
    TOO_MANY = "too many"


class HeldColumn(Record, frozen=True, kw_only=True):
    """A recorded column beside the label.

    Attributes
    ----------
    name
        As the sheet or table calls it.
    p
        p value of an F test, within strata, that the column tells the label. Null where it can't be tested.
    p_holm
        The same after Holm over the columns of the rung.
    terms
        Slopes that holding it takes; 0 where it isn't held.
    obstacle
        Why it isn't held, null where it is. ``missing``: known for fewer than four fifths of a class.
        ``rare levels``: most subjects have a level that hardly anybody shares. ``nobody``: no stratum holds
        both classes, so that nothing is said of the column. ``strata``, ``columns``: strata, or columns
        before it, hold it already. ``label``: with them the label tells it completely. ``too many``: the
        subjects carry no further slope.
    """

    name: str
    p: float | None
    p_holm: float | None
    terms: int
    obstacle: ColumnObstacle | None


class FallInterval(Interval, frozen=True, kw_only=True):
    """Crude less held AUROC of the same subjects, a paired difference with its two-sided 95 % interval.

    Attributes
    ----------
    value, low, high
        The difference with its interval; null where there is none.
    high_one_sided
        One-sided upper 95 % bound.
    """

    high_one_sided: float | None


class HeldMeasure(Record, frozen=True, kw_only=True):
    """The held-out AUROC with something held, of the subjects who can be compared.

    Attributes
    ----------
    auroc
        The held AUROC.
    crude
        AUROC of all pairs of the same subjects.
    fall
        The crude AUROC less the held one.
    case, control
        Subjects that stand in at least one pair.
    strata
        Strata that hold both classes.
    worth
        Σ 2 n1 n0 / (n1 + n0) over strata: as many cases and as many controls of one stratum would tell as
        much.
    """

    auroc: Auroc
    crude: float
    fall: FallInterval
    case: int
    control: int
    strata: int
    worth: float


class CovariatesAlone(Record, frozen=True, kw_only=True):
    """What covariates reach on the held-out subjects without the score.

    Attributes
    ----------
    auroc
        Their AUROC.
    difference
        The score's AUROC less theirs, paired.
    """

    auroc: Interval
    difference: Interval


class HeldClaim(Record, frozen=True, kw_only=True):
    """What became of the claim of rung L4 or L5, on the held-out subjects.

    Attributes
    ----------
    question
        What was held: ``handling`` (rung L4), or the ``person`` (rung L5).
    score
        The score that was judged, ``proxy`` or ``model``.
    status
        What became of the claim.
    obstacles
        What keeps the claim from being earned although the figures may say so.
    subjects_needed
        How many cases, and as many controls, who can be compared would decide with a power of 80 %, if the
        figures are the truth. Null where it is decided, or no number is known.
    crude
        AUROC of all held-out subjects.
    measure
        The AUROC with batches, sites and columns held. Null where no case can be compared with a control.
    place
        The place within which subjects were compared, null where there is none.
    sites_differ
        p value, after Holm, that the AUROC differs between sites. Null where it was not tested, and of the
        person.
    columns
        All recorded columns that vary, in the order of their priority.
    mediators
        Columns that the user declared to lie between disease and signal; they aren't held.
    not_recorded
        Which of age and sex the cohort does not record; empty for handling.
    alone
        What covariates reach without the score. Null where that is not known, and for handling.
    """

    question: Question
    score: str
    status: ClaimStatus
    obstacles: tuple[ClaimObstacle, ...]
    subjects_needed: int | None
    crude: float
    measure: HeldMeasure | None
    place: Literal["batch", "site"] | None
    sites_differ: float | None
    columns: tuple[HeldColumn, ...]
    mediators: tuple[str, ...]
    not_recorded: tuple[PersonColumn, ...]
    alone: CovariatesAlone | None

    @property
    def held(self) -> tuple[str, ...]:
        """Names of the columns that are held."""
        return tuple(column.name for column in self.columns if column.obstacle is None)
