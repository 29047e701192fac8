"""Values of all coalitions under heads that never saw the subject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from cfdna_interp.attribution.coalitions import COALITIONS, versions_of
from cfdna_interp.attribution.dataset import EmbeddedBags
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
        (samples, coalitions, donors) logits, coalitions as in ``coalitions.COALITIONS``.
    reference
        (samples, donors) logit of each donor pool's reference bag under the same heads.
    """

    values: np.ndarray
    reference: np.ndarray


def coalition_values(cohort: EmbeddedBags, fitted: CrossFit, reference: torch.Tensor) -> CoalitionValues:
    """Evaluate every coalition of every sample.

    The four versions of a bag are pooled once, separately for fragments inside and outside atlas blocks. A
    coalition is the exact merge of one inside and one outside part, so eight coalitions cost four passes over
    the fragments.
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
    """Return (coalitions, donors) logits of one head and one sample, NaN where weights are NaN.

    Parameters
    ----------
    head
        The head.
    bags
        (donors, fragments, dim) embeddings of the sample's unchanged bags.
    weights
        (donors, coalitions, fragments) weight of each fragment in each coalition.
    """
    logits: np.ndarray = head(bags, torch.from_numpy(weights).to(bags.dtype)).double().numpy().T
    return logits


def _part(pooled: Pooled, versions: tuple[int, ...], part: int) -> Pooled:
    """Return the records (samples, versions, donors, ...) of one part of some versions."""
    return pooled.map(lambda item: item[:, :, :, part][:, list(versions)])
