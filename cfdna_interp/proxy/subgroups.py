"""Performance of a frozen score among held-out subjects of one site, one sex or one third of ages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.validation import Division, Interaction, Subgroup, Untested
from cfdna_interp.records.values import auroc_of
from cfdna_interp.stats.heterogeneity import VarianceObstacle, heterogeneity, why_untested
from cfdna_interp.stats.multiplicity import holm
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import auroc_interval
from cfdna_interp.stats.within_batch import PER_CLASS

By = Literal["site", "sex", "age"]
DIVIDED_BY: tuple[By, ...] = ("site", "sex", "age")
# Ages are divided into thirds, because ten-year groups are too small in cohorts of typical size.
_THIRDS = (1 / 3, 2 / 3)
UNTESTED = {
    VarianceObstacle.CONSTANT_SCORE: Cause.CONSTANT_SCORE,
    VarianceObstacle.SCORE_SEPARATES: Cause.SCORE_SEPARATES,
    VarianceObstacle.NO_VARIANCE: Cause.NO_VARIANCE,
}


def covariates_of(table: Table, subjects: Sequence[str]) -> dict[str, Sequence[object]]:
    """Return site, sex and age of each subject's first sample, if the table has them."""
    first = {subject: i for i, subject in reversed(list(enumerate(table.subjects)))}
    rows = [first[subject] for subject in subjects]
    columns: dict[str, Sequence[object]] = {}
    for name in ("site", "sex"):
        if name in table.obs:
            cells = table.text(name)
            columns[name] = [cells[row] for row in rows]
    if "age" in table.obs and table.obs["age"].dtype.kind in "iuf":
        columns["age"] = table.obs["age"].to_numpy(dtype=np.float64)[rows].tolist()
    return columns


def subgroups(
    labels: np.ndarray,
    scores: np.ndarray,
    covariates: Mapping[str, Sequence[object]],
    seed: int,
    names: Sequence[str],
    bootstrap: int,
) -> tuple[Division, ...]:
    """Return the AUROC by site, sex and age, and whether it differs between the groups.

    Groups with fewer than 5 cases or 5 controls have their numbers but no AUROC. Groups with an AUROC that
    are not in the test are named under ``left_out``, with the reason. The p values of the tests are adjusted
    after Holm over the divisions.

    Parameters
    ----------
    labels, scores
        (subjects,) 1 case, 0 control; finite scores.
    covariates
        ``site``, ``sex`` ("" unknown), ``age`` (NaN unknown) -> (subjects,) values, if the column exists.
    seed, names, bootstrap
        Seed of the run, names of the stream, and number of bootstrap draws.
    """
    divisions = [
        _division(by, labels, scores, covariates[by], seed, (*names, by), bootstrap)
        if by in covariates
        else _none(by, (), len(labels), Missing(why=Cause.NO_COLUMN, names=(by,)))
        for by in DIVIDED_BY
    ]
    tests = [division.interaction for division in divisions if division.interaction is not None]
    adjusted = iter(holm([test.p for test in tests]))
    return tuple(
        division
        if (test := division.interaction) is None
        else msgspec.structs.replace(
            division, interaction=msgspec.structs.replace(test, p_holm=float(next(adjusted)))
        )
        for division in divisions
    )


def _division(
    by: By,
    labels: np.ndarray,
    scores: np.ndarray,
    values: Sequence[object],
    seed: int,
    names: Sequence[str],
    bootstrap: int,
) -> Division:
    """Divide the subjects by one covariate; the p value of the test is not adjusted yet."""
    parts = _thirds(values) if by == "age" else _categories(values)
    groups: list[Subgroup] = []
    used: list[np.ndarray] = []
    untested: list[Untested] = []
    for name, rows in parts:
        case = int(labels[rows].sum())
        control = len(rows) - case
        if min(case, control) < PER_CLASS:
            few = Missing(why=Cause.FEW_OF_A_CLASS, seen=min(case, control), needed=PER_CLASS)
            groups.append(Subgroup(group=name, case=case, control=control, auroc=None, missing=few))
            continue
        interval = auroc_interval(labels[rows], scores[rows], stream(seed, *names, name), bootstrap)
        groups.append(
            Subgroup(group=name, case=case, control=control, auroc=auroc_of(interval), missing=None)
        )
        used.append(rows)
        why = why_untested(labels[rows], scores[rows])
        if why is not None:
            untested.append(Untested(group=name, missing=Missing(why=UNTESTED[why])))
    unknown = len(labels) - sum(len(rows) for _, rows in parts)
    test = heterogeneity(labels, scores, used) if len(used) > 1 else None
    if test is None:
        missing = Missing(why=Cause.FEW_VARIANCES)
        if len(used) < 2:
            missing = Missing(why=Cause.FEW_GROUPS, needed=PER_CLASS)
        return _none(by, tuple(groups), unknown, missing, tuple(untested))
    return Division(
        by=by,
        groups=tuple(groups),
        unknown=unknown,
        interaction=Interaction(
            statistic=test.statistic, df=test.df, p=test.p, groups=test.groups, n=test.n, p_holm=test.p
        ),
        left_out=tuple(untested),
        missing=None,
    )


def _none(
    by: By, groups: tuple[Subgroup, ...], unknown: int, missing: Missing, untested: tuple[Untested, ...] = ()
) -> Division:
    """Return a division without a test."""
    return Division(
        by=by, groups=groups, unknown=unknown, interaction=None, left_out=untested, missing=missing
    )


def _categories(values: Sequence[object]) -> list[tuple[str, np.ndarray]]:
    cells = np.array([str(value) for value in values], dtype=object)
    return [(name, np.flatnonzero(cells == name)) for name in sorted(set(cells.tolist()) - {""})]


def _thirds(values: Sequence[object]) -> list[tuple[str, np.ndarray]]:
    ages = np.asarray(values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(ages))
    if not len(known):
        return []
    third = np.searchsorted(np.quantile(ages[known], _THIRDS), ages[known], side="left")
    parts = [known[third == i] for i in range(len(_THIRDS) + 1)]
    return [(f"{ages[rows].min():g}-{ages[rows].max():g}", rows) for rows in parts if len(rows)]
