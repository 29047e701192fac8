"""Which codes a logit rests on: gradient times activation, integrated from the mean embedding.

An embedding is the dictionary's bias, plus codes times directions, plus the error that is left (Marks et al.
2024, arXiv:2403.19647, who keep the error as a node of its own). Every fragment of a bag moves along the
straight line from the mean embedding to its own (integrated gradients, Sundararajan et al. 2017,
arXiv:1703.01365); what a code gets is its difference from the mean code times its direction's share of the
integrated gradient. Sums over codes and error are then the difference of the logits, whatever the dictionary.

Neither fragments x features nor features x heads are ever laid out: a head reads fragments only through its
attention sums, so that the gradient of the few read-outs of a bag gives that of every fragment, and codes, of
which few are not zero, are summed over fragments before they meet their directions. The dictionaries of all
seeds and any number of heads share one pass over the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array, hstack

from cfdna_interp.attribution.gradients import RELATIVE_TOLERANCE, TOLERANCE
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.head import QUERIES, AttentionHead
from cfdna_interp.models.pooling import Pooled, fold, pool_bags
from cfdna_interp.representation.material import Material
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder

# Points of the Gauss-Legendre rule: three are exact for polynomials of the fifth degree, and with queries
# near zero a logit is nearly one of the second. Where the sum misses the logit, more are taken.
NODES = (3, 6, 12, 24)
HEADS_AT_ONCE = 24


@dataclass(frozen=True, eq=False)
class Origin:
    """Where the line begins.

    Attributes
    ----------
    embedding
        (dim,) mean embedding of discovery fragments.
    codes
        Of each dictionary (features,) the mean codes of the same fragments.
    """

    embedding: torch.Tensor
    codes: list[np.ndarray]


@dataclass(frozen=True, eq=False)
class CodeAttributions:
    """What the codes of one dictionary carry of the logits, averaged over a sample's bags.

    Attributes
    ----------
    codes
        (models, samples, features), in units of the logit.
    error
        (models, samples): what the dictionary leaves of the embeddings.
    """

    codes: np.ndarray
    error: np.ndarray


@dataclass(frozen=True, eq=False)
class Attributed:
    """Attributions under several dictionaries.

    Attributes
    ----------
    dictionaries
        One entry a dictionary.
    difference
        (models, samples) logit less that of a bag of mean embeddings.
    gap
        The largest |sum of attributions − difference of logits| of any bag and model.
    """

    dictionaries: list[CodeAttributions]
    difference: np.ndarray
    gap: float


def sparse_codes(dictionary: SparseAutoencoder, embeddings: torch.Tensor) -> csr_array:
    """Return the (n, features) codes of (n, dim) embeddings, those that are zero left out."""
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
) -> Attributed:
    """Attribute the cross-fitted logit of every sample to codes.

    Parameters
    ----------
    material
        The discovery cohort.
    dictionaries
        Sparse autoencoders of its embeddings, plain or in blocks.
    origin
        Where the line begins, from :func:`origin_of`.
    models
        Heads of the same samples: the run's, and any number of refits. Each sample is seen through the heads
        that never saw its subject, averaged.

    Raises
    ------
    InputError
        An embedding is not finite, or the integral of a bag misses more than ``TOLERANCE`` and
        ``RELATIVE_TOLERANCE`` of the logits' difference.
    """
    widths = [dictionary.features for dictionary in dictionaries]
    edges = np.cumsum(widths)[:-1]
    decoder = torch.cat([dictionary.decoder for dictionary in dictionaries]).numpy()  # (all features, dim)
    means = np.concatenate(origin.codes)
    samples = len(material.samples)
    found = np.zeros((len(models), samples, sum(widths)), dtype=np.float32)
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
        for part in _chunks([model.heads[model.fold[place]] for model in models]):
            ensembles = [models[number].heads[models[number].fold[place]] for number in part]
            slopes, off, change = integrated_slopes(
                ensembles, bags, origin.embedding, f"sample {sample.sample}"
            )
            flat = slopes.flatten(0, 1)  # (bags x fragments, models, dim)
            summed = (codes @ flat.flatten(1).numpy()).reshape(len(means), *flat.shape[1:])
            summed -= means[:, None, None] * flat.sum(dim=0).numpy()  # (all features, models, dim)
            found[part, place] = np.einsum("jmd,jd->mj", summed, decoder) / len(bags)
            difference[part, place] = change
            gap = max(gap, off)
    parts = [CodeAttributions(part, difference - part.sum(axis=2)) for part in np.split(found, edges, axis=2)]
    return Attributed(parts, difference, gap)


def _chunks(ensembles: list[list[AttentionHead]]) -> list[list[int]]:
    """Return places of ensembles in parts of at most ``HEADS_AT_ONCE`` heads, one ensemble at least."""
    parts: list[list[int]] = []
    heads = HEADS_AT_ONCE
    for place, ensemble in enumerate(ensembles):
        if heads + len(ensemble) > HEADS_AT_ONCE:
            parts.append([])
            heads = 0
        parts[-1].append(place)
        heads += len(ensemble)
    return parts


@torch.no_grad()
def integrated_slopes(
    ensembles: list[list[AttentionHead]], bags: torch.Tensor, centre: torch.Tensor, name: str = ""
) -> tuple[torch.Tensor, float, np.ndarray]:
    """Integrate the gradient of bags' logits along the line on which all fragments leave the centre.

    Parameters
    ----------
    ensembles
        Heads whose mean logit is asked about, for each model.
    bags
        (bags, fragments, dim) embeddings in the order of their windows.
    centre
        (dim,).
    name
        Whose bags these are, for messages.

    Returns
    -------
    (bags, fragments, models, dim) mean gradient over the line, of the logit with respect to each fragment's
    embedding; the largest |sum of gradient times way − difference of logits|; and (models,) that difference,
    mean over bags.

    Raises
    ------
    InputError
        The sum misses the difference with ``NODES[-1]`` points too.
    """
    heads = [head for ensemble in ensembles for head in ensemble]
    still = centre.expand(1, bags.shape[1], -1)
    change = torch.stack([head(bags) - head(still) for head in heads], dim=1).double()  # (bags, heads)
    for nodes in NODES:
        slopes = _slopes(heads, bags, centre, nodes)  # (bags, fragments, heads, dim)
        total = ((bags - centre)[:, :, None] * slopes).sum(dim=(1, 3)).double()
        off = (total - change).abs()
        if bool((off <= (RELATIVE_TOLERANCE * change.abs()).clamp(min=TOLERANCE)).all()):
            break
    else:
        bag, head = divmod(int(off.argmax()), len(heads))
        raise InputError(
            f"{name}, bag {bag}: attributions to codes sum to {total[bag, head]:.4f}, the logit differs from "
            f"that of the mean embedding by {change[bag, head]:.4f}, with {NODES[-1]} points too; "
            "the heads' attention is too sharp for it: raise model.bag_size and run the train stage again"
        )
    sizes = [len(ensemble) for ensemble in ensembles]
    if max(sizes) > 1:
        slopes = torch.stack([part.mean(dim=2) for part in slopes.split(sizes, dim=2)], dim=2)
    of_models = [part.mean() for part in change.split(sizes, dim=1)]
    return slopes, float(off.max()), torch.stack(of_models).numpy()


def _slopes(heads: list[AttentionHead], bags: torch.Tensor, centre: torch.Tensor, nodes: int) -> torch.Tensor:
    """Return (bags, fragments, heads, dim) mean gradients over the points of the rule.

    With w = exp(score − peak), a region's mass is Σ w and its sums Σ w x. By the chain rule the gradient with
    respect to x is w ∂/∂sums + w (x · ∂/∂sums + ∂/∂mass) query / √dim, summed over queries.
    """
    queries = torch.cat([head.query for head in heads]) / bags.shape[2] ** 0.5  # (heads x queries, dim)
    places, weights = np.polynomial.legendre.leggauss(nodes)
    pushes, directions = [], []
    pulled = torch.zeros(())
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        line = centre + place * (bags - centre)
        pooled = pool_bags(line, torch.cat([head.query for head in heads])).map(lambda item: item[:, 0])
        slope = _read_out_slopes(heads, pooled)  # (bags, regions, heads x queries)
        rows, mask = fold(line)  # (bags, regions, rows, dim), (regions, rows)
        raised = (rows @ queries.T - pooled.peak[:, :, None]).exp() * (weight * mask[:, :, None])
        pushes.append(raised)  # (bags, regions, rows, heads x queries)
        directions.append(slope.sums)
        pulled = pulled + raised * (rows @ slope.sums.mT + slope.mass[:, :, None])
    pushes.append(pulled)
    directions.append(queries.expand_as(directions[0]))
    left = torch.stack(pushes, dim=-1)  # (bags, regions, rows, heads x queries, points + 1)
    right = torch.stack(directions, dim=-2)  # (bags, regions, heads x queries, points + 1, dim)
    left = left.unflatten(3, (len(heads), QUERIES)).flatten(4).transpose(2, 3)
    right = right.unflatten(2, (len(heads), QUERIES)).flatten(3, 4)
    slopes = (left @ right).transpose(2, 3)  # (bags, regions, rows, heads, dim)
    return slopes.flatten(1, 2)[:, : bags.shape[1]]


@torch.enable_grad()
def _read_out_slopes(heads: list[AttentionHead], pooled: Pooled) -> Pooled:
    """Return each head's gradient with respect to its part of mass and sums over (.., heads x queries)."""
    mass, sums = pooled.mass.clone().requires_grad_(), pooled.sums.clone().requires_grad_()
    logits = torch.zeros((), dtype=mass.dtype)
    for number, head in enumerate(heads):
        own = slice(number * QUERIES, (number + 1) * QUERIES)
        logits = (
            logits + head.read_out(Pooled(pooled.peak[..., own], mass[..., own], sums[..., own, :])).sum()
        )
    return Pooled(pooled.peak, *torch.autograd.grad(logits, (mass, sums)))
