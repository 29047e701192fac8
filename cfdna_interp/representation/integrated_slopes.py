"""The gradient of a logit by fragment, averaged over the line from a common point to the bag.

A head reads fragments only through its attention sums. The gradient of a bag's few read-outs, by automatic
differentiation, therefore gives that of every fragment by the chain rule. Many heads share the passes over
the fragments.
"""

from __future__ import annotations

import numpy as np
import torch

from cfdna_interp.attribution.gradients import RELATIVE_TOLERANCE, TOLERANCE
from cfdna_interp.errors import InputError
from cfdna_interp.models.head import QUERIES, AttentionHead
from cfdna_interp.models.pooling import Pooled, fold, pool_bags

# Points of the Gauss-Legendre rule. Three are exact for polynomials of the fifth degree, and with queries
# near zero a logit is nearly quadratic. If the sum misses the logit, more are used.
NODES = (3, 6, 12, 24)


@torch.no_grad()
def integrated_slopes(
    ensembles: list[list[AttentionHead]], bags: torch.Tensor, centre: torch.Tensor, name: str = ""
) -> tuple[torch.Tensor, float, np.ndarray]:
    """Integrate the gradient of bags' logits along the line from the centre to all fragments.

    Parameters
    ----------
    ensembles
        For each model the heads whose mean logit is attributed.
    bags
        (bags, fragments, dim) embeddings in the order of their windows.
    centre
        (dim,).
    name
        Name of the bags, for messages.

    Returns
    -------
    (bags, fragments, models, dim) mean gradient over the line of the logit with respect to each fragment's
    embedding; the largest |sum of gradient times displacement − difference of logits|; and (models,) that
    difference, averaged over bags.

    Raises
    ------
    InputError
        The sum misses the difference even with ``NODES[-1]`` points.
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
    products = (left @ right).transpose(2, 3)  # (bags, regions, rows, heads, dim)
    slopes: torch.Tensor = products.flatten(1, 2)[:, : bags.shape[1]]
    return slopes


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
