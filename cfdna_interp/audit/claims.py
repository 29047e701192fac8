"""Rungs L4 and L5 of one score: whether its signal is handling, and whether it is the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.matrix import covariates_among, technical_among
from cfdna_interp.audit.comparison_strata import comparison_strata
from cfdna_interp.audit.held_columns import HeldColumns, held_columns, plain_name
from cfdna_interp.audit.hold import WORTH, Answer, Held, hold, measure_record, subjects_needed
from cfdna_interp.audit.overlap import MOST_OUTSIDE, outside_overlap
from cfdna_interp.records.held import (
    ClaimObstacle,
    ClaimStatus,
    CovariatesAlone,
    HeldClaim,
    PersonColumn,
    Question,
)

# Largest share of comparisons that hold the site but not the batch.
COARSE = 0.5
DIFFER = 0.05


@dataclass(frozen=True)
class Claim:
    """The answer to a rung's question.

    Attributes
    ----------
    question
        What was held.
    status
        Its word.
    obstacles
        What keeps the claim from being earned although the figures may say so.
    subjects_needed
        For ``can't tell``: how many subjects of a class would decide, None where that isn't known.
    held
        The figures.
    place
        The place within which subjects were compared, None where there is none.
    mediators
        Columns that the user declared to lie between disease and signal; they aren't held.
    sites_differ
        p value, after Holm, that the AUROC differs between sites; None where it wasn't tested.
    not_recorded
        Which of age and sex the cohort does not record.
    alone
        What covariates reach without the score; None where unknown.
    """

    question: Question
    status: ClaimStatus
    obstacles: tuple[ClaimObstacle, ...]
    subjects_needed: int | None
    held: Held
    place: Literal["batch", "site"] | None
    mediators: tuple[str, ...]
    sites_differ: float | None = None
    not_recorded: tuple[PersonColumn, ...] = ()
    alone: CovariatesAlone | None = None

    def record(self, score: str) -> HeldClaim:
        """Return the claim as a record of ``audit.json``; ``score`` is the judged score."""
        return HeldClaim(
            question=self.question,
            score=score,
            status=self.status,
            obstacles=self.obstacles,
            subjects_needed=self.subjects_needed,
            crude=self.held.crude,
            measure=measure_record(self.held.measure),
            place=self.place,
            sites_differ=self.sites_differ,
            columns=self.held.columns,
            mediators=self.mediators,
            not_recorded=self.not_recorded,
            alone=self.alone,
        )


ANSWERS: dict[Question, dict[Answer, ClaimStatus]] = {
    "handling": {
        Answer.HOLDS: ClaimStatus.NOT_HANDLING,
        Answer.ATTENUATED: ClaimStatus.ATTENUATED,
        Answer.GONE: ClaimStatus.HANDLING,
        Answer.OPEN: ClaimStatus.CANT_TELL,
    },
    "person": {
        Answer.HOLDS: ClaimStatus.NOT_PERSON,
        Answer.ATTENUATED: ClaimStatus.ATTENUATED,
        Answer.GONE: ClaimStatus.CONFOUNDED,
        Answer.OPEN: ClaimStatus.CANT_TELL,
    },
}


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
    place: Literal["batch", "site"] | None = None
    if strata.places.finest and held.measure is not None:
        place = "site" if strata.places.finest == "site" or strata.places.nested else "batch"
    return replace(_claim("handling", held, obstacles, left), place=place, sites_differ=sites_differ)


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
    claim = _claim("person", held, obstacles, left)
    present = {*map(plain_name, asked), *left}
    columns: tuple[PersonColumn, ...] = ("age", "sex")
    return replace(
        claim,
        status=ClaimStatus.NOT_RECORDED
        if unrecorded and claim.status is ClaimStatus.CANT_TELL
        else claim.status,
        not_recorded=tuple(name for name in columns if name not in present),
        alone=alone,
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
    question: Question, held: Held, obstacles: list[ClaimObstacle], mediators: tuple[str, ...]
) -> Claim:
    answer = Answer.OPEN if held.answer is Answer.HOLDS and obstacles else held.answer
    if answer in (Answer.ATTENUATED, Answer.GONE):
        obstacles = []  # A fall that is shown is shown whatever else was recorded.
    return Claim(
        question=question,
        status=ANSWERS[question][answer],
        obstacles=tuple(obstacles),
        subjects_needed=subjects_needed(held) if answer is Answer.OPEN else None,
        held=held,
        place=None,
        mediators=mediators,
    )
