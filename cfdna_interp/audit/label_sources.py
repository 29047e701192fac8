"""Sources that could reveal the label or the held-out subjects to a model without any biology."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pandas as pd
from scipy.stats import rankdata

from cfdna_interp.artifacts.sheet import Role
from cfdna_interp.audit.dates import days
from cfdna_interp.audit.missing_cells import Gaps
from cfdna_interp.records.leaks import LabelSource, SourceKind
from cfdna_interp.records.values import known
from cfdna_interp.stats.multiplicity import holm
from cfdna_interp.stats.subjects import first_samples
from cfdna_interp.stats.within_batch import PER_CLASS

PERMUTATIONS = 4_999
COLUMNS = 500  # columns per block, which bounds memory and doesn't change results
TELLS = 0.05  # largest p after Holm at which a source predicts the label
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, eq=False)
class LabelReading:
    """A source of labels and the values read from it.

    Attributes
    ----------
    label
        How well it predicts the label.
    values
        (samples,) values of the most informative column; NaN where there is none.
    """

    label: LabelSource
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class _Source:
    """(subjects, columns) values, NaN where there is none, and their description."""

    kind: SourceKind
    name: str
    values: np.ndarray
    inputs: bool = False
    columns: tuple[str, ...] = ("",)


def shared_subjects(discovery: Sequence[str], heldout: Sequence[str]) -> tuple[str, ...]:
    """Return the held-out names that occur in discovery, apart from spelling.

    Case and the separators space, ``-``, ``_`` and ``.`` are ignored. Between two digits all separators are
    equal, but a separator isn't ignored: ``2-13`` differs from ``21-3``.
    """

    def bare(name: str) -> str:
        joined = re.sub(r"(?<=\d)[\s._-]+(?=\d)", "/", name)
        return re.sub(r"[\s._-]+", "", joined).casefold()

    there = {bare(name) for name in discovery}
    return tuple(sorted({name for name in heldout if bare(name) in there}))


def readable_labels(
    role: Role,
    labels: np.ndarray,
    subjects: Sequence[str],
    samples: Sequence[str],
    obs: pd.DataFrame,
    rng: np.random.Generator,
    gaps: Sequence[Gaps] = (),
) -> tuple[LabelReading, ...]:
    """Predict the label from names, order, dates and missing cells, using each subject's first row.

    Numbers, dates and gaps are judged by the AUROC of their order, letters by the share of cases among
    subjects with the same letters. ``chance`` is the AUROC that this reaches by chance. A pattern of gaps is
    represented by its most informative column or by the number of gaps, with true and with permuted labels.
    Sources without information (all the same, or all different letters) are left out. A source that predicts
    the label isn't a leak by itself: :mod:`cfdna_interp.audit.leak_rule` says when it is.

    Parameters
    ----------
    role
        Role, for the result.
    labels, subjects, samples
        (samples,) label 1 or 0 and names, in the order of the rows of the sheet or table.
    obs
        (samples, columns): text columns whose values start like 2024-05-31 are read as dates.
    rng
        Source of the permutations.
    gaps
        The missing cells, (samples, columns) each.
    """
    names = np.asarray(subjects, dtype=str)
    first = first_samples(names)
    y = np.asarray(labels)[first]
    if min(int(y.sum()), int((1 - y).sum())) < PER_CLASS:
        return ()
    sources = [
        *_sources_of_names(first, subjects, samples),
        *_sources_of_dates(obs.iloc[first]),
        *_sources_of_gaps(gaps, first),
    ]
    shuffled = rng.permuted(np.tile(y, (PERMUTATIONS, 1)), axis=1)  # (permutations, subjects)
    readings: list[LabelReading] = []
    # (samples,) index of each sample's subject in ``first``
    order = {names[row]: place for place, row in enumerate(first)}
    owners = np.array([order[name] for name in names])
    for source in sources:
        measured = np.isfinite(source.values).all(axis=1)
        values = source.values[measured]
        if len(set(y[measured].tolist())) < 2 or (np.ptp(values, axis=0) == 0).all():
            continue
        # Labels are permuted over all subjects. Those without a value are then left out, as with the true
        # labels.
        deals = shuffled[:, measured]
        deals = deals[(deals.min(axis=1) == 0) & (deals.max(axis=1) == 1)]
        if source.kind is SourceKind.LETTERS:
            best, seen = 0, _by_letters(values[:, 0], y[None, measured])[0]
            null = _by_letters(values[:, 0], deals)
            told = np.full(len(first), np.nan)
            told[measured] = _rates(values[:, 0], y[measured])
        else:
            each, null = _by_order(values, y[None, measured]), np.zeros(len(deals))
            best = int(each[:, 0].argmax())
            seen = each[best, 0]
            for start in range(0, values.shape[1], COLUMNS):
                null = np.maximum(null, _by_order(values[:, start : start + COLUMNS], deals).max(axis=0))
            told = source.values[:, best]
        p = (1 + int((null >= seen - 1e-12).sum())) / (1 + len(null))
        label = LabelSource(
            role=role,
            kind=source.kind,
            source=source.name,
            column=source.columns[best],
            inputs=source.inputs,
            auroc=float(seen),
            chance=known(null.mean()),
            p=p,
            p_holm=p,
            tells=False,
            subjects=int(measured.sum()),
        )
        readings.append(LabelReading(label, told[owners]))
    adjusted = holm([reading.label.p for reading in readings])
    return tuple(
        LabelReading(msgspec.structs.replace(one.label, p_holm=float(q), tells=bool(q <= TELLS)), one.values)
        for one, q in zip(readings, adjusted, strict=True)
    )


def _sources_of_names(first: np.ndarray, subjects: Sequence[str], samples: Sequence[str]) -> list[_Source]:
    sources = [_Source(SourceKind.ORDER, "order of the rows", _column(np.arange(len(first))))]
    named = {"subject": subjects, "sample": samples}
    if list(subjects) == list(samples):
        del named["sample"]  # the same source must not count twice in the adjustment
    for who, names in named.items():
        chosen = [str(names[i]) for i in first]
        sources += [
            _Source(SourceKind.NUMBER, f"number in the {who}'s id", _column(_numbers(chosen))),
            _Source(SourceKind.LETTERS, f"letters in the {who}'s id", _column(_letters(chosen))),
        ]
    return sources


def _sources_of_dates(obs: pd.DataFrame) -> list[_Source]:
    dates = {str(column): days(obs[column]) for column in obs.columns}
    return [
        _Source(SourceKind.DATE, name, _column(values))
        for name, values in dates.items()
        if values is not None
    ]


def _sources_of_gaps(gaps: Sequence[Gaps], first: np.ndarray) -> list[_Source]:
    """Return a source for each pattern with a gap: its distinct columns and the number of gaps."""
    sources = []
    for pattern in gaps:
        missing = pattern.missing[first]
        some = np.flatnonzero(missing.any(axis=0))
        if len(some):
            # Columns with the same gaps are one column.
            columns, places = np.unique(missing[:, some], axis=1, return_index=True)
            # The number of gaps comes last, so that a column that is equally informative is named instead.
            values = np.column_stack([columns, missing.sum(axis=1)]).astype(np.float64)
            names = (*(pattern.columns[some[place]] for place in places), "")
            sources.append(_Source(SourceKind.GAPS, pattern.name, values, bool(pattern.group), names))
    return sources


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)[:, None]


def _by_order(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (columns, deals) AUROCs from .5 up of (subjects, columns) values, (deals, subjects) labels."""
    ranks = rankdata(values, axis=0)
    cases = labels.sum(axis=1)
    wins = ranks.T @ labels.T - cases * (cases + 1) / 2
    aurocs = wins / (cases * (labels.shape[1] - cases))
    return np.asarray(np.maximum(aurocs, 1 - aurocs))


def _by_letters(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    members = codes[:, None] == np.arange(len(counts))  # (subjects, spellings)
    rates = (labels @ members) / counts
    ranks = rankdata(rates[:, codes], axis=1)
    cases = labels.sum(axis=1)
    wins = (ranks * labels).sum(axis=1) - cases * (cases + 1) / 2
    return np.asarray(wins / (cases * (labels.shape[1] - cases)))


def _rates(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return for each subject the share of cases among those with the same value."""
    _, codes = np.unique(values, return_inverse=True)
    return np.asarray((np.bincount(codes, labels) / np.bincount(codes))[codes])


def _numbers(names: Sequence[str]) -> np.ndarray:
    """Return the last number of each name, NaN without one."""
    digits = [NUMBER.findall(name) for name in names]
    return np.array([float(numbers[-1]) if numbers else np.nan for numbers in digits])


def _letters(names: Sequence[str]) -> np.ndarray:
    """Return a code of each name without its numbers; NaN if all names have different spellings."""
    spellings, codes, counts = np.unique(
        [NUMBER.sub("#", name) for name in names], return_inverse=True, return_counts=True
    )
    if counts.max() == 1 or len(spellings) == 1:
        return np.full(len(names), np.nan)
    return codes.astype(np.float64)
