"""What the difference of a feature's activation between cases and controls comes from.

A name (``annotation``) says what a feature stands for among fragments. A feature that speaks for short and
unmethylated fragments has two names or none; yet where only methylation differs between the classes, all of
its difference comes with methylation. So the activation is regressed on the columns of all families, and
the difference of mean activations is divided as the differences of mean columns are: slope times
difference, summed over a family's columns (Oaxaca 1973, doi:10.2307/2525981; Blinder 1973,
doi:10.2307/144855).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from cfdna_interp.records.funnel import NO_CARRIER, UNEXPLAINED
from cfdna_interp.representation.fragment_families import FamilyColumns
from cfdna_interp.representation.material import Material, Part
from cfdna_interp.stats.subjects import by_subject

_RIDGE = 1e-4  # of a column's sum of squares, as in ``annotation``


def carried(
    material: Material, part: Part, codes: Sequence[csr_array], means: Sequence[np.ndarray]
) -> list[dict[str, np.ndarray]]:
    """Divide differences of mean activation, cases less controls, among families.

    Slopes come from some fragments, differences of means from all: bags have one mix of context, a draw from
    them has it only nearly, and what it is off by would go to the context.

    Parameters
    ----------
    material
        The cohort; each of its subjects weighs the same.
    part
        n fragments of it.
    codes
        Of each dictionary (n, features) activations of these fragments.
    means
        Of each dictionary (samples, features) mean activations of all fragments in a sample's bags.

    Returns
    -------
    For each dictionary: family, and ``UNEXPLAINED`` for what no column explains -> (features,) part of the
    difference, in units of the activation.
    """
    fitted = FamilyColumns.fit(part)
    families = fitted.of(part)
    columns = np.concatenate([np.ones((len(part), 1)), *families.values()], axis=1)
    among = columns.T @ columns
    among += _RIDGE * len(part) * np.eye(len(among))
    averages = [
        np.concatenate([found.mean(axis=0) for found in fitted.of(material.load(place)).values()])
        for place in range(len(material.samples))
    ]
    moved = _difference(material, np.stack(averages))
    edges = np.cumsum([0, *(each.shape[1] for each in families.values())])
    result = []
    for each, average in zip(codes, means, strict=True):
        slopes = np.linalg.solve(among, (each.T @ columns).T)[1:]  # (columns, features)
        pieces = slopes * moved[:, None]
        found = {
            family: pieces[first:last].sum(axis=0)
            for family, first, last in zip(families, edges[:-1], edges[1:], strict=True)
        }
        whole = _difference(material, average)
        result.append(found | {UNEXPLAINED: whole - np.sum(list(found.values()), axis=0)})
    return result


def signed_shares(parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return family -> (features,) its part of what the parts' sizes add up to; positive: higher in cases."""
    whole = np.sum([np.abs(values) for values in parts.values()], axis=0)
    return {
        family: np.divide(values, whole, out=np.zeros_like(whole), where=whole > 0)
        for family, values in parts.items()
    }


def carriers(parts: dict[str, np.ndarray]) -> np.ndarray:
    """Return (features,) the family with more than half of a feature's difference, or ``NO_CARRIER``."""
    shares = signed_shares(parts)
    names = np.full(len(shares[UNEXPLAINED]), NO_CARRIER, dtype=object)
    for family, values in shares.items():
        if family != UNEXPLAINED:
            names[np.abs(values) > 0.5] = family
    return names


def carried_share(parts: dict[str, np.ndarray], share: np.ndarray, survived: np.ndarray) -> dict[str, float]:
    """Return how much of what survivors carry comes with each family.

    Of each survivor, the sizes of its parts of one sign and the other make a whole; survivors weigh as their
    shares of the contrast.

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
    """Return means of cases less those of controls, of means of subjects, of (samples, ..) values."""
    people = by_subject(material.codes, values)
    label = by_subject(material.codes, material.labels)
    return np.asarray(people[label == 1].mean(axis=0) - people[label == 0].mean(axis=0))
