"""What could tell a model the label, or the held-out subjects, without any biology."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from cfdna_interp.stats.multiplicity import holm
from cfdna_interp.stats.strata import PER_CLASS

PERMUTATIONS = 999
NUMBER = re.compile(r"\d+")
DATE = re.compile(r"^\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Readable:
    """How well the label is read from something that should know nothing of it.

    Attributes
    ----------
    role
        ``discovery`` or ``heldout``.
    source
        ``order of the rows``, ``number in the subject's id``, ``letters in the sample's id``, or a column
        of dates.
    auroc
        From .5 up: the direction doesn't matter.
    chance, p, p_holm
        Mean under permuted labels, permutation p, and the same adjusted over the sources of the role.
    subjects
        Number of subjects.
    """

    role: str
    source: str
    auroc: float
    chance: float
    p: float
    p_holm: float
    subjects: int


def shared_subjects(discovery: Sequence[str], heldout: Sequence[str]) -> tuple[str, ...]:
    """Return the names that occur in both roles, spelling aside (case, spaces, ``-``, ``_`` and ``.``)."""

    def bare(name: str) -> str:
        return re.sub(r"[\s._-]+", "", name).casefold()

    known = {bare(name) for name in discovery}
    return tuple(sorted({name for name in heldout if bare(name) in known}))


def readable_labels(
    role: str,
    labels: np.ndarray,
    subjects: Sequence[str],
    samples: Sequence[str],
    obs: pd.DataFrame,
    rng: np.random.Generator,
) -> tuple[Readable, ...]:
    """Read the label from names, order and dates; one value per subject, that of its first row.

    Numbers and dates are judged by the AUROC of their order, letters by the share of cases among subjects
    of the same letters; what that reaches by chance is ``chance``. Sources that say nothing (all the same,
    or all different letters) are left out. A finding isn't a leak by itself: a model that sees no names
    can't use them. It says that cases and controls were collected, run or listed apart, so that anything
    that drifts tells the label.

    Parameters
    ----------
    role
        Goes into the result.
    labels, subjects, samples
        (samples,) label 1 or 0 and names, in the order of the rows of the sheet or table.
    obs
        (samples, columns): text columns whose values start like 2024-05-31 are read as dates.
    rng
        Source of the permutations.
    """
    first = np.sort(np.unique(np.asarray(subjects, dtype=str), return_index=True)[1])
    y = np.asarray(labels)[first]
    if min(int(y.sum()), int((1 - y).sum())) < PER_CLASS:
        return ()
    sources = {"order of the rows": np.arange(len(first), dtype=np.float64)}
    named = {"subject": subjects, "sample": samples}
    if list(subjects) == list(samples):
        del named["sample"]  # the same source twice would be paid for twice in the adjustment
    for who, names in named.items():
        chosen = [str(names[i]) for i in first]
        sources[f"number in the {who}'s id"] = _numbers(chosen)
        sources[f"letters in the {who}'s id"] = _letters(chosen)
    for column in obs.columns:
        dates = _dates(obs[column].iloc[first])
        if dates is not None:
            sources[str(column)] = dates
    shuffled = rng.permuted(np.tile(y, (PERMUTATIONS, 1)), axis=1)  # (permutations, subjects)
    found = []
    for source, values in sources.items():
        measured = np.isfinite(values)
        if len(set(y[measured].tolist())) < 2 or np.ptp(values[measured]) == 0:
            continue
        read = _by_letters if source.startswith("letters") else _by_order
        seen = read(values[measured], y[None, measured])[0]
        # Labels are dealt out over all subjects; those without a value drop out as they do in the seen ones.
        deals = shuffled[:, measured]
        deals = deals[(deals.min(axis=1) == 0) & (deals.max(axis=1) == 1)]
        null = read(values[measured], deals)
        p = (1 + int((null >= seen - 1e-12).sum())) / (1 + len(null))
        found.append((source, float(seen), float(null.mean()), p, int(measured.sum())))
    adjusted = holm([p for _, _, _, p, _ in found])
    return tuple(
        Readable(role, source, seen, chance, p, float(q), n)
        for (source, seen, chance, p, n), q in zip(found, adjusted, strict=True)
    )


def _by_order(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    aurocs = _aurocs(np.broadcast_to(rankdata(values), labels.shape), labels)
    return np.asarray(np.maximum(aurocs, 1 - aurocs))


def _by_letters(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    members = codes[:, None] == np.arange(len(counts))  # (subjects, spellings)
    rates = (labels @ members) / counts
    return _aurocs(rankdata(rates[:, codes], axis=1), labels)


def _aurocs(ranks: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the AUROC of each row of ranks for the same row of labels, both (rows, subjects)."""
    cases = labels.sum(axis=1)
    wins = (ranks * labels).sum(axis=1) - cases * (cases + 1) / 2
    return np.asarray(wins / (cases * (labels.shape[1] - cases)))


def _numbers(names: Sequence[str]) -> np.ndarray:
    """Return the last number of each name, NaN without one."""
    found = [NUMBER.findall(name) for name in names]
    return np.array([float(numbers[-1]) if numbers else np.nan for numbers in found])


def _letters(names: Sequence[str]) -> np.ndarray:
    """Return a code of each name without its numbers; NaN where every name has its own spelling."""
    spellings, codes, counts = np.unique(
        [NUMBER.sub("#", name) for name in names], return_inverse=True, return_counts=True
    )
    if counts.max() == 1 or len(spellings) == 1:
        return np.full(len(names), np.nan)
    return codes.astype(np.float64)


def _dates(column: pd.Series) -> np.ndarray | None:
    if pd.api.types.is_datetime64_any_dtype(column):
        parsed = column
    elif pd.api.types.is_numeric_dtype(column):
        return None
    else:
        text = column.astype(object).where(column.notna(), "").astype(str)
        known = text[text != ""]
        if known.empty or not known.map(lambda cell: DATE.match(cell) is not None).all():
            return None
        parsed = pd.to_datetime(text.str[:10], format="%Y-%m-%d", errors="coerce")
    days = parsed.to_numpy(dtype="datetime64[D]").astype(np.float64)
    return np.where(parsed.isna().to_numpy(), np.nan, days)
