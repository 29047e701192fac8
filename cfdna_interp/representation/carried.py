"""Decomposition of the difference of a feature's activation between cases and controls.

A name (``feature_annotation``) describes what a feature follows among fragments. A feature of short and
unmethylated fragments has no single name. If only methylation differs between the classes, all of its
difference still comes from methylation. The activation is therefore regressed on the columns of all families.
The part of a family in the difference of mean activations is slope times difference of means, summed over its
columns (Oaxaca 1973, doi:10.2307/2525981; Blinder 1973, doi:10.2307/144855).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from cfdna_interp.records.funnel import NO_CARRIER, UNEXPLAINED
from cfdna_interp.representation.fragment_families import FamilyColumns
from cfdna_interp.representation.material import Material, Part
from cfdna_interp.stats.subjects import by_subject

_RIDGE = 1e-4  # of a column's sum of squares, as in ``feature_annotation``


def carried(
    material: Material, part: Part, codes: Sequence[csr_array], means: Sequence[np.ndarray]
) -> list[dict[str, np.ndarray]]:
    """Divide differences of mean activation, cases minus controls, among families.

    Slopes come from some fragments, differences of means from all. All bags have the same mix of context. A
    sample of fragments has it only approximately, and the deviation would be attributed to context.

    Parameters
    ----------
    material
        The cohort. All subjects have the same weight.
    part
        n fragments of it.
    codes
        For each dictionary the (n, features) activations of these fragments.
    means
        For each dictionary the (samples, features) mean activations of all fragments in a sample's bags.

    Returns
    -------
    For each dictionary: family -> (features,) part of the difference, in units of the activation.
    ``UNEXPLAINED`` is the part that no column explains.
    """
    fitted = FamilyColumns.fit(part)
    families = fitted.of(part)
    columns = np.concatenate([np.ones((len(part), 1)), *families.values()], axis=1)
    among = columns.T @ columns
    among += _RIDGE * len(part) * np.eye(len(among))
    averages = [
        np.concatenate([values.mean(axis=0) for values in fitted.of(material.load(place)).values()])
        for place in range(len(material.samples))
    ]
    moved = _difference(material, np.stack(averages))
    edges = np.cumsum([0, *(each.shape[1] for each in families.values())])
    result = []
    for each, average in zip(codes, means, strict=True):
        slopes = np.linalg.solve(among, (each.T @ columns).T)[1:]  # (columns, features)
        pieces = slopes * moved[:, None]
        parts = {
            family: pieces[first:last].sum(axis=0)
            for family, first, last in zip(families, edges[:-1], edges[1:], strict=True)
        }
        whole = _difference(material, average)
        result.append(parts | {UNEXPLAINED: whole - np.sum(list(parts.values()), axis=0)})
    return result


def signed_shares(parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return family -> (features,) signed share of the sum of the parts' sizes; positive: higher in cases."""
    whole = np.sum([np.abs(values) for values in parts.values()], axis=0)
    return {
        family: np.divide(values, whole, out=np.zeros_like(whole), where=whole > 0)
        for family, values in parts.items()
    }


def carriers(parts: dict[str, np.ndarray]) -> np.ndarray:
    """Return the (features,) family with more than half of each feature's difference, or ``NO_CARRIER``."""
    shares = signed_shares(parts)
    names = np.full(len(shares[UNEXPLAINED]), NO_CARRIER, dtype=object)
    for family, values in shares.items():
        if family != UNEXPLAINED:
            names[np.abs(values) > 0.5] = family
    return names


def carried_share(parts: dict[str, np.ndarray], share: np.ndarray, survived: np.ndarray) -> dict[str, float]:
    """Return each family's share of the contrast that survivors carry.

    For each survivor the sizes of its parts sum to one. Survivors are weighted by their shares of the
    contrast.

    Parameters
    ----------
    parts
        From :func:`carried`.
    share, survived
        (features,) share of the contrast and whether the feature survives.
    """
    weight = share[survived] / max(float(share[survived].sum()), np.finfo(float).tiny)
    return {
        family: float(weight @ np.abs(values[survived])) for family, values in signed_shares(parts).items()
    }


def _difference(material: Material, values: np.ndarray) -> np.ndarray:
    """Return the mean over cases minus that over controls of subjects' means of (samples, ..) values."""
    people = by_subject(material.codes, values)
    label = by_subject(material.codes, material.labels)
    return np.asarray(people[label == 1].mean(axis=0) - people[label == 0].mean(axis=0))
