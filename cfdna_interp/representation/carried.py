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

from cfdna_interp.representation.fragment_families import family_columns
from cfdna_interp.representation.material import Part

REST = "unexplained"
_RIDGE = 1e-4  # of a column's sum of squares, as in ``annotation``


def carried(
    part: Part, sample: np.ndarray, subjects: np.ndarray, labels: np.ndarray, codes: Sequence[csr_array]
) -> list[dict[str, np.ndarray]]:
    """Divide differences of mean activation, cases less controls, among families.

    Parameters
    ----------
    part, sample
        n fragments and (n,) the place of each one's sample.
    subjects, labels
        (samples,) subject code and label; subjects weigh the same.
    codes
        Of each dictionary (n, features) activations of the fragments.

    Returns
    -------
    For each dictionary: family, and ``REST`` for what no column explains -> (features,) part of the
    difference, in units of the activation.
    """
    families = family_columns(part)
    columns = np.concatenate([np.ones((len(part), 1)), *families.values()], axis=1)
    among = columns.T @ columns
    among += _RIDGE * len(part) * np.eye(len(among))
    weight = _class_weights(subjects[sample], labels[sample])
    moved = weight @ columns
    edges = 1 + np.cumsum([0, *(each.shape[1] for each in families.values())])
    result = []
    for each in codes:
        slopes = np.linalg.solve(among, (each.T @ columns).T)  # (columns, features)
        pieces = slopes * moved[:, None]
        found = {
            family: pieces[first:last].sum(axis=0)
            for family, first, last in zip(families, edges[:-1], edges[1:], strict=True)
        }
        result.append(found | {REST: each.T @ weight - np.sum(list(found.values()), axis=0)})
    return result


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
    sizes = {family: np.abs(values[survived]) for family, values in parts.items()}
    whole = np.maximum(np.sum(list(sizes.values()), axis=0), np.finfo(float).tiny)
    weight = share[survived] / max(float(share[survived].sum()), np.finfo(float).tiny)
    return {family: float(weight @ (values / whole)) for family, values in sizes.items()}


def _class_weights(subject: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return (n,) weights by which a sum is the mean of cases less that of controls, of means of subjects."""
    size = np.bincount(subject)[subject].astype(np.float64)
    signed = np.where(label == 1, 1.0, -1.0) / size
    for value in (0, 1):
        signed[label == value] /= len(np.unique(subject[label == value]))
    return np.asarray(signed)
