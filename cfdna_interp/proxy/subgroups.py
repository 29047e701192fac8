"""How a frozen score does among held-out subjects of one site, one sex, one third of ages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.stats.heterogeneity import heterogeneity, why_untested
from cfdna_interp.stats.multiplicity import holm
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import auroc_interval
from cfdna_interp.stats.strata import PER_CLASS

DIVIDED_BY = ("site", "sex", "age")
# Thirds, because ten-year groups would leave cohorts of a usual size with groups too small to say anything.
_THIRDS = (1 / 3, 2 / 3)


def covariates_of(table: Table, subjects: Sequence[str]) -> dict[str, Sequence[object]]:
    """Return site, sex and age of each subject, those of its first sample, as far as the table has them."""
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
) -> list[dict[str, Any]]:
    """Return the AUROC by site, sex and age, and whether it differs between the groups.

    Groups below 5 cases and 5 controls have their numbers and no AUROC. Groups that have one and are not in
    the test are named under ``left_out``, with the reason. The p values of the tests are adjusted after Holm
    over the divisions.

    Parameters
    ----------
    labels, scores
        (subjects,) 1 case, 0 control; finite scores.
    covariates
        ``site``, ``sex`` ("" unknown), ``age`` (NaN unknown) -> (subjects,) values, those that are known.
    seed, names, bootstrap
        Seed of the run, names of the stream, and number of bootstrap draws.
    """
    divisions = []
    for by in DIVIDED_BY:
        if by not in covariates:
            divisions.append(_division(by, [], len(labels), f"the cohort has no column {by}"))
            continue
        parts = _thirds(covariates[by]) if by == "age" else _categories(covariates[by])
        groups, used = [], []
        left_out: list[dict[str, str]] = []
        for name, rows in parts:
            case = int(labels[rows].sum())
            group: dict[str, Any] = {"group": name, "case": case, "control": len(rows) - case}
            if min(case, len(rows) - case) < PER_CLASS:
                group |= {"auroc": None, "reason": f"fewer than {PER_CLASS} cases or {PER_CLASS} controls"}
            else:
                rng = stream(seed, *names, by, name)
                interval = auroc_interval(labels[rows], scores[rows], rng, bootstrap)
                group |= {"auroc": asdict(interval), "reason": ""}
                used.append(rows)
                if why := why_untested(labels[rows], scores[rows]):
                    left_out.append({"group": name, "reason": why})
            groups.append(group)
        division = _division(by, groups, len(labels) - sum(len(rows) for _, rows in parts), "")
        division["left_out"] = left_out
        test = heterogeneity(labels, scores, used) if len(used) > 1 else None
        if test is not None:
            division["interaction"] = asdict(test)
        elif len(used) < 2:
            division["reason"] = f"fewer than two groups with {PER_CLASS} cases and {PER_CLASS} controls"
        else:
            division["reason"] = "fewer than two groups have an AUROC with a variance"
        divisions.append(division)
    made = [division["interaction"] for division in divisions if division["interaction"] is not None]
    for interaction, p_holm in zip(made, holm([test["p"] for test in made]), strict=True):
        interaction["p_holm"] = float(p_holm)
    return divisions


def _division(by: str, groups: list[dict[str, Any]], unknown: int, reason: str) -> dict[str, Any]:
    return {
        "by": by,
        "groups": groups,
        "unknown": unknown,
        "interaction": None,
        "left_out": [],
        "reason": reason,
    }


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
