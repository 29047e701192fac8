"""A cohort that comes as one table of samples by features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from msgspec import structs

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.sheet import ROLES, Sample
from cfdna_interp.cohort.cells import Cells, read_cells
from cfdna_interp.cohort.missing_columns import FIELDS, known_cells
from cfdna_interp.cohort.table_groups import feature_groups
from cfdna_interp.cohort.table_people import People, number_or_text, read_people
from cfdna_interp.config.table_settings import FeatureTable
from cfdna_interp.errors import InputError, Mistakes

MOST_MISSING = 0.2  # of the cells of a group: beyond it a group would be made of its medians
CLIP = 1e-6  # probabilities are held this far from 0 and 1 before they become logits


@dataclass(frozen=True, eq=False)
class StudyTable:
    """A table that was read and checked.

    Attributes
    ----------
    samples
        In the order of the table, labels of both roles included.
    left_out
        Samples whose role is blank.
    X
        (samples, features) float64, NaN where missing.
    groups
        feature -> group, in the order of the columns of ``X``.
    scores
        (samples,) logits of a foreign model, None where there is none.
    covariates
        name -> (samples,) numbers, NaN where missing, or text.
    columns
        Names of the columns that say something of people and handling, by field of a sample; technical ones.
    unused
        Columns without a meaning.
    digest
        SHA-256 of the file.
    """

    samples: tuple[Sample, ...]
    left_out: tuple[Sample, ...]
    X: np.ndarray
    groups: Mapping[str, str]
    scores: np.ndarray | None
    covariates: Mapping[str, list[float] | list[str]]
    columns: tuple[str, ...]
    unused: tuple[str, ...]
    digest: str

    def members(self, role: str) -> np.ndarray:
        """Return the (samples,) mask of a role."""
        return np.array([sample.role == role for sample in self.samples])

    def missing(self, role: str, group: str) -> np.ndarray:
        """Return the missing share of each feature of a group, in one role."""
        share: np.ndarray = np.isnan(self._values(role, group)).mean(axis=0)
        return share

    def gaps(self, group: str) -> np.ndarray:
        """Return the (samples, features of a group) mask of missing cells."""
        chosen = np.array([own == group for own in self.groups.values()])
        return np.asarray(np.isnan(self.X[:, chosen]))

    def varies(self, role: str, group: str) -> bool:
        """Return whether any feature of a group has two values in one role."""
        values = self._values(role, group)
        low = np.where(np.isnan(values), np.inf, values).min(axis=0)
        high = np.where(np.isnan(values), -np.inf, values).max(axis=0)
        return bool((high > low).any())

    def known(self) -> dict[str, list[bool]]:
        """Return of each column about people and handling which samples have a value."""
        return known_cells(self.samples, self.columns, self.covariates)

    def features(self, group: str) -> list[str]:
        """Return the names of a group's features."""
        return [name for name, own in self.groups.items() if own == group]

    def _values(self, role: str, group: str) -> np.ndarray:
        chosen = np.array([own == group for own in self.groups.values()])
        values: np.ndarray = self.X[np.ix_(self.members(role), chosen)]
        return values


def read_table(table: FeatureTable) -> StudyTable:
    """Read and check a table of samples by features.

    Raises
    ------
    InputError
        Whatever stands in the way, with file, place and remedy: see :func:`read_cells`,
        :func:`read_people` and :func:`feature_groups`; further a cell that is no number, a score out of
        range, a group of which more than 20 % is missing in a role or nothing varies in discovery.
    """
    mistakes = Mistakes()
    cells = read_cells(table.path)
    groups: Mapping[str, str] = {}
    with mistakes.kept():
        groups = feature_groups(cells, table)
    people = _people(cells, table, mistakes)
    cells = cells.only(people.rows)
    X, scores = np.empty((len(cells.table), 0)), None
    covariates: dict[str, list[float] | list[str]] = {}
    with mistakes.kept():
        X = cells.numbers(list(groups), people.names)
    with mistakes.kept():
        scores = _scores(cells, table, people)
    for name in table.covariates:
        with mistakes.kept():
            covariates[name] = number_or_text(cells, name, people.names)
    mistakes.stop()
    rows = list(people.rows)
    used = {name for name in structs.astuple(table.columns) if name is not None}
    used |= {*groups, *table.covariates, *table.technical}
    cohort = StudyTable(
        samples=people.samples,
        left_out=people.left_out,
        X=X[rows],
        groups=groups,
        scores=scores,
        covariates={name: _taken(values, rows) for name, values in covariates.items()},
        columns=(
            *(field for field in FIELDS if getattr(table.columns, field) is not None),
            *table.technical,
        ),
        unused=tuple(name for name in cells.columns if name not in used),
        digest=digest_file(table.path),
    )
    for group in table.groups:
        with mistakes.kept():
            _check_group(cohort, group, table.path)
    mistakes.stop()
    return cohort


def _people(cells: Cells, table: FeatureTable, mistakes: Mistakes) -> People:
    """Return who the rows are; without them nothing else can be read, and all mistakes are raised."""
    try:
        return read_people(cells, table, mistakes)
    except InputError as error:
        mistakes.take(error)
        mistakes.stop()
        raise


def read_samples(table: FeatureTable) -> list[Sample]:
    """Return the samples of a table, labels of both roles included.

    Raises
    ------
    InputError
        See :func:`read_people`.
    """
    mistakes = Mistakes()
    people = read_people(read_cells(table.path), table, mistakes)
    mistakes.stop()
    return list(people.samples)


def _taken(values: list[float] | list[str], rows: list[int]) -> list[float] | list[str]:
    taken: list[float] | list[str] = [values[row] for row in rows]  # type: ignore[assignment]
    return taken


def _scores(cells: Cells, table: FeatureTable, people: People) -> np.ndarray | None:
    """Return the logits of the score column."""
    name = table.columns.score
    if name is None:
        return None
    values = cells.numbers([name], people.names)[list(people.rows), 0]
    probability = table.score_is == "probability"
    wrong = np.isnan(values) | (probability & ((values < 0) | (values > 1)))
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        said = f"{values[place]:g} is no probability; set features.table.score_is: logit"
        if np.isnan(values[place]):
            said = "the score is missing; give one of every sample"
        raise InputError(
            f"sample {people.samples[place].sample}: table {cells.path}, row {people.rows[place] + 1}, "
            f"column {name!r}: {said}"
        )
    if not probability:
        return values
    clipped = np.clip(values, CLIP, 1 - CLIP)
    logits: np.ndarray = np.log(clipped / (1 - clipped))
    return logits


def saturated(logits: np.ndarray) -> np.ndarray:
    """Return which logits are of probabilities of 0 or 1, or so near that they were held at ``CLIP``."""
    held: np.ndarray = np.isclose(np.abs(logits), np.log((1 - CLIP) / CLIP), rtol=0, atol=1e-9)
    return held


def saturation_lines(logits: np.ndarray) -> list[str]:
    """Return what a check says of saturated scores; nothing where there are none."""
    count = int(saturated(logits).sum())
    if not count:
        return []
    return [
        f"saturated scores: {count} of {len(logits)} are 0 or 1 and have no logit; how well a surrogate "
        "follows is then read off ranks, and a score that is little else than 0 and 1 names no group: give "
        "logits if you have them"
    ]


def _check_group(cohort: StudyTable, group: str, path: str) -> None:
    names = cohort.features(group)
    for role in ROLES:
        missing = cohort.missing(role, group)
        if missing.mean() > MOST_MISSING:
            worst = int(missing.argmax())
            raise InputError(
                f"table {path}: {missing.mean():.0%} of the cells of the group {group} are missing in "
                f"{role}, more than {MOST_MISSING:.0%}; drop columns that were seldom measured (the worst: "
                f"{names[worst]!r}, {missing[worst]:.0%} missing) or leave the group out"
            )
    if not cohort.varies("discovery", group):
        raise InputError(
            f"table {path}: no feature of the group {group} varies in discovery; "
            f"correct features.table.groups.{group}, or leave the group out"
        )
