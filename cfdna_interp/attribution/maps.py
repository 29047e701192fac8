"""Maps of a group's attribution in a bag: by length, window, CpG context and class of locus.

The values of a map add up to the group's total. Keys are properties of the sample's own fragments and not of
the donors.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import FragmentInputs

# Classes of the share of methylated calls: none without a call, low up to a quarter, high from three
# quarters.
LEVELS = ("none", "low", "middle", "high")
KINDS = ("length", "range", "region", "cpg", "locus")
# Short, mononucleosomal and long fragments: the largest length in bp of the first two.
RANGES = ("up to 150 bp", "151 to 220 bp", "above 220 bp")
_RANGE_ENDS = (150, 220)
_PLACE = ["kind", "key", "group"]


def map_rows(fragments: FragmentInputs, per_fragment: np.ndarray) -> pd.DataFrame:
    """Sum attributions of a bag's fragments over all kinds of keys.

    Parameters
    ----------
    fragments
        The bag's own n fragments.
    per_fragment
        (n, groups) attributions, groups as in ``BAG_GROUPS``.

    Returns
    -------
    Columns ``kind`` (one of ``KINDS``), ``key`` (text), ``group``, ``value`` (in units of the logit) and
    ``fragments`` (with that key). Keys are: of ``length`` the length in bp; of ``range`` one of ``RANGES``,
    whose sums have their own errors, since neighbouring lengths are correlated; of ``region`` the number of
    the hashed window; of ``cpg`` calls and class of methylation level, ``3:low``; of ``locus`` the class of
    locus, ``0`` outside of atlas blocks.
    """
    keys = {
        "length": fragments.length.astype(str),
        "range": np.array(RANGES)[np.searchsorted(_RANGE_ENDS, fragments.length)],
        "region": fragments.region.astype(str),
        "cpg": _cpg_context(fragments),
        "locus": fragments.locus.astype(str),
    }
    return pd.concat([_sums(kind, keys[kind], per_fragment) for kind in KINDS], ignore_index=True)


def _sums(kind: str, keys: np.ndarray, per_fragment: np.ndarray) -> pd.DataFrame:
    names, place = np.unique(keys, return_inverse=True)
    values = np.zeros((len(names), len(BAG_GROUPS)))
    np.add.at(values, place, per_fragment)
    return pd.DataFrame(
        {
            "kind": kind,
            "key": np.repeat(names, len(BAG_GROUPS)),
            "group": np.tile(BAG_GROUPS, len(names)),
            "value": values.ravel(),
            "fragments": np.repeat(np.bincount(place).astype(float), len(BAG_GROUPS)),
        }
    )


def _cpg_context(fragments: FragmentInputs) -> np.ndarray:
    counts = fragments.counts
    share = (fragments.states == 1).sum(axis=1) / np.maximum(counts, 1)
    level = np.where(counts == 0, 0, 1 + (share > 0.25) + (share >= 0.75))
    return np.char.add(np.char.add(counts.astype(str), ":"), np.array(LEVELS)[level])


def mean_map(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Average maps over the bags of a sample, or over the samples of a subject.

    A key that is missing in a table counts as 0, so that the values of a kind still add up to the mean total.
    """
    sums = pd.concat(tables).groupby(_PLACE, as_index=False)[["value", "fragments"]].sum()
    return sums.assign(value=sums.value / len(tables), fragments=sums.fragments / len(tables))


def cohort_map(subjects: list[pd.DataFrame], labels: np.ndarray) -> pd.DataFrame:
    """Compare the maps of cases and controls.

    Parameters
    ----------
    subjects
        The map of each subject.
    labels
        (subjects,) 1 case, 0 control.

    Returns
    -------
    Columns ``kind``, ``key``, ``group``, ``cohort`` (``case``, ``control``, or ``difference``: case minus
    control), ``mean`` and ``standard_error`` over subjects, in units of the logit, and ``fragments`` (mean
    per subject; for the difference, over both cohorts). A key that is missing in a subject counts as 0.

    Raises
    ------
    InputError
        A class has fewer than two subjects.
    """
    if min(np.sum(labels == 0), np.sum(labels == 1)) < 2:
        raise InputError(
            "the standard error of a map needs two subjects of each class; "
            "add subjects to the discovery cohort"
        )
    stacked = pd.concat([table.assign(subject=number) for number, table in enumerate(subjects)])
    wide = stacked.pivot(index=_PLACE, columns="subject", values=["value", "fragments"]).fillna(0.0)
    values, fragments = wide["value"].to_numpy(), wide["fragments"].to_numpy()  # (keys, subjects)
    case, control = values[:, labels == 1], values[:, labels == 0]
    difference = case.mean(axis=1) - control.mean(axis=1)
    columns = {
        "case": (case.mean(axis=1), _error(case), fragments[:, labels == 1]),
        "control": (control.mean(axis=1), _error(control), fragments[:, labels == 0]),
        "difference": (difference, np.hypot(_error(case), _error(control)), fragments),
    }
    place = wide.index.to_frame(index=False)
    tables = [
        place.assign(cohort=name, mean=mean, standard_error=error, fragments=held.mean(axis=1))
        for name, (mean, error, held) in columns.items()
    ]
    return pd.concat(tables, ignore_index=True)


def _error(values: np.ndarray) -> np.ndarray:
    """Return (keys,) standard errors of the mean of (keys, subjects)."""
    return np.asarray(values.std(axis=1, ddof=1) / values.shape[1] ** 0.5)
