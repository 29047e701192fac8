"""Attribution of a logit to codes: gradient times activation, integrated from the mean embedding.

An embedding is the dictionary's bias plus codes times directions plus an error (Marks et al. 2024,
arXiv:2403.19647, who also treat the error as a node). Every fragment of a bag moves along the straight line
from the mean embedding to its own (integrated gradients, Sundararajan et al. 2017, arXiv:1703.01365). The
attribution of a code is its difference from the mean code times the integrated gradient along its direction.
For any dictionary the sum over codes and error is the difference of the logits.

Arrays of fragments x features or features x heads are never built. A head reads fragments only through its
attention sums, so the gradient of a bag's few read-outs gives that of every fragment. Codes are sparse and
are summed over fragments before the product with their directions. The dictionaries of all seeds and any
number of heads share one pass over the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array, hstack

from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.representation.integrated_slopes import integrated_slopes
from cfdna_interp.representation.material import Material
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder

HEADS_AT_ONCE = 24


@dataclass(frozen=True, eq=False)
class Origin:
    """The start of the line.

    Attributes
    ----------
    embedding
        (dim,) mean embedding of discovery fragments.
    codes
        For each dictionary the (features,) mean codes of the same fragments.
    """

    embedding: torch.Tensor
    codes: list[np.ndarray]


@dataclass(frozen=True, eq=False)
class CodeAttributions:
    """Contributions of the codes of one dictionary to the logits, averaged over a sample's bags.

    Attributes
    ----------
    codes
        (models, samples, features), in units of the logit.
    error
        (models, samples) contribution of the dictionary's error.
    """

    codes: np.ndarray
    error: np.ndarray


@dataclass(frozen=True, eq=False)
class AttributedCodes:
    """Attributions under several dictionaries.

    Attributes
    ----------
    dictionaries
        One entry per dictionary.
    means
        For each dictionary the (samples, features) mean codes of all fragments in a sample's bags.
    difference
        (models, samples) logit minus that of a bag of mean embeddings.
    gap
        The largest |sum of attributions − difference of logits| of any bag and model.
    """

    dictionaries: list[CodeAttributions]
    means: list[np.ndarray]
    difference: np.ndarray
    gap: float


def sparse_codes(dictionary: SparseAutoencoder, embeddings: torch.Tensor) -> csr_array:
    """Return the (n, features) codes of (n, dim) embeddings as a sparse array."""
    indices, codes = dictionary.encode(embeddings)
    columns = dictionary.rows(indices)  # (n, active x block)
    splits = np.arange(len(columns) + 1) * columns.shape[1]
    result = csr_array(
        (codes.flatten().numpy(), columns.flatten().numpy(), splits),
        shape=(len(columns), dictionary.features),
    )
    result.eliminate_zeros()
    return result


def origin_of(embeddings: torch.Tensor, codes: Sequence[csr_array]) -> Origin:
    """Return the means of (n, dim) embeddings and of their codes under each dictionary."""
    means = [np.asarray(part.sum(axis=0, dtype=np.float64)) / part.shape[0] for part in codes]
    return Origin(embeddings.double().mean(dim=0).to(embeddings.dtype), means)


def attribute_codes(
    material: Material,
    dictionaries: Sequence[SparseAutoencoder],
    origin: Origin,
    models: Sequence[CrossFit],
) -> AttributedCodes:
    """Attribute the cross-fitted logit of every sample to codes.

    Parameters
    ----------
    material
        The discovery cohort.
    dictionaries
        Sparse autoencoders of its embeddings, plain or in blocks.
    origin
        The start of the line, from :func:`origin_of`.
    models
        Heads of the same samples: the run's, and any number of refits. A sample's logit is the mean over the
        heads that never saw its subject.

    Raises
    ------
    InputError
        An embedding is not finite, or the integral of a bag misses more than a hundredth of the logits'
        difference and more than .01.
    """
    widths = [dictionary.features for dictionary in dictionaries]
    edges = np.cumsum(widths)[:-1]
    decoder = torch.cat([dictionary.decoder for dictionary in dictionaries]).numpy()  # (all features, dim)
    means = np.concatenate(origin.codes)
    samples = len(material.samples)
    attributions = np.zeros((len(models), samples, sum(widths)), dtype=np.float32)
    averages = np.zeros((samples, sum(widths)))
    difference = np.zeros((len(models), samples))
    gap = 0.0
    for place, sample in enumerate(material.samples):
        bags = material.bagged(place)
        if not bool(torch.isfinite(bags).all()):
            raise InputError(
                f"sample {sample.sample}: an embedding is not finite; run cfdna-interp models check for the "
                "reason"
            )
        codes = hstack([sparse_codes(each, bags.flatten(0, 1)) for each in dictionaries], format="csr").T
        averages[place] = np.asarray(codes.sum(axis=1, dtype=np.float64)) / codes.shape[1]
        for part in _chunks([model.heads[model.fold[place]] for model in models]):
            ensembles = [models[number].heads[models[number].fold[place]] for number in part]
            slopes, off, change = integrated_slopes(
                ensembles, bags, origin.embedding, f"sample {sample.sample}"
            )
            flat = slopes.flatten(0, 1)  # (bags x fragments, models, dim)
            summed = (codes @ flat.flatten(1).numpy()).reshape(len(means), *flat.shape[1:])
            summed -= means[:, None, None] * flat.sum(dim=0).numpy()  # (all features, models, dim)
            attributions[part, place] = np.einsum("jmd,jd->mj", summed, decoder) / len(bags)
            difference[part, place] = change
            gap = max(gap, off)
    parts = [
        CodeAttributions(part, difference - part.sum(axis=2))
        for part in np.split(attributions, edges, axis=2)
    ]
    return AttributedCodes(parts, np.split(averages, edges, axis=1), difference, gap)


def _chunks(ensembles: list[list[AttentionHead]]) -> list[list[int]]:
    """Return indices of ensembles in parts of at most ``HEADS_AT_ONCE`` heads, or of one ensemble."""
    parts: list[list[int]] = []
    heads = HEADS_AT_ONCE
    for place, ensemble in enumerate(ensembles):
        if heads + len(ensemble) > HEADS_AT_ONCE:
            parts.append([])
            heads = 0
        parts[-1].append(place)
        heads += len(ensemble)
    return parts
