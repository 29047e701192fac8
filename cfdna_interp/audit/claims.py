"""Rungs L4 and L5 of one score: whether its signal is handling, and whether it is the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.matrix import covariates_among, technical_among
from cfdna_interp.audit.comparison_strata import Strata, comparison_strata
from cfdna_interp.audit.held_columns import HeldColumns, held_columns, plain_name
from cfdna_interp.audit.hold import WORTH, Answer, Held, hold, measure_record, subjects_needed
from cfdna_interp.audit.overlap import EXTREME, MOST_OUTSIDE, outside_overlap
from cfdna_interp.records.held import ClaimObstacle, ClaimStatus, ColumnObstacle, HeldClaim, HeldColumn
from cfdna_interp.records.values import Interval
from cfdna_interp.stats.power import POWER

# Largest share of comparisons that hold the site but not the batch.
COARSE = 0.5
DIFFER = 0.05


@dataclass(frozen=True)
class Claim:
    """The answer to a rung's question.

    Attributes
    ----------
    status
        Its word.
    obstacles
        Reasons why the claim isn't earned, whatever the figures are.
    reason
        One sentence with the figures, their n, and the names of what was held.
    would_decide
        For ``can't tell``: which data would decide. "" otherwise.
    held
        The figures.
    mediators
        Columns that the user declared to lie between disease and signal. They aren't held.
    """

    status: ClaimStatus
    obstacles: tuple[ClaimObstacle, ...]
    reason: str
    would_decide: str
    held: Held
    mediators: tuple[str, ...]

    def record(self, score: str) -> HeldClaim:
        """Return the claim as a record of ``audit.json``; ``score`` is the judged score."""
        return HeldClaim(
            score=score,
            status=self.status,
            obstacles=self.obstacles,
            reason=self.reason,
            would_decide=self.would_decide,
            crude=self.held.crude,
            measure=measure_record(self.held.measure),
            columns=self.held.columns,
            mediators=self.mediators,
        )


@dataclass(frozen=True)
class CovariatesAlone:
    """The AUROC of covariates without the score, and the score's AUROC minus it."""

    auroc: Interval
    difference: Interval


@dataclass(frozen=True)
class Question:
    """The wording of a rung's answers."""

    words: Mapping[Answer, ClaimStatus]
    what: str  # what is held, in the plural
    earned: str
    attenuated: str
    gone: str


ON_HANDLING = Question(
    {
        Answer.HOLDS: ClaimStatus.NOT_HANDLING,
        Answer.ATTENUATED: ClaimStatus.ATTENUATED,
        Answer.GONE: ClaimStatus.HANDLING,
        Answer.OPEN: ClaimStatus.CANT_TELL,
    },
    "batches and technical columns",
    "the signal is there among subjects who were handled alike",
    "part of the signal goes along with handling, or with what handling and disease share",
    "the signal goes along with handling, none is shown among subjects who were handled alike",
)
ON_PERSON = Question(
    {
        Answer.HOLDS: ClaimStatus.NOT_PERSON,
        Answer.ATTENUATED: ClaimStatus.ATTENUATED,
        Answer.GONE: ClaimStatus.CONFOUNDED,
        Answer.OPEN: ClaimStatus.CANT_TELL,
    },
    "age, sex and further covariates",
    "the signal is there among persons who are alike in them",
    "part of the signal goes along with them",
    "the signal goes along with them, none is shown among persons who are alike in them",
)


def judge_handling(
    labels: np.ndarray,
    scores: np.ndarray,
    subjects: pd.DataFrame,
    *,
    margin: float,
    rng: np.random.Generator,
    mediators: Sequence[str] = (),
    priority: Sequence[str] = (),
    sites_differ: float | None = None,
) -> Claim:
    """Judge whether a signal remains with batches, sites and technical columns held.

    Parameters
    ----------
    labels, scores
        (subjects,) label 1 or 0; finite score.
    subjects
        One row per held-out subject: ``site``, ``batch``, ``technical_<name>`` as far as they are known.
    margin
        A fall of the AUROC below this counts as none.
    rng
        Source of the folds in which overlap is measured.
    mediators, priority
        Plain names of columns: not held at all, and held first.
    sites_differ
        p value, after Holm, of a difference of the AUROC between sites; None if it wasn't tested.
    """
    strata = comparison_strata(labels, subjects)
    asked, left = _asked(subjects, technical_among(subjects), mediators)
    chosen = held_columns(labels, subjects, asked, strata.codes, priority)
    held = hold(labels, scores, strata.codes, chosen, margin)
    obstacles = _common_obstacles(labels, strata.codes, chosen, held, rng)
    if strata.places.nested:
        obstacles.append(ClaimObstacle.NESTED)
    elif strata.places.coarse > COARSE:
        obstacles.append(ClaimObstacle.COARSE)
    if not strata.several and not chosen.trusted:
        obstacles.append(ClaimObstacle.ONE_PLACE)
    if sites_differ is not None and sites_differ <= DIFFER:
        obstacles.append(ClaimObstacle.SITES_DIFFER)
    return _claim(ON_HANDLING, held, obstacles, _figures(held, _places(strata, held)), left, sites_differ)


def judge_person(
    labels: np.ndarray,
    scores: np.ndarray,
    subjects: pd.DataFrame,
    *,
    margin: float,
    rng: np.random.Generator,
    mediators: Sequence[str] = (),
    priority: Sequence[str] = (),
    alone: CovariatesAlone | None = None,
) -> Claim:
    """Judge whether a signal remains with age, sex and further covariates held.

    Parameters
    ----------
    labels, scores, margin, rng, mediators, priority
        As for :func:`judge_handling`.
    subjects
        One row per held-out subject: ``age``, ``sex``, ``covariate_<name>`` as far as they are known.
    alone
        The AUROC of covariates without the score; None if unknown.
    """
    together = np.zeros(len(labels), dtype=np.int64)
    asked, left = _asked(subjects, covariates_among(subjects), mediators)
    chosen = held_columns(labels, subjects, asked, together, priority)
    held = hold(labels, scores, together, chosen, margin)
    obstacles = _common_obstacles(labels, together, chosen, held, rng)
    aged = "age" in mediators or any(column.name == "age" for column in chosen.columns)
    unrecorded = not aged or not chosen.columns
    if unrecorded:
        obstacles.append(ClaimObstacle.NOT_RECORDED)
    claim = _claim(ON_PERSON, held, obstacles, _figures(held, ""), left, None)
    said = _alone(alone)
    if "sex" not in {plain_name(name) for name in asked}:
        said += "; sex isn't recorded and isn't held" if "sex" not in left else ""
    return Claim(
        ClaimStatus.NOT_RECORDED if unrecorded and claim.status is ClaimStatus.CANT_TELL else claim.status,
        claim.obstacles,
        claim.reason + said,
        claim.would_decide,
        claim.held,
        claim.mediators,
    )


def _asked(
    subjects: pd.DataFrame, names: Sequence[str], mediators: Sequence[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Return the recorded columns to hold, and the plain names of those that the user excludes."""
    columns = [name for name in names if subjects[name].notna().any()]
    out = tuple(plain_name(name) for name in columns if plain_name(name) in mediators)
    return [name for name in columns if plain_name(name) not in mediators], out


def _common_obstacles(
    labels: np.ndarray, strata: np.ndarray, chosen: HeldColumns, held: Held, rng: np.random.Generator
) -> list[ClaimObstacle]:
    obstacles: list[ClaimObstacle] = []
    if held.measure is None or held.measure.worth < WORTH:
        obstacles.append(ClaimObstacle.FEW)
    if chosen.open:
        obstacles.append(ClaimObstacle.COLUMNS)
    rows = (strata >= 0) & np.isfinite(chosen.X).all(axis=1)
    if chosen.X.shape[1] and outside_overlap(chosen.X[rows], np.asarray(labels)[rows], rng) > MOST_OUTSIDE:
        obstacles.append(ClaimObstacle.OVERLAP)
    return obstacles


def _claim(
    question: Question,
    held: Held,
    obstacles: list[ClaimObstacle],
    figures: str,
    mediators: tuple[str, ...],
    sites_differ: float | None,
) -> Claim:
    answer = Answer.OPEN if held.answer is Answer.HOLDS and obstacles else held.answer
    if answer in (Answer.ATTENUATED, Answer.GONE):
        obstacles = []  # A significant fall counts even if other columns were not recorded.
    said = {
        Answer.HOLDS: question.earned,
        Answer.ATTENUATED: question.attenuated,
        Answer.GONE: question.gone,
    }.get(answer)
    if said is None:
        said = "; ".join(_why(obstacle, held, question, sites_differ) for obstacle in obstacles)
        said = said or _open(held)
    elif answer is Answer.HOLDS and held.measure is not None and held.measure.fall.low > 0:
        said += ", but for a fall smaller than the margin"
    reason = f"{figures}: {said}"
    if mediators:
        reason += f"; declared mediators, not held: {', '.join(mediators)}"
    wanted = _wanted(obstacles, held) if answer is Answer.OPEN else ""
    return Claim(question.words[answer], tuple(obstacles), reason, wanted, held, mediators)


def _figures(held: Held, places: str) -> str:
    """Say what was measured, with n and what was held."""
    names = [column.name for column in held.columns if column.obstacle is None]
    with_held = f"with {_listed(names)} held" if names else ""
    how = " and ".join(part for part in (places, with_held) if part)
    measure = held.measure
    if not how:
        return f"nothing is recorded that can be held (crude held-out AUROC {held.crude:.2f})"
    if measure is None:
        return f"{how}, no AUROC could be measured (crude {held.crude:.2f})"
    value, fall = measure.auroc, measure.fall
    return (
        f"{how}, the held-out AUROC is {value.value:.2f} [{value.low:.2f} to {value.high:.2f}] "
        f"({measure.case} cases and {measure.control} controls), crude {measure.crude:.2f}, a fall of "
        f"{fall.value:.2f} [{fall.low:.2f} to {fall.high:.2f}]"
    )


def _places(strata: Strata, held: Held) -> str:
    if not strata.places.finest or held.measure is None:
        return ""
    count = held.measure.strata
    what = "site" if strata.places.finest == "site" or strata.places.nested else "batch"
    mixed = f"{count} mixed {'batches' if what == 'batch' else 'sites'}" if count > 1 else f"one mixed {what}"
    return f"within {mixed}"


def _why(obstacle: ClaimObstacle, held: Held, question: Question, sites_differ: float | None) -> str:
    worth = 0 if held.measure is None else held.measure.worth
    return {
        ClaimObstacle.NESTED: "no batch holds both classes",
        ClaimObstacle.ONE_PLACE: (
            "nothing recorded could have told: no second batch or site was compared, and no technical column "
            "tells the classes apart"
        ),
        ClaimObstacle.COLUMNS: f"not held: {_not_held(held.columns)}",
        ClaimObstacle.OVERLAP: (
            f"{question.what} all but tell the label: of more than {MOST_OUTSIDE:.0%} of the subjects they "
            f"say the class with a probability above {1 - EXTREME:.0%}"
        ),
        ClaimObstacle.COARSE: "most comparisons hold the site and not the batch",
        ClaimObstacle.SITES_DIFFER: f"the AUROC differs between sites (p after Holm {sites_differ or 0:.2g})",
        ClaimObstacle.FEW: (
            f"subjects who can be compared are worth {worth:.0f} cases and {worth:.0f} controls, fewer than "
            f"{WORTH}"
        ),
        ClaimObstacle.NOT_RECORDED: "age isn't recorded, or doesn't vary, or isn't to be held",
    }[obstacle]


def _open(held: Held) -> str:
    measure = held.measure
    assert measure is not None  # otherwise few are worth comparing
    if measure.auroc.low <= 0.5:
        return "chance is not excluded, and no fall is shown"
    return "a fall that matters is not excluded, and none is shown"


def _not_held(columns: Sequence[HeldColumn]) -> str:
    whys = {
        ColumnObstacle.MISSING: "not known for a fifth of a class or more",
        ColumnObstacle.LABEL: "the label tells it",
        ColumnObstacle.TOO_MANY: "it tells the label, and the subjects carry no further column",
    }
    named = [f"{column.name} ({whys[column.obstacle]})" for column in columns if column.obstacle in whys]
    return ", ".join(named)


def _wanted(obstacles: Sequence[ClaimObstacle], held: Held) -> str:
    """Say which data would decide."""
    wants = {
        ClaimObstacle.NESTED: "batches that hold both classes",
        ClaimObstacle.COARSE: "batches that hold both classes",
        ClaimObstacle.ONE_PLACE: (
            "a second batch or site that holds both classes, or a technical column that tells the "
            "classes apart"
        ),
        ClaimObstacle.COLUMNS: (
            "subjects of both classes of whom these columns are known, and enough to hold them"
        ),
        ClaimObstacle.OVERLAP: "cases and controls who were handled alike, or are alike in these columns",
        ClaimObstacle.SITES_DIFFER: "more sites, or what tells them apart",
        ClaimObstacle.NOT_RECORDED: "the subjects' ages",
    }
    said = list(dict.fromkeys(wants[obstacle] for obstacle in obstacles if obstacle in wants))
    if count := subjects_needed(held):
        worth = held.measure.worth if held.measure else 0
        said.append(
            f"{count} cases and {count} controls who can be compared (this cohort's are worth {worth:.0f} of "
            f"each), if these figures are the truth and with a power of {POWER:.0%}"
        )
    return "; ".join(said) or "a cohort in which the score tells the classes apart"


def _alone(alone: CovariatesAlone | None) -> str:
    """Say that covariates alone do as well as the score, where they have signal and it isn't shown better."""
    if alone is None or alone.auroc.low is None or not alone.auroc.low > 0.5:
        return ""
    low, high = alone.difference.low, alone.difference.high
    if low is None or high is None or low > 0:
        return ""
    worse = "does worse" if high < 0 else "isn't shown to do better"
    return (
        f"; covariates alone reach {alone.auroc.value:.2f} on the same held-out subjects, and the score "
        f"{worse} ({alone.difference.value:+.2f} [{low:+.2f} to {high:+.2f}])"
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
