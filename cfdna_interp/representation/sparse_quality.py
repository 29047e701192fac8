"""Quality of a dictionary on unseen embeddings: explained variance, sparsity, recovered logits."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.representation.material import Material
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder


def reconstruct(model: SparseAutoencoder, x: torch.Tensor) -> torch.Tensor:
    """Return the (n, dim) reconstructions of (n, dim) embeddings."""
    return model.decode(*model.encode(x))


def of_embeddings(
    model: SparseAutoencoder, parts: Iterable[torch.Tensor], centre: torch.Tensor
) -> tuple[float, float, np.ndarray]:
    """Measure a dictionary on embeddings that come in parts.

    Parameters
    ----------
    model
        The dictionary.
    parts
        Parts, (n, dim) each.
    centre
        (dim,) the mean embedding.

    Returns
    -------
    Share of variance explained, active codes per embedding, and (features,) the number of embeddings for
    which each is active.
    """
    missed = total = 0.0
    seen = 0
    spoken = torch.zeros(model.features, dtype=torch.int64)
    for x in parts:
        indices, codes = model.encode(x)
        missed += float((x - model.decode(indices, codes)).double().square().sum())
        total += float((x - centre).double().square().sum())
        rows = model.rows(indices)[codes.flatten(1) != 0]
        spoken += torch.bincount(rows, minlength=model.features)
        seen += len(x)
    return 1 - missed / total, float(spoken.sum()) / seen, spoken.numpy()


def logit_recovered(
    model: SparseAutoencoder,
    material: Material,
    fitted: CrossFit,
    places: Iterable[int],
    centre: torch.Tensor,
) -> float:
    """Return how well reconstructed bags recover the heads' logits, as in :class:`DictionaryQuality`.

    Parameters
    ----------
    model
        The dictionary.
    material, fitted
        The cohort and its cross-fitted heads. A sample is scored by heads that never saw its subject.
    places
        Indices of samples in the cohort.
    centre
        (dim,) the mean embedding.
    """
    missed = total = 0.0
    for place in places:
        bags = material.bagged(place)  # (bags, fragments, dim)
        again = reconstruct(model, bags.flatten(0, 1)).unflatten(0, tuple(bags.shape[:2]))
        three = torch.stack([bags, again, centre.expand_as(bags)])
        with torch.inference_mode():
            heads = fitted.heads[int(fitted.fold[place])]
            logits = torch.stack([head(three.flatten(0, 1)) for head in heads]).double().mean(dim=0)
        real, made, mean = logits.unflatten(0, tuple(three.shape[:2])).mean(dim=1)
        missed += float((made - real).square())
        total += float((mean - real).square())
    return 1 - missed / total
