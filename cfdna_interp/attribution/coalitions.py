"""Values of all coalitions under a head, and their Shapley values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.dataset import COALITIONS, EmbeddedCohort, versions_of
from cfdna_interp.attribution.shapley import contributions
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.pooling import Pooled

_SAMPLES_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class CoalitionValues:
    """Logits of all coalitions, each from heads that never saw the subject.

    Attributes
    ----------
    values
        (samples, coalitions, donors) logits, coalitions as in ``dataset.COALITIONS``.
    reference
        (samples, donors) logit of each donor pool's reference bag under the same heads.
    """

    values: np.ndarray
    reference: np.ndarray


def coalition_values(cohort: EmbeddedCohort, fitted: CrossFit, reference: torch.Tensor) -> CoalitionValues:
    """Evaluate every coalition of every sample.

    The four versions of a bag are pooled once, atlas-block fragments apart from the others; a coalition
    is the exact merge of one part each, so eight coalitions cost four passes over the fragments.
    """
    samples = len(cohort.samples)
    donors = cohort.versions.shape[2]
    values = np.zeros((samples, len(COALITIONS), donors))
    anchor = np.zeros((samples, donors))
    for fold, ensemble in enumerate(fitted.heads):
        rows = np.flatnonzero(fitted.fold == fold)
        for head in ensemble:
            with torch.inference_mode():
                anchor[rows] += head(reference).double().numpy() / len(ensemble)
            for start in range(0, len(rows), _SAMPLES_AT_ONCE):
                chunk = rows[start : start + _SAMPLES_AT_ONCE]
                index = torch.from_numpy(chunk)
                chunk_values = values_of_versions(head, cohort.versions[index], cohort.touches[index])
                values[chunk] += chunk_values / len(ensemble)
    return CoalitionValues(values, anchor)


@torch.inference_mode()
def values_of_versions(head: AttentionHead, versions: torch.Tensor, touches: torch.Tensor) -> np.ndarray:
    """Return (samples, coalitions, donors) logits of one head.

    Parameters
    ----------
    head
        The head.
    versions
        (samples, 4, donors, fragments, dim) embeddings, versions as in ``swap.VERSIONS``.
    touches
        (samples, donors, fragments) bool: the fragment touches an atlas block.
    """
    inside = touches[:, None].expand(versions.shape[:-1]).flatten(0, 2)
    parts = torch.stack([~inside, inside], dim=1).to(versions.dtype)  # (bags, parts, fragments)
    pooled = head.pool(versions.flatten(0, 2), parts)
    pooled = pooled.map(lambda item: item.unflatten(0, versions.shape[:3]))
    outside, within = zip(*map(versions_of, COALITIONS), strict=True)
    merged = _part(pooled, outside, 0).merge(_part(pooled, within, 1))  # (samples, coalitions, donors, ...)
    logits: np.ndarray = head.read_out(merged).double().numpy()
    return logits


@torch.inference_mode()
def values_of_weights(head: AttentionHead, bags: torch.Tensor, weights: np.ndarray) -> np.ndarray:
    """Return (coalitions, donors) logits of one head and one sample, NaN where weights are.

    Parameters
    ----------
    head
        The head.
    bags
        (donors, fragments, dim) embeddings of the sample's bags as they are.
    weights
        (donors, coalitions, fragments) how much fragments count in each coalition.
    """
    logits: np.ndarray = head(bags, torch.from_numpy(weights).to(bags.dtype)).double().numpy().T
    return logits


def _part(pooled: Pooled, versions: tuple[int, ...], part: int) -> Pooled:
    """Return the records (samples, versions, donors, ...) of one part of some versions."""
    return pooled.map(lambda item: item[:, :, :, part][:, list(versions)])


def shapley(values: np.ndarray) -> np.ndarray:
    """Return exact Shapley values over the groups.

    Each coalition is looked up in the table of values, so nothing is computed twice.

    Parameters
    ----------
    values
        (n, coalitions) value of each coalition, as in ``dataset.COALITIONS``.

    Returns
    -------
    (n, groups) contributions; each row sums to the value of all groups less that of none.

    Raises
    ------
    InputError
        A value is not finite.
    """
    if values.shape[1] != len(COALITIONS):
        raise ValueError(f"expected {len(COALITIONS)} coalitions, got {values.shape[1]}")
    table = np.ascontiguousarray(values, dtype=np.float64)
    return contributions(
        lambda present: table[:, COALITIONS.index(tuple(present.tolist()))], len(BAG_GROUPS)
    ).phi


def performance_of(values: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Divide the drop of the log-loss from no group to all groups over the groups.

    Covert, Lundberg & Lee, NeurIPS 2020 (SAGE), with the values of this package's interventions.

    Parameters
    ----------
    values
        (subjects, coalitions) logits, coalitions as in ``dataset.COALITIONS``.
    targets
        (subjects,) labels 0 or 1, or probabilities.
    weights
        (n, subjects) how much each subject counts, in several ways.

    Returns
    -------
    (n, groups) in nats a subject; a row sums to the loss of no group less that of all.
    """
    gain = targets[:, None] * values - np.logaddexp(0, values)  # (subjects, coalitions)
    return shapley(weights @ gain / weights.sum(axis=1, keepdims=True))


def by_subject(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Average rows of samples over each subject; returns (subjects, ...), subjects by ascending code."""
    people, inverse = np.unique(codes, return_inverse=True)
    sums = np.zeros((len(people), *values.shape[1:]))
    np.add.at(sums, inverse, values)
    counts = np.bincount(inverse).reshape(-1, *([1] * (values.ndim - 1)))
    averaged: np.ndarray = sums / counts
    return averaged


@dataclass(frozen=True, eq=False)
class Shares:
    """How a cohort's attributions divide over the groups.

    Attributes
    ----------
    share
        (groups,) Σ_i |φ_ig| / Σ_h Σ_i |φ_ih|.
    covariance
        (groups,) Cov(φ_g, f) / Var(f), f the logit; 0 in expectation for an unused group, negative for
        a suppressor.
    context
        Σ_i |v_i(∅) − reference| / Σ_h Σ_i |φ_ih|: what context and joint dependence carry, less what the
        draw of donors adds to it by chance.
    completeness
        Largest |Σ_g φ_ig + v_i(∅) − v_i(all)| over subjects.
    """

    share: np.ndarray
    covariance: np.ndarray
    context: float
    completeness: float


@dataclass(frozen=True, eq=False)
class Attributions:
    """Contributions of a cohort, from which shares follow under any weighting of its subjects.

    Attributes
    ----------
    phi
        (subjects, groups) Shapley values.
    logit, empty
        (subjects,) values of all groups and of none.
    gaps
        (subjects, donors) value of no group less the donors' reference, NaN where a donor has none.
    """

    phi: np.ndarray
    logit: np.ndarray
    empty: np.ndarray
    gaps: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, reference: np.ndarray) -> Attributions:
        """Solve the games.

        Parameters
        ----------
        values
            (subjects, coalitions, donors) values, averaged over a subject's samples.
        reference
            (subjects, donors) logit of the donors' reference under the same heads.
        """
        mean = values.mean(axis=2)
        return cls(shapley(mean), mean[:, -1], mean[:, 0], values[:, 0] - reference)

    def shares(self, weights: np.ndarray | None = None) -> Shares:
        """Summarise over subjects, each counting ``weights`` times, e.g. bootstrap multiplicities."""
        weights = np.ones(len(self.phi)) if weights is None else weights
        sizes = weights @ np.abs(self.phi)  # (groups,)
        total = float(sizes.sum())
        centred = self.logit - np.average(self.logit, weights=weights)
        variance = float((weights * centred**2).sum())
        none = np.full(len(BAG_GROUPS), np.nan)
        return Shares(
            share=sizes / total if total > 0 else none,
            covariance=(weights * centred) @ self.phi / variance if variance > 0 else none,
            context=_remainder(self.gaps, weights) / total if total > 0 else float("nan"),
            completeness=float(np.abs(self.phi.sum(axis=1) + self.empty - self.logit).max()),
        )


def shares_of(values: np.ndarray, reference: np.ndarray, weights: np.ndarray | None = None) -> Shares:
    """Return shares of (subjects, coalitions, donors) values; see :class:`Attributions`."""
    return Attributions.of(values, reference).shares(weights)


def _remainder(gaps: np.ndarray, weights: np.ndarray) -> float:
    """Return Σ_i w_i |v_i(∅) − reference| of (subjects, donors) differences, without the donors' noise.

    The mean over donors differs from its expectation by a standard error that the donors tell; a small bag's
    is as large as what it is to measure. All differences are shrunk by the share of their mean square that
    the mean squared standard error doesn't explain.
    """
    count = np.isfinite(gaps).sum(axis=1)
    mean = np.nansum(gaps, axis=1) / np.maximum(count, 1)
    size = float((weights * mean**2).sum())
    several = weights * (count > 1)
    if size == 0 or several.sum() == 0:
        return float((weights * np.abs(mean)).sum())
    squares = np.nansum((gaps - mean[:, None]) ** 2, axis=1)
    error = squares / (np.maximum(count - 1, 1) * count)  # squared standard error of a subject's mean
    noise = float((several * error).sum() / several.sum() * weights.sum())
    shrunk = float(np.sqrt(max(0.0, 1 - noise / size)))
    return shrunk * float((weights * np.abs(mean)).sum())
