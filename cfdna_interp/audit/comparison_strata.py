"""Strata of subjects who are compared: those of one batch, or of one site without a mixed batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from cfdna_interp.records.audit import Places

# A place with fewer subjects doesn't count as a second place.
FEWEST = 5


@dataclass(frozen=True, eq=False)
class Strata:
    """The division of subjects.

    Attributes
    ----------
    codes
        (subjects,) stratum from 0; -1 for a subject of unknown place.
    places
        The same without the subjects.
    several
        Whether the crude AUROC compares cases and controls of different strata. There have to be two strata
        with 5 subjects, one of them with both classes.
    """

    codes: np.ndarray
    places: Places
    several: bool


def comparison_strata(labels: np.ndarray, subjects: pd.DataFrame) -> Strata:
    """Divide subjects by site and batch within site.

    A batch with a case and a control is a stratum of any size. The subjects of all other batches of a site
    are compared with one another, which holds the site but not the batch. If the cohort names no place, all
    subjects are one stratum.

    Parameters
    ----------
    labels
        (subjects,) 1 case, 0 control.
    subjects
        One row per subject, with ``site`` and ``batch`` where they are known ("" or missing: unknown).
    """
    y = np.asarray(labels).astype(int)
    site, batch = _names(subjects, "site"), _names(subjects, "batch")
    if not (batch != "").any():
        batch = site
    if not (batch != "").any():
        nowhere = Places(finest="", nested=False, coarse=0.0, count=0, mixed=0)
        return Strata(np.zeros(len(y), dtype=np.int64), nowhere, several=False)
    finest: Literal["batch", "site"] = "site" if (batch == site).all() else "batch"
    cells = np.array([f"{s}\0{b}" if b else "" for s, b in zip(site, batch, strict=True)], dtype=object)
    named = set(cells.tolist()) - {""}
    mixed = {cell for cell in named if len(set(y[cells == cell].tolist())) == 2}
    fine = np.isin(cells, list(mixed))
    names = np.where(fine, cells, np.where(site != "", site, ""))
    # A batch of one class with an unknown site is its own place.
    names = np.where((names == "") & (cells != ""), cells, names)
    known = sorted(set(names.tolist()) - {""})
    codes = np.array([known.index(name) if name else -1 for name in names], dtype=np.int64)
    weights = {True: 0.0, False: 0.0}
    for code in range(len(known)):
        rows = codes == code
        case = int(y[rows].sum())
        weights[bool(fine[rows].any())] += case * (rows.sum() - case) / rows.sum()
    total = sum(weights.values())
    sizes = np.bincount(codes[codes >= 0])
    return Strata(
        codes=codes,
        places=Places(
            finest=finest,
            nested=not mixed,
            coarse=weights[False] / total if total else 0.0,
            count=len(named),
            mixed=len(mixed),
        ),
        several=bool((sizes >= FEWEST).sum() > 1 and total > 0),
    )


def _names(subjects: pd.DataFrame, column: str) -> np.ndarray:
    if column not in subjects:
        return np.full(len(subjects), "", dtype=object)
    return subjects[column].astype(object).where(subjects[column].notna(), "").astype(str).to_numpy()
